"""Carriers: what moves a mux session's bytes, over an asyncio transport or over an upgraded ASGI connection.

A carrier ends its session when the connection ends, and the connection when the session ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import cast

from wire import errors
from wire.net.asgi import Receive, Send
from wire.net.mux import Limits, Session, Stream

__all__ = ["MuxProtocol", "carry_over_asgi"]


class MuxProtocol(asyncio.Protocol):
    """Carry one session over a transport. For the end that dials, and for private sockets that need no HTTP.

    Give it to `loop.create_connection`, or to `transport.set_protocol` after an upgrade and then call
    `connection_made` and `data_received` with what came early.
    """

    def __init__(
        self, *, dialer: bool, on_stream: Callable[[Stream], None] | None = None, limits: Limits = Limits()
    ) -> None:
        self.session = Session(dialer=dialer, on_output=self._on_output, on_stream=on_stream, limits=limits)
        self._transport: asyncio.Transport | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass of it
        self._transport.set_write_buffer_limits(self.session.limits.output_bytes)
        self._on_output()

    def data_received(self, data: bytes) -> None:
        self.session.feed(data)

    def eof_received(self) -> None:
        self.session.close(errors.Unavailable("the peer closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.session.close(errors.Unavailable(f"the connection was lost: {exc or 'closed'}"))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._on_output()

    def _on_output(self) -> None:
        if self._transport is None or (self._paused and not self.session.closed):
            return
        data = self.session.take_output()
        if data:
            self._transport.write(data)
        if self.session.closed:
            self._transport.close()


async def carry_over_asgi(
    receive: Receive,
    send: Send,
    *,
    on_stream: Callable[[Stream], None] | None = None,
    limits: Limits = Limits(),
    on_session: Callable[[Session], None],
) -> None:
    """Carry one session (as the end that was dialled) over an accepted websocket-like ASGI connection.

    The caller has already sent `websocket.accept`. `on_session` is told of the session at once; returns when it has
    ended. Works on a hijacked connection and on a WebSocket with binary messages alike.
    """
    has_output = asyncio.Event()
    session = Session(dialer=False, on_output=has_output.set, on_stream=on_stream, limits=limits)

    async def write() -> None:
        while not session.closed:
            await has_output.wait()
            has_output.clear()
            if data := session.take_output():
                await send({"type": "websocket.send", "bytes": data})
        if data := session.take_output():
            await send({"type": "websocket.send", "bytes": data})

    async def read() -> None:
        while not session.closed:
            message = await receive()
            if message["type"] == "websocket.receive":
                session.feed(message.get("bytes") or b"")
            elif message["type"] != "websocket.connect":
                session.close(errors.Unavailable("the peer closed the connection"))

    writer, reader = asyncio.create_task(write()), asyncio.create_task(read())
    try:
        on_session(session)
        await session.wait_closed()
        has_output.set()
        # A peer that does not read any more must not hold its own end up.
        await asyncio.wait([writer], timeout=1)
    finally:
        session.close()
        for task in (writer, reader):
            task.cancel()
        await asyncio.gather(writer, reader, return_exceptions=True)
        with contextlib.suppress(Exception):
            await send({"type": "websocket.close"})
