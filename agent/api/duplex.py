"""A connection that a client took over: raw bytes both ways, and what joins it to a process's streams."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, Literal

from agent.ports.runtime import StdioSession
from wire import errors
from wire.net.asgi import Message, Receive, Send
from wire.stdcopy import STDERR, frame

__all__ = ["Duplex", "relay"]

Header = tuple[bytes, bytes]
Event = tuple[Literal["data", "eof", "gone"], bytes]

RAW: Final = b"application/vnd.docker.raw-stream"
MULTIPLEXED: Final = b"application/vnd.docker.multiplexed-stream"


class Duplex:
    """An upgraded connection or a WebSocket. Refuse it through the `Request`, or `accept` it and end with `close`."""

    def __init__(self, receive: Receive, send: Send, common_headers: Sequence[Header]) -> None:
        self._receive = receive
        self._send = send
        self._common_headers = common_headers
        self._connected = False
        self.accepted = False

    async def accept(self, headers: Iterable[Header] = ()) -> None:
        """Answer 101 (or 200 without an upgrade); raw bytes follow."""
        await self._connect()
        self.accepted = True
        await self._send({"type": "websocket.accept", "headers": [*self._common_headers, *headers]})

    async def receive(self) -> Event:
        """The next thing from the client: data, its end of input, or that it is gone (told again and again)."""
        await self._connect()
        message = await self._receive()
        if message["type"] == "websocket.receive":
            return "data", message.get("bytes") or (message.get("text") or "").encode()
        return ("eof" if message["type"] == "websocket.eof" else "gone"), b""

    async def send(self, data: bytes) -> None:
        """Raises Cancelled when the client is known to be gone."""
        try:
            await self._send({"type": "websocket.send", "bytes": data})
        except OSError as error:  # how uvicorn's WebSocket tells it
            raise errors.Cancelled("the client went away") from error

    async def close(self) -> None:
        """Safe to repeat, also when the client is gone."""
        with suppress(OSError):
            await self._send({"type": "websocket.close"})

    async def _connect(self) -> None:
        if not self._connected:
            self._connected = True
            message: Message = await self._receive()
            assert message["type"] == "websocket.connect", message["type"]


async def relay(duplex: Duplex, session: StdioSession, *, stdin: bool, framed: bool) -> None:
    """Join an accepted connection and a process's streams until the process ends its output or the client is gone.

    Without `stdin` what the client sends is thrown away. `framed` puts output in Docker's stream frames. Closes both.
    """
    receiving = asyncio.create_task(_pass_input(duplex, session, stdin))
    sending = asyncio.create_task(_pass_output(duplex, session, framed))
    try:
        await asyncio.wait((receiving, sending), return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
        else:
            receiving.result()
    except errors.Cancelled:
        pass
    except errors.MooringError as error:
        # The stream has begun, so the reason can only be told inside it.
        text = f"{error.message}\r\n".encode()
        await duplex.send(frame(STDERR, text) if framed else text)
    finally:
        for task in (receiving, sending):
            task.cancel()
        await asyncio.gather(receiving, sending, return_exceptions=True)
        await session.close()
        await duplex.close()


async def _pass_input(duplex: Duplex, session: StdioSession, stdin: bool) -> None:
    while True:
        kind, data = await duplex.receive()
        if kind == "data":
            if stdin:
                await session.write(data)
            continue
        if stdin:
            await session.close_stdin()
            stdin = False
        if kind == "gone":
            return


async def _pass_output(duplex: Duplex, session: StdioSession, framed: bool) -> None:
    async for stream, data in session.output():
        await duplex.send(frame(stream, data) if framed else data)
