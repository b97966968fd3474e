"""Requests over mux streams, seen from the one who answers: each stream becomes one call of an ASGI application."""

from __future__ import annotations

import asyncio
import logging
import urllib.parse
from collections import deque
from typing import Any

from wire import errors
from wire.net.asgi import App, Message, Scope
from wire.net.calls import AnswerHead, RequestHead, read_request, write_head
from wire.net.frames import Code
from wire.net.mux import SessionClosed, Stream, StreamReset

__all__ = ["StreamServer"]

_log = logging.getLogger(__name__)


class StreamServer:
    """Answer streams with an ASGI application; owns one task per stream.

    Give `accept` to a session as `on_stream`. `state` is copied to each `scope["state"]`. Its maker awaits `close`.
    """

    def __init__(self, app: App, *, state: dict[str, Any] | None = None) -> None:
        self._app = app
        self._state = state or {}
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, stream: Stream) -> None:
        """Take a stream that the peer opened."""
        task = asyncio.get_running_loop().create_task(self._serve(stream), name=f"stream-{stream.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel what is still being answered and wait for it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, stream: Stream) -> None:
        try:
            head = await read_request(stream)
            if head.kind == "hijack":
                exchange: _HijackExchange | _HttpExchange = _HijackExchange(
                    stream, head, await stream.read_exactly(head.body_length)
                )
            else:
                exchange = _HttpExchange(stream)
            scope = _scope(head, exchange, dict(self._state))
            await self._app(scope, exchange.receive, exchange.send)
            stream.finish() if exchange.complete else stream.reset(Code.INTERNAL)
        except (StreamReset, SessionClosed):
            pass  # the caller has gone
        except errors.Invalid as error:
            _log.warning("stream.refused id=%d reason=%s", stream.id, error.message)
            stream.reset(Code.PROTOCOL)
        except Exception:
            _log.exception("stream.failed id=%d", stream.id)
            stream.reset(Code.INTERNAL)
        finally:
            # After our FIN this only tells the caller to stop sending; before it (cancelled), it ends the call.
            stream.reset()


def _scope(head: RequestHead, exchange: _HijackExchange | _HttpExchange, state: dict[str, Any]) -> Scope:
    raw_path, _, query = head.path.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": head.method,
        "scheme": "http",
        "path": urllib.parse.unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in head.headers],
        "client": None,
        "server": None,
        "state": state,
    }
    if isinstance(exchange, _HijackExchange):
        scope["type"] = "websocket"
        scope["subprotocols"] = []
        scope["extensions"] = {
            "websocket.http.response": {},
            "hijack": {"upgrade": exchange.upgrade, "body": exchange.body},
        }
    return scope


def _head(status: int, message: Message) -> AnswerHead:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
    return AnswerHead(status=status, headers=headers)


class _HttpExchange:
    """The ASGI `http` messages of one stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._head: AnswerHead | None = None
        self._started = self._body_read = False
        self.complete = False

    async def receive(self) -> Message:
        if self._body_read:
            await self._stream.wait_closed()
            return {"type": "http.disconnect"}
        try:
            chunk = await self._stream.read()
        except (StreamReset, SessionClosed):
            self._body_read = True
            return {"type": "http.disconnect"}
        self._body_read = not chunk
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # The head leaves together with the first piece of body; an empty first piece flushes it alone.
            self._head = _head(message["status"], message)
            return
        body: bytes = message.get("body", b"")
        if self._head is not None:
            head, self._head = self._head, None
            await write_head(self._stream, head, body)
        elif body:
            await self._stream.write(body)
        if not message.get("more_body", False):
            self.complete = True
            self._stream.finish()


class _HijackExchange:
    """The ASGI `websocket` messages of one hijacked stream (see `wire.net.asgi`)."""

    def __init__(self, stream: Stream, head: RequestHead, body: bytes) -> None:
        self._stream = stream
        self._inbox: deque[Message] = deque([{"type": "websocket.connect"}])
        self._ended = False
        self.body = body
        self.upgrade = next((value for name, value in head.headers if name.lower() == "upgrade"), None)
        self.complete = False

    async def receive(self) -> Message:
        if self._inbox:
            return self._inbox.popleft()
        if self._ended:
            await self._stream.wait_closed()
            return {"type": "websocket.disconnect", "code": 1006}
        try:
            chunk = await self._stream.read()
        except (StreamReset, SessionClosed):
            self._ended = True
            return {"type": "websocket.disconnect", "code": 1006}
        if chunk:
            return {"type": "websocket.receive", "bytes": chunk}
        self._ended = True
        return {"type": "websocket.eof"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            await self._stream.write(message.get("bytes") or (message.get("text") or "").encode())
        elif kind == "websocket.accept":
            await write_head(self._stream, _head(101 if self.upgrade else 200, message))
        elif kind == "websocket.http.response.start":
            await write_head(self._stream, _head(message["status"], message))
        elif kind == "websocket.http.response.body":
            await self._stream.write(message.get("body", b""))
            if not message.get("more_body", False):
                self._end()
        elif kind in ("websocket.close", "websocket.eof"):
            self._end()

    def _end(self) -> None:
        self.complete = True
        self._stream.finish()
