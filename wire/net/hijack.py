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
import logging
import re
import select
import socket
import urllib.parse
from collections import deque
from typing import Any, Final, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from wire.net.asgi import App, Message, Scope
from wire.net.peers import peer_of

__all__ = ["HijackConnection", "HijackProtocol", "hijacks"]

_log = logging.getLogger(__name__)

_HIJACKED: Final = re.compile(
    rb"(?:POST|GET) (?:https?://[^/ ]+)?"
    # anywhere below a base path: attach and exec start; elsewhere "session" is an ordinary word (the plane signs in at
    # /api/v1/session), so the build's two are taken only where the Engine API begins
    rb"(?:/[^ ?]*?containers/[^/ ?]+/attach|/[^ ?]*?exec/[^/ ?]+/start|/agent/tunnel"
    rb"|(?:/(?:host|env)/[^/ ?]+)?(?:/v[0-9.]+)?/(?:session|grpc))(?:\?[^ ]*)? HTTP/1\.1\r?\n?"
)
_METHODS: Final = (b"POST ", b"GET ")
_MAX_LINE_BYTES: Final = 16 * 1024
_MAX_HEAD_BYTES: Final = 256 * 1024
_MAX_BODY_BYTES: Final = 1024 * 1024
_INBOX_BYTES: Final = 256 * 1024
_LINGER_S: Final = 2.0
_HEAD_S: Final = 30.0
"""How long a request's head may take from its first byte: a client that drips it must not hold a connection."""
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
    """uvicorn's protocol with three changes: hijacked requests, who the peer is, and half-close.

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
        self._in_message = False
        self._line = b""
        self._patience: asyncio.TimerHandle | None = None
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._await_head(self.timeout_keep_alive)
        self.app_state = {**self.app_state, "peer": peer_of(transport, self._listener)}

    def eof_received(self) -> bool:  # type: ignore[override]
        if self._in_message or not self._answering or _is_hung_up(self.transport):
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
        self._await_head(_HEAD_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self, seconds: float) -> None:
        self._stop_waiting()
        self._head_timer = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._in_message or self._answering:
            super().data_received(data)
            return
        known, self._line = self._line, b""
        data = known + data
        line_end = data.find(b"\n")
        if line_end < 0 and len(data) < _MAX_LINE_BYTES and _may_hijack(data):
            if not known:
                self._unset_keepalive_if_required()
                self._await_head(_HEAD_S)
            self._line = data
        elif line_end >= 0 and hijacks(data[: line_end + 1]):
            self._hand_over(data)
        else:
            super().data_received(data)

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


def _is_hung_up(transport: asyncio.BaseTransport) -> bool:
    """Return whether a unix socket's peer has closed for good, not only shut down its writing side."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), 0)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))


def _may_hijack(data: bytes) -> bool:
    return any(data.startswith(method) or method.startswith(data) for method in _METHODS)


class HijackConnection(asyncio.Protocol):
    """One hijacked connection: reads the request, runs the application, then carries raw bytes both ways.

    Ends by a lingering close: our FIN, then the peer's input is thrown away for a moment, so that the kernel does not
    answer unread input with a reset that could cost the peer the end of our output.
    """

    def __init__(
        self,
        app: App,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        root_path: str = "",
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app = app
        self._server_state = server_state
        self._app_state = app_state
        self._root_path = root_path
        self._loop = loop or asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._head = bytearray()
        self._request: _RequestReader | None = None
        self._inbox: deque[Message] = deque()
        self._inbox_bytes = 0
        self._message_came = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._reading_paused = self._got_eof = self._lost = False
        self._started = self._accepted = self._answered = self._closing = False
        self._timer: asyncio.TimerHandle | None = None  # for the request's arrival, later for the lingering close

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    # the transport's side
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server_state.connections.add(cast(Any, self))
        self._timer = self._loop.call_later(_HEAD_S, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._server_state.connections.discard(cast(Any, self))
        if self._timer is not None:
            self._timer.cancel()
        self._writable.set()
        self._put({"type": "websocket.disconnect", "code": 1006})

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def shutdown(self) -> None:
        """Called by the server at its end: the application learns it as a disconnect."""
        if self._request is None or not self._request.complete:
            self._transport.close()
        else:
            self._put({"type": "websocket.disconnect", "code": 1012})

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._request is None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if (end if end >= 0 else len(self._head)) > _MAX_HEAD_BYTES:
                self._refuse(431, "request header fields too large")
                return
            if end < 0:
                return
            head, data = bytes(self._head[: end + 4]), bytes(self._head[end + 4 :])
            self._head.clear()
            try:
                self._request = _RequestReader(head)
            except ValueError as error:
                self._refuse(400, str(error))
                return
            if self._request.expects_continue:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self._request.complete:
            try:
                rest = self._request.feed_body(data)
            except ValueError as error:
                self._refuse(400, str(error))
                return
            except OverflowError:
                self._refuse(413, f"request body larger than {_MAX_BODY_BYTES} bytes")
                return
            if rest is None:
                return
            data = rest
        if not self._started:
            self._started = True
            self._start(self._request)
        if data:
            self._put({"type": "websocket.receive", "bytes": data}, len(data))

    def eof_received(self) -> bool:
        if self._closing:
            return False
        if self._request is None or not self._request.complete:
            return False
        self._got_eof = True
        self._put({"type": "websocket.eof"})
        return not _is_hung_up(self._transport)

    # the application's side
    def _start(self, request: _RequestReader) -> None:
        if self._timer is not None:
            self._timer.cancel()
        raw_path, _, query = request.target.partition(b"?")
        path = urllib.parse.unquote(raw_path.decode("ascii", "replace"))
        scope: Scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "wss" if self._transport.get_extra_info("ssl_object") else "ws",
            "path": self._root_path + path,
            "raw_path": self._root_path.encode() + raw_path,
            "query_string": query,
            "root_path": self._root_path,
            "headers": request.headers,
            "subprotocols": [],
            "client": get_remote_addr(self._transport),
            "server": get_local_addr(self._transport),
            "state": dict(self._app_state),
            "extensions": {
                "websocket.http.response": {},
                "hijack": {"upgrade": request.upgrade, "body": bytes(request.body)},
            },
        }
        self._put({"type": "websocket.connect"})
        task = self._loop.create_task(self._run(scope))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    async def _run(self, scope: Scope) -> None:
        try:
            await self._app(scope, self._receive, self._send)
        except Exception:
            _log.exception("hijack.failed path=%s", scope["path"])
            if not (self._accepted or self._answered):
                self._refuse(500, "internal error")
        finally:
            self._server_state.total_requests += 1
            self._close()

    async def _receive(self) -> Message:
        while not self._inbox:
            self._message_came.clear()
            await self._message_came.wait()
        message = self._inbox[0]
        if message["type"] == "websocket.disconnect":
            return message  # stays: whoever asks again is told again
        self._inbox.popleft()
        if message["type"] == "websocket.receive":
            self._inbox_bytes -= len(message["bytes"])
            if self._reading_paused and self._inbox_bytes <= _INBOX_BYTES // 2:
                self._reading_paused = False
                self._transport.resume_reading()
        return message

    def _put(self, message: Message, size_bytes: int = 0) -> None:
        self._inbox.append(message)
        self._inbox_bytes += size_bytes
        self._message_came.set()
        if self._inbox_bytes > _INBOX_BYTES and not self._reading_paused and not self._lost:
            self._reading_paused = True
            self._transport.pause_reading()

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            self._write(message.get("bytes") or (message.get("text") or "").encode())
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.http.response.start":
            self._answered = True
            self._write(_head(message["status"], [*message.get("headers", ()), (b"connection", b"close")]))
        elif kind == "websocket.http.response.body":
            self._write(message.get("body", b""))
            if not message.get("more_body", False):
                self._close()
        elif kind == "websocket.eof":
            if not (self._closing or self._lost):
                self._transport.write_eof()
        elif kind == "websocket.close":
            if not (self._accepted or self._answered):
                self._refuse(403, "refused")
            self._close()
        if not self._writable.is_set():
            await self._writable.wait()

    def _accept(self, message: Message) -> None:
        assert self._request is not None
        headers = list(message.get("headers", ()))
        if self._request.upgrade is None:
            self._write(b"HTTP/1.1 200 OK\r\n" + _fields(headers) + b"\r\n")
        else:
            headers += [(b"Connection", b"Upgrade"), (b"Upgrade", self._request.upgrade.encode())]
            self._write(b"HTTP/1.1 101 UPGRADED\r\n" + _fields(headers) + b"\r\n")
        self._accepted = True

    def _write(self, data: bytes) -> None:
        if data and not (self._lost or self._closing):
            self._transport.write(data)

    def _refuse(self, status: int, text: str) -> None:
        body = b'{"message":"%s"}\n' % text.replace("\\", "\\\\").replace('"', '\\"').encode()
        fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        self._answered = True
        self._write(_head(status, [*fields, (b"connection", b"close")]) + body)
        self._close()

    def _close(self) -> None:
        if self._closing or self._lost:
            return
        self._closing = True
        if self._got_eof:
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except (OSError, RuntimeError):
            self._transport.close()
            return
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        self._timer = self._loop.call_later(_LINGER_S, self._transport.close)


def _head(status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    return STATUS_LINE[status] + _fields(headers) + b"\r\n"


def _fields(headers: list[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if b"\n" in name or b"\r" in name or b"\n" in value or b"\r" in value:
            raise ValueError(f"line break in header {name!r}")
    return b"".join([part for name, value in headers for part in (name, b": ", value, b"\r\n")])


class _RequestReader:
    """A request's head, and its body by Content-Length or chunks; what follows the body is not touched.

    Raises ValueError for what is not HTTP/1.1, OverflowError for a body that is too large.
    """

    def __init__(self, head: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.target = b""
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            raise ValueError(f"malformed request: {error}") from error
        self.method = parser.get_method().decode()
        if self.target.startswith((b"http://", b"https://")):
            url = httptools.parse_url(self.target)
            self.target = url.path + (b"?" + url.query if url.query else b"")
        fields = dict(self.headers)
        tokens = fields.get(b"connection", b"").lower()
        upgrade = fields.get(b"upgrade")
        self.upgrade = upgrade.decode("latin-1") if upgrade and b"upgrade" in tokens else None
        self.expects_continue = fields.get(b"expect", b"").lower() == b"100-continue"
        self.body = bytearray()
        self._chunked = b"chunked" in fields.get(b"transfer-encoding", b"").lower()
        self._chunks = b""
        length = fields.get(b"content-length", b"0")
        if not length.isdigit():
            raise ValueError("malformed request: bad Content-Length")
        self._missing = 0 if self._chunked else int(length)
        if self._missing > _MAX_BODY_BYTES:
            raise ValueError(f"request body larger than {_MAX_BODY_BYTES} bytes")
        self.complete = not self._chunked and not self._missing

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def feed_body(self, data: bytes) -> bytes | None:
        """Take what belongs to the body; return what follows it, None while it is incomplete."""
        if self._chunked:
            return self._feed_chunks(data)
        self.body += data[: self._missing]
        rest = data[self._missing :]
        self._missing -= len(data) - len(rest)
        self.complete = not self._missing
        return rest if self.complete else None

    def _feed_chunks(self, data: bytes) -> bytes | None:
        self._chunks += data
        while True:
            line_end = self._chunks.find(b"\r\n")
            if line_end < 0:
                if len(self._chunks) > 256:
                    raise ValueError("malformed request: bad chunk size")
                return None
            try:
                size = int(self._chunks[:line_end].partition(b";")[0], 16)
            except ValueError:
                raise ValueError("malformed request: bad chunk size") from None
            if size < 0 or size + len(self.body) > _MAX_BODY_BYTES:
                raise OverflowError
            end = line_end + 2 + size
            if len(self._chunks) < end + 2:
                return None
            self.body += self._chunks[line_end + 2 : end]
            self._chunks = self._chunks[end + 2 :]
            if size == 0:  # no trailers: Docker's clients send none
                self.complete = True
                rest, self._chunks = self._chunks, b""
                return rest
