"""Docker's HTTP upgrade under ASGI: a uvicorn protocol class that hands some requests' connections over to raw streams.

uvicorn's HTTP parser cannot give a connection back after a request without an `Upgrade` header, and bytes that came
early (stdin typed before the answer) would be parsed as a next request. So while a connection is idle, the first line
of the next request is looked at before the parser sees it; a request that hijacks moves the transport to a
`HijackConnection` of its own. What such an application sees is described in `wire.net.asgi`.

Relies on uvicorn 0.54: `HttpToolsProtocol.data_received`, `.cycle.response_complete`, `.connections`, `.app_state`,
`._unset_keepalive_if_required`, and on objects in `ServerState.connections` having `shutdown()`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from wire.net.asgi import App
from wire.net.hijack_connection import HEAD_S, HijackConnection
from wire.net.peers import is_hung_up, peer_of
from wire.net.request_reader import MAX_HEAD_BYTES

__all__ = ["HijackProtocol", "hijacks"]

_HIJACKED: Final = re.compile(
    rb"(?:POST|GET) (?:https?://[^/ ]+)?"
    # anywhere below a base path: attach and exec start; elsewhere "session" is an ordinary word (the plane signs in at
    # /api/v1/session), so the build's two are taken only where the Engine API begins
    rb"(?:/[^ ?]*?containers/[^/ ?]+/attach|/[^ ?]*?exec/[^/ ?]+/start|/agent/tunnel"
    rb"|(?:/(?:host|env)/[^/ ?]+)?(?:/v[0-9.]+)?/(?:session|grpc))(?:\?[^ ]*)? HTTP/1\.1\r?\n?"
)
_METHODS: Final = (b"POST ", b"GET ")
_MAX_LINE_BYTES: Final = 16 * 1024
_HALF_CLOSED_S: Final = 15.0
"""How long an answer may take after the client's FIN on TCP, where a half-close and a client that went away look alike
until something is written. A unix socket tells them apart."""


def hijacks(first_line: bytes) -> bool:
    """Return whether a request that begins with this line takes its connection over.

    GET only hijacks for our tunnel: `GET …/attach` and the like are ordinary unknown routes.
    """
    match = _HIJACKED.match(first_line)
    return match is not None and (first_line.startswith(b"POST") or b"agent/tunnel" in match[0])


class HijackProtocol(HttpToolsProtocol):
    """uvicorn's protocol with four changes: hijacked requests, who the peer is, half-close, and a limit for heads.

    A client that shuts down its writing side after a request still gets its answer. `scope["state"]["peer"]` is a
    `wire.net.peers.Peer`. `listener` is that listener's name.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        listener: str = "",
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._listener = listener
        self._in_message = self._progress = False
        self._head_bytes = 0  # of a head, or of what follows the last chunk of a body, that is not complete
        self._line = b""
        self._patience: asyncio.TimerHandle | None = None
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._await_head(self.timeout_keep_alive)
        self.app_state = {**self.app_state, "peer": peer_of(transport, self._listener)}

    def eof_received(self) -> bool:  # type: ignore[override]
        if self._in_message or not self._answering or is_hung_up(self.transport):
            return False  # the request itself was cut, or nobody waits for an answer
        self.cycle.keep_alive = False  # answer, then close
        self._patience = self.loop.call_later(_HALF_CLOSED_S, self.transport.close)
        return True

    @property
    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        self._in_message = True
        self._await_head(HEAD_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._progress = True
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._progress = True
        super().on_body(body)

    def _await_head(self, seconds: float) -> None:
        self._stop_waiting()
        self._head_timer = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_message_complete(self) -> None:
        self._in_message, self._progress = False, True
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._in_message or self._answering:
            self._parse(data)
            return
        known, self._line = self._line, b""
        data = known + data
        line_end = data.find(b"\n")
        if line_end < 0 and len(data) < _MAX_LINE_BYTES and _may_hijack(data):
            if not known:
                self._unset_keepalive_if_required()
                self._await_head(HEAD_S)
            self._line = data
        elif line_end >= 0 and hijacks(data[: line_end + 1]):
            self._hand_over(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Feed uvicorn's parser. It keeps heads and trailers of any length, by which anybody could fill the memory."""
        self._progress = False
        super().data_received(data)
        self._head_bytes = 0 if self._progress else self._head_bytes + len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            text = b'{"message":"request header fields too large"}\n'
            head = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\n"
            self.transport.write(head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_keepalive_if_required()
        self._stop_waiting()
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """A stream that has begun (logs, events) would never end by itself: its application learns of a disconnect.
        What is still being worked on may finish."""
        if self._answering and self.cycle.response_started:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        else:
            super().shutdown()

    def _hand_over(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._stop_waiting()
        self.connections.discard(self)
        connection = HijackConnection(
            cast(App, self.app), self.server_state, self.app_state, root_path=self.root_path, loop=self.loop
        )
        self.transport.set_protocol(connection)
        connection.connection_made(self.transport)
        connection.data_received(data)


def _may_hijack(data: bytes) -> bool:
    return any(data.startswith(method) or method.startswith(data) for method in _METHODS)
