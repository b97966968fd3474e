"""One hijacked connection: the request is read, then the application and the client exchange raw bytes."""

from __future__ import annotations

import asyncio
import logging
import urllib.parse
from collections import deque
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from wire.net.asgi import App, Message, Scope
from wire.net.peers import has_unread, is_hung_up
from wire.net.request_reader import MAX_BODY_BYTES, MAX_HEAD_BYTES, RequestReader

__all__ = ["HEAD_S", "HijackConnection"]

_log = logging.getLogger(__name__)

HEAD_S: Final = 30.0
"""How long a request may take to arrive from its first byte: a client that drips it must not hold a connection."""
_INBOX_BYTES: Final = 256 * 1024
_LINGER_S: Final = 2.0
_HEAD_TAKEN_S: Final = 1.0


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
        self._request: RequestReader | None = None
        self._inbox: deque[Message] = deque()
        self._inbox_bytes = 0
        self._message_came = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._reading_paused = self._got_eof = self._lost = False
        self._started = self._accepted = self._answered = self._closing = self._head_taken = False
        self._timer: asyncio.TimerHandle | None = None  # for the request's arrival, later for the lingering close

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    # the transport's side
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server_state.connections.add(cast(Any, self))
        self._timer = self._loop.call_later(HEAD_S, self._transport.abort)

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
            if (end if end >= 0 else len(self._head)) > MAX_HEAD_BYTES:
                self._refuse(431, "request header fields too large")
                return
            if end < 0:
                return
            head, data = bytes(self._head[: end + 4]), bytes(self._head[end + 4 :])
            self._head.clear()
            try:
                self._request = RequestReader(head)
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
                self._refuse(413, f"request body larger than {MAX_BODY_BYTES} bytes")
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
        return not is_hung_up(self._transport)

    # the application's side
    def _start(self, request: RequestReader) -> None:
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
            if not self._head_taken:
                await self._until_head_taken()
            self._write(message.get("bytes") or (message.get("text") or "").encode())
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.http.response.start":
            self._answered = True
            self._write(_head(message["status"], [*message.get("headers", ()), *self._last_words(message)]))
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

    def _last_words(self, message: Message) -> list[tuple[bytes, bytes]]:
        """The field that announces the close, but to the docker client when it knows the length without it.

        Before version 23 it takes an answer on a connection that is announced to close for an accepted upgrade, and the
        error for output. It dials anew for each upgrade, so it will not send a second request here.
        """
        assert self._request is not None
        is_docker = dict(self._request.headers).get(b"user-agent", b"").startswith(b"Docker-Client/")
        if is_docker and any(name.lower() == b"content-length" for name, _ in message.get("headers", ())):
            return []
        return [(b"connection", b"close")]

    def _accept(self, message: Message) -> None:
        assert self._request is not None
        headers = list(message.get("headers", ()))
        if self._request.upgrade is None:
            self._write(b"HTTP/1.1 200 OK\r\n" + _fields(headers) + b"\r\n")
        else:
            headers += [(b"Connection", b"Upgrade"), (b"Upgrade", self._request.upgrade.encode())]
            self._write(b"HTTP/1.1 101 UPGRADED\r\n" + _fields(headers) + b"\r\n")
        self._accepted = True

    async def _until_head_taken(self) -> None:
        """Hold the first bytes back until the client has read the answer's head, for a while.

        docker-py reads the head through a buffer and what follows without it: bytes that it gets in the same read are
        lost to it. The process is only started after the head was sent, but a busy host may bring both at once.
        The kernel has no event for it, so it is asked.
        """
        deadline = self._loop.time() + _HEAD_TAKEN_S
        while not self._lost and has_unread(self._transport) and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        self._head_taken = True

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
