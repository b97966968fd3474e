"""One Engine API request at the plane: what was asked, by whom, of which host; and the ways to answer it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import urllib.parse
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from controlplane.accounts.actor import Actor
from controlplane.engine_api.environment import Environment
from controlplane.engine_api.router import Match
from wire import versions
from wire.errors import Cancelled, Exhausted, Invalid, MooringError
from wire.httpstatus import status_of
from wire.net.asgi import Receive, Scope, Send

__all__ = ["BODY_LIMIT_BYTES", "COMMON_HEADERS", "Request"]

BODY_LIMIT_BYTES = 4 * 1024 * 1024
DRAIN_BYTES, DRAIN_S = 64 * 1024 * 1024, 5.0
Header = tuple[bytes, bytes]
COMMON_HEADERS: tuple[Header, ...] = (
    (b"api-version", str(versions.MAX_API).encode()),
    (b"docker-experimental", b"false"),
    (b"ostype", b"linux"),
    (b"server", b"Mooring/0.1 (linux)"),
)
_NOT_FORWARDED = {
    b"host", b"authorization", b"cookie", b"connection", b"upgrade", b"keep-alive", b"te", b"trailer", b"expect",
    b"proxy-authorization", b"proxy-connection", b"forwarded", b"x-mooring-operation", b"x-mooring-source",
}  # fmt: skip
_NAMED = re.compile(r"^((?:/v[0-9.]+)?/(?:containers|exec)/)[^/?]+")
_NOT_RETURNED = {"connection", "keep-alive", "transfer-encoding", "upgrade", "x-mooring-gateway"}


@dataclass(slots=True)
class Request:
    """`path` is decoded and without base path and version prefix; `raw_path` is what is sent on: prefix and query."""

    scope: Scope
    receive: Receive
    send: Send
    actor: Actor
    match: Match
    environment: Environment
    path: str
    raw_path: str
    request_id: str
    started: bool = False
    refusal: str = ""  # what the host said when it refused what was passed on to it, or failed at the end of its stream
    body_read: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def method(self) -> str:
        """HTTP method; a WebSocket handshake is a GET, an upgrade keeps its own."""
        return str(self.scope.get("method", "GET"))

    @property
    def is_upgrade(self) -> bool:
        """True for an upgraded connection and for a WebSocket."""
        return bool(self.scope["type"] == "websocket")

    @property
    def query(self) -> dict[str, list[str]]:
        """Query parameters."""
        return urllib.parse.parse_qs(self.scope["query_string"].decode("latin-1"), keep_blank_values=True)

    def header(self, name: bytes) -> bytes:
        """Return the first header of that lower-case name, empty without one."""
        return next((value for key, value in self.scope["headers"] if key == name), b"")

    @property
    def has_body(self) -> bool:
        """Whether the request carries a body."""
        return self.header(b"content-length") not in (b"", b"0") or bool(self.header(b"transfer-encoding"))

    def settle_name(self, name: str) -> None:
        """Send the request on with `name` in place of the container (or exec) that its path names: the one checked."""
        if name != self.match.name:
            self.match = dataclasses.replace(self.match, name=name)
            self.raw_path = _NAMED.sub(lambda found: found[1] + urllib.parse.quote(name, safe=""), self.raw_path, 1)

    def forwarded_headers(self, *, body_length: int | None = None) -> list[tuple[str, str]]:
        """Return the headers to send on: none that prove identity or belong to this hop."""
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self.scope["headers"]
            if name not in _NOT_FORWARDED and not (body_length is not None and name in _BODY_HEADERS)
        ]
        if body_length is not None:
            headers.append(("content-length", str(body_length)))
        if self.is_upgrade:
            upgrade = self.scope.get("extensions", {}).get("hijack", {}).get("upgrade")
            if upgrade:
                headers += [("connection", "Upgrade"), ("upgrade", upgrade)]
        return headers

    async def body(self) -> bytes:
        """Return the whole body. Raises Exhausted (413) past the limit, Cancelled when the client goes away."""
        if self.is_upgrade:
            return bytes(self.scope.get("extensions", {}).get("hijack", {}).get("body", b""))
        if not self.has_body:
            return b""
        parts: list[bytes] = []
        size = 0
        async for part in self.body_stream():
            size += len(part)
            if size > BODY_LIMIT_BYTES:
                raise Exhausted("http: request body too large")
            parts.append(part)
        return b"".join(parts)

    async def body_stream(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises Cancelled when the client goes away before its end."""
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise Cancelled("the client went away")
            if part := message.get("body", b""):
                yield part
            if not message.get("more_body", False):
                self.body_read.set()
                return

    def check_json(self) -> None:
        """Raise Invalid in Docker's words when a body that must be JSON says that it is something else."""
        content_type = self.header(b"content-type").decode("latin-1")
        if not content_type and not self.has_body:
            return
        mime = content_type.partition(";")[0].strip().lower()
        if not mime:
            raise Invalid(f"malformed Content-Type header ({content_type}): mime: no media type")
        if mime != "application/json":
            raise Invalid(f"unsupported Content-Type header ({mime}): must be 'application/json'")

    # answers
    async def begin(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send status and a host's headers on, without those of its hop."""
        fields = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers
            if name.lower() not in _NOT_RETURNED
        ]
        names = {name for name, _ in fields}
        fields += [header for header in COMMON_HEADERS if header[0] not in names]
        await self._start(status, fields)

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send a piece of the body."""
        await self.send({"type": self._kind("http.response.body"), "body": data, "more_body": more})

    async def answer(self, status: int, body: bytes = b"", headers: Iterable[Header] = ()) -> None:
        """Answer completely."""
        fields = [*COMMON_HEADERS, *headers]
        if status not in (204, 304):
            fields.append((b"content-length", b"%d" % len(body)))
        await self._start(status, fields)
        await self.write(body, more=False)

    async def answer_redirect(self, target: str) -> None:
        """Send the client to another path of ours."""
        await self._drain()
        await self.answer(301, headers=((b"location", target.encode()),))

    async def answer_error(self, error: MooringError) -> None:
        """Answer in Docker's error shape; once an answer has begun it can only be cut."""
        if self.started:
            return
        await self._drain()
        status = status_of(error)
        headers: list[Header] = [(b"content-type", b"application/json")]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if status in (503, 504):
            headers.append((b"retry-after", b"2"))
        body = b"" if status == 304 else orjson.dumps({"message": error.message}) + b"\n"
        await self.answer(status, body, headers)

    async def _drain(self) -> None:
        """Read what the client still sends, within limits: closing on unread bytes would make its kernel drop our
        answer."""
        if self.is_upgrade or not self.has_body or self.body_read.is_set():
            return
        size = 0
        with contextlib.suppress(TimeoutError, Cancelled):
            async with asyncio.timeout(DRAIN_S):
                async for part in self.body_stream():
                    size += len(part)
                    if size > DRAIN_BYTES:
                        return

    def _kind(self, message: str) -> str:
        return f"websocket.{message}" if self.is_upgrade else message

    async def _start(self, status: int, fields: list[Any]) -> None:
        self.started = True
        await self.send({"type": self._kind("http.response.start"), "status": status, "headers": fields})


_BODY_HEADERS = (b"content-length", b"transfer-encoding")
