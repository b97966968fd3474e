"""One request and its answer, whether it came as HTTP, as an upgrade or as a WebSocket."""

from __future__ import annotations

import asyncio
import re
import urllib.parse
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from agent.api.duplex import Duplex
from wire import errors, versions
from wire.engine.shape import decode, encode
from wire.filters import parse as parse_filters
from wire.net.asgi import Receive, Scope, Send

__all__ = ["JSON", "Request"]

T = TypeVar("T")
Header = tuple[bytes, bytes]

JSON: Final = "application/json"
_MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
_FALSE: Final = frozenset(("", "0", "no", "false", "none"))
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_JSON_HEADER: Final[Header] = (b"content-type", b"application/json")


class Request:
    """What a handler gets. `name` is the route's one parameter (an id, a name, an image reference).

    Every handler ends the answer by exactly one of the `answer…` methods or by `stream` and its kin. `common_headers`
    are on every answer, errors included.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, version: versions.ApiVersion, path: str,
        common_headers: Sequence[Header],
    ) -> None:  # fmt: skip
        self.scope = scope
        self.method: str = scope.get("method", "GET")
        self.path = path
        self.version = version
        self.name = ""
        self.started = False
        self.document = b""  # what `decode` read
        self._receive = receive
        self._send = send
        self._common_headers = common_headers
        self._upgraded = scope["type"] == "websocket"
        self._query: dict[str, list[str]] | None = None
        self._body_read: asyncio.Event | None = None  # None: nobody streams the body

    # what was asked
    @property
    def query(self) -> Mapping[str, Sequence[str]]:
        if self._query is None:
            text = self.scope["query_string"].decode("latin-1")
            if (wrong := _BAD_ESCAPE.search(text)) is not None:
                raise errors.Invalid(f'invalid URL escape "{wrong[0]}"')
            self._query = urllib.parse.parse_qs(text, keep_blank_values=True) if text else {}
        return self._query

    def text(self, name: str, default: str = "") -> str:
        """First value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def texts(self, name: str) -> Sequence[str]:
        return self.query.get(name, ())

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean as Docker reads it: everything is true but "", 0, no, false and none."""
        values = self.query.get(name)
        return values[0].strip().lower() not in _FALSE if values else default

    def number(self, name: str, error: type[errors.MooringError] = errors.Invalid) -> int:
        """A required number. Raises `error` in the words of Go's parser."""
        text = self.text(name)
        digits = text[1:] if text[:1] in ("-", "+") else text
        if not (digits.isascii() and digits.isdigit()):
            raise error(f'strconv.Atoi: parsing "{text}": invalid syntax')
        if not -(2**63) <= int(text) < 2**63:
            raise error(f'strconv.Atoi: parsing "{text}": value out of range')
        return int(text)

    def find_number(self, name: str, error: type[errors.MooringError] = errors.Internal) -> int | None:
        """A number that may be left out or empty. Docker answers 500 to a malformed one, hence the default."""
        return self.number(name, error) if self.text(name) else None

    @property
    def filters(self) -> dict[str, list[str]]:
        return parse_filters(self.text("filters"))

    def header(self, name: str) -> str:
        """First header of that (lower-case) name, "" without one."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == wanted), "")

    @property
    def operation(self) -> str:
        """The caller's operation key: the same key is done once and answers the same."""
        return self.header("x-mooring-operation")

    @property
    def has_body(self) -> bool:
        if self._upgraded:
            return bool(self._hijack.get("body"))
        return self.header("content-length") not in ("", "0") or bool(self.header("transfer-encoding"))

    async def body(self, limit_bytes: int = _MAX_DOCUMENT_BYTES) -> bytes:
        """The whole body. Raises Exhausted (413) past the limit."""
        if self._upgraded:
            early: bytes = self._hijack.get("body", b"")
            return early
        if self.header("content-length") == "0":
            return b""
        parts: list[bytes] = []
        size = 0
        async for part in self.body_stream():
            size += len(part)
            if size > limit_bytes:
                raise errors.Exhausted("http: request body too large")
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def body_stream(self) -> AsyncIterator[bytes]:
        """The body as it comes; to be read once. Raises Cancelled when the client goes away before its end."""
        self._body_read = asyncio.Event()
        return self._body_parts(self._body_read)

    async def _body_parts(self, read: asyncio.Event) -> AsyncIterator[bytes]:
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise errors.Cancelled("the client went away")
            if part := message.get("body", b""):
                yield part
            if not message.get("more_body", False):
                read.set()
                return

    async def decode(self, shape: type[T], *, may_be_empty: bool = False) -> T:
        """The JSON body as `shape`. Raises Invalid in Docker's words for another content type or bad JSON; no body at
        all is an empty object where it `may_be_empty`."""
        content_type = self.header("content-type")
        if content_type or self.has_body:
            mime, semicolon, parameters = content_type.partition(";")
            mime = mime.strip().lower()
            if semicolon and parameters.strip() and "=" not in parameters:
                raise errors.Invalid(f"malformed Content-Type header ({content_type}): mime: invalid media parameter")
            if not mime:
                raise errors.Invalid(f"malformed Content-Type header ({content_type}): mime: no media type")
            if mime != JSON:
                raise errors.Invalid(f"unsupported Content-Type header ({mime}): must be '{JSON}'")
        if may_be_empty and not self.has_body:
            return decode(b"{}", shape)
        self.document = await self.body()
        return decode(self.document, shape)

    async def find(self, shape: type[T]) -> T | None:
        """The JSON body as `shape`, None when there is no body or it is null."""
        if not self.has_body:
            return None
        body = await self.body()
        return None if body.strip() in (b"", b"null") else decode(body, shape)

    # answers
    async def answer(self, status: int, body: bytes = b"", headers: Iterable[Header] = ()) -> None:
        """Answer completely."""
        fields = [*self._common_headers, *headers]
        if status not in (204, 304):
            fields.append((b"content-length", b"%d" % len(body)))
        await self._start(status, fields)
        await self._send({"type": self._kind("http.response.body"), "body": body})

    async def answer_json(self, document: object, status: int = 200) -> None:
        await self.answer(status, encode(document) + b"\n", (_JSON_HEADER,))

    async def answer_nothing(self, status: int = 204) -> None:
        await self.answer(status)

    async def answer_redirect(self, target: str) -> None:
        """Send the client to another path of ours."""
        await self.answer(301, headers=((b"location", target.encode()),))

    async def answer_error(self, error: errors.MooringError, status: int) -> None:
        await self.answer_json({"message": error.message}, status)

    async def begin(self, content_type: str, headers: Iterable[Header] = ()) -> None:
        """Send status 200 and headers now; the body follows by `write` and ends by `end`."""
        await self._start(200, [*self._common_headers, (b"content-type", content_type.encode()), *headers])
        await self.write(b"")

    async def write(self, data: bytes) -> None:
        await self._send({"type": self._kind("http.response.body"), "body": data, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": self._kind("http.response.body"), "body": b""})

    async def stream(self, chunks: AsyncIterator[bytes], content_type: str, headers: Iterable[Header] = ()) -> None:
        """Answer with `chunks`, headers first and at once; stops, and closes `chunks`, when the client goes away."""
        await self.begin(content_type, headers)
        await self.until_disconnect(self._pump(chunks))

    async def stream_checked(self, chunks: AsyncIterator[bytes], content_type: str) -> None:
        """As `stream`, with the headers after the first chunk: what fails before it gets its own status."""
        await self.stream(await _primed(chunks), content_type)

    async def stream_json(self, documents: AsyncIterator[Any]) -> None:
        """Answer with one JSON document per line, headers at once."""
        await self.stream(_lines(documents, b"\n"), JSON)

    async def stream_progress(self, documents: AsyncIterator[Any], *, eager: bool = False) -> None:
        """Answer with Docker's progress messages, one per line.

        Headers wait for the first one, so that what fails before it is answered with its own status; with `eager` they
        do not. Failures after the headers become Docker's error line.
        """
        lines = _lines(documents, b"\r\n", tell_all=eager)
        await self.stream(lines if eager else await _primed(lines), JSON)

    async def until_disconnect(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run `work` to its end, or cancel it when the client goes away. Returns whether it came to its end."""
        working = asyncio.ensure_future(work)
        watching = asyncio.ensure_future(self._disconnected())
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return True
            return False
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    # upgrades
    def duplex(self) -> Duplex:
        """The upgraded connection. Invalid when the request did not come alone on its connection."""
        if not self._upgraded:
            raise errors.Invalid("this request takes its connection over and cannot be sent behind another one")
        return Duplex(self._receive, self._send, self._common_headers)

    @property
    def upgrade(self) -> str | None:
        """What the client asked to upgrade to (`tcp`, `h2c`), None when it did not ask."""
        return self._hijack.get("upgrade")

    @property
    def is_websocket(self) -> bool:
        return self._upgraded and not self._hijack

    @property
    def _hijack(self) -> dict[str, Any]:
        return self.scope.get("extensions", {}).get("hijack", {})  # type: ignore[no-any-return]

    def _kind(self, message: str) -> str:
        return f"websocket.{message}" if self._upgraded else message

    async def _start(self, status: int, headers: list[Header]) -> None:
        self.started = True
        await self._send({"type": self._kind("http.response.start"), "status": status, "headers": headers})

    async def _pump(self, chunks: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in chunks:
                await self.write(chunk)
            await self.end()
        finally:
            await _close(chunks)

    async def _disconnected(self) -> None:
        if self._body_read is not None:
            await self._body_read.wait()  # until then the body's reader is the one who learns it
        while (await self._receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
            pass


async def _lines(documents: AsyncIterator[Any], end: bytes, *, tell_all: bool = False) -> AsyncIterator[bytes]:
    begun = tell_all
    try:
        async for document in documents:
            line = encode(document, escape_html=True) + end
            begun = True
            yield line
    except errors.MooringError as error:
        if not begun:
            raise
        fault = {"errorDetail": {"message": error.message}, "error": error.message}
        yield encode(fault, escape_html=True) + end
    finally:
        await _close(documents)


async def _primed(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Wait for the first line (or the failure before it) and give an iterator that begins with it."""
    try:
        first = await anext(lines)
    except StopAsyncIteration:
        first = b""

    async def all_lines() -> AsyncIterator[bytes]:
        try:
            if first:
                yield first
            async for line in lines:
                yield line
        finally:
            await _close(lines)

    return all_lines()


async def _close(iterator: AsyncIterator[Any]) -> None:
    close = getattr(iterator, "aclose", None)
    if close is not None:
        await close()
