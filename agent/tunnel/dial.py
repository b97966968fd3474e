"""One connection to the control plane: connect, ask for the upgrade, hand the transport to a mux session."""

from __future__ import annotations

import asyncio
import ssl
import urllib.parse
from collections.abc import Callable
from typing import Final, cast

from wire import errors
from wire.httpstatus import error_for_status
from wire.net.carrier import MuxProtocol
from wire.net.mux import Session, Stream

__all__ = ["UPGRADE", "dial"]

UPGRADE: Final = "mooring-mux/1"
_PATH: Final = "/agent/tunnel"
_TIMEOUT_S: Final = 20.0
_MAX_ANSWER_BYTES: Final = 64 * 1024


async def dial(url: str, credential: str, on_stream: Callable[[Stream], None], *, authority_pem: str = "") -> Session:
    """Connect to the plane at `url` (http or https) and return the session; streams the plane opens go to `on_stream`.

    Raises Unavailable when it cannot be reached, Timeout, Unauthenticated or Forbidden when the credential is refused.
    The session is the caller's to close.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.Invalid(f"not a URL of a control plane: {url}")
    context = _tls(authority_pem) if parts.scheme == "https" else None
    port = parts.port or (443 if context else 80)
    upgrade = _Upgrade(on_stream)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: upgrade, parts.hostname, port, ssl=context
            )
            transport.write(_request(parts, credential))
            return await upgrade.session
    except TimeoutError:
        upgrade.abort()
        raise errors.Timeout(f"{parts.hostname}:{port} did not answer within {_TIMEOUT_S:g} s") from None
    except ssl.SSLError as error:
        raise errors.Unavailable(f"TLS with {parts.hostname}:{port} failed: {error}") from error
    except OSError as error:
        raise errors.Unavailable(f"{parts.hostname}:{port} cannot be reached: {error}") from error
    except asyncio.CancelledError:
        upgrade.abort()
        raise


def _tls(authority_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority_pem:
        context.load_verify_locations(cadata=authority_pem)
    return context


def _request(parts: urllib.parse.SplitResult, credential: str) -> bytes:
    lines = (
        f"POST {parts.path.rstrip('/')}{_PATH} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        f"Authorization: Bearer {credential}",
        "Connection: Upgrade",
        f"Upgrade: {UPGRADE}",
        "Content-Length: 0",
        "",
        "",
    )
    return "\r\n".join(lines).encode("latin-1")


class _Upgrade(asyncio.Protocol):
    """Reads the answer's head; on 101 the mux protocol takes the transport over."""

    def __init__(self, on_stream: Callable[[Stream], None]) -> None:
        self.session: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._on_stream = on_stream
        self._answer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, separator, rest = self._answer.partition(b"\r\n\r\n")
        if not separator:
            if len(self._answer) > _MAX_ANSWER_BYTES:
                self._fail(errors.Unavailable("the control plane's answer is not HTTP"))
            return
        words = head.split(b" ", 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            self._fail(errors.Unavailable("the control plane's answer is not HTTP"))
        elif words[1] == b"101":
            self._hand_over(rest)
        elif len(self._answer) > _MAX_ANSWER_BYTES:
            self._refused()

    def eof_received(self) -> None:
        self._refused()

    def connection_lost(self, exc: Exception | None) -> None:
        self._refused()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _hand_over(self, rest: bytes) -> None:
        assert self._transport is not None
        mux = MuxProtocol(dialer=True, on_stream=self._on_stream)
        self._transport.set_protocol(mux)
        mux.connection_made(self._transport)
        if self.session.done():  # given up meanwhile
            mux.session.close()
            return
        self.session.set_result(mux.session)
        if rest:
            mux.data_received(rest)

    def _refused(self) -> None:
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        words = head.split(b" ", 2)
        if separator and len(words) >= 2 and words[1].isdigit():
            text = body.decode("utf-8", "replace").strip()[:300] or words[-1].decode("latin-1").split("\r")[0]
            self._fail(error_for_status(int(words[1]), f"the control plane refused the link: {text}"))
        else:
            self._fail(errors.Unavailable("the control plane closed the connection"))

    def _fail(self, error: errors.MooringError) -> None:
        if not self.session.done():
            self.session.set_exception(error)
        self.abort()
