"""One stream of a multiplexed connection: reading, writing, half-close, reset.

State (each side keeps its own):

    open ──our FIN──► half-closed (local) ──peer's FIN──► closed
      │                                                     ▲
      ├──peer's FIN──► half-closed (remote) ──our FIN───────┤
      └──RST either way, or the session ends────────────────┘
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from wire import errors
from wire.net.frames import FIN, RST, Code, Frame, Kind, ProtocolError, pack

__all__ = ["Limits", "Multiplexer", "SessionClosed", "Stream", "StreamReset"]

_RESET_TEXT: dict[int, str] = {
    Code.REFUSED: "the peer refused the stream",
    Code.FLOW_CONTROL: "the peer says its credit was overrun",
    Code.INTERNAL: "the peer failed while serving the stream",
}


class StreamReset(errors.Unavailable):
    """The peer gave the stream up, or it was reset here. `code` says why."""

    def __init__(self, message: str, code: int = Code.NORMAL) -> None:
        super().__init__(message)
        self.code = code


class SessionClosed(errors.Unavailable):
    """The connection under the stream is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Both ends must use the same `initial_window_bytes` and `frame_bytes`; the rest is each end's own choice."""

    initial_window_bytes: int = 512 * 1024
    max_window_bytes: int = 4 * 1024 * 1024
    session_window_bytes: int = 32 * 1024 * 1024  # growth of all streams' windows together
    frame_bytes: int = 64 * 1024
    output_bytes: int = 256 * 1024
    streams: int = 4096  # opened by the peer and alive
    ping_interval_s: float = 10.0
    ping_misses: int = 3


class Multiplexer(Protocol):
    """What a stream needs of the session it belongs to."""

    limits: Limits
    round_trip_s: float | None

    def time(self) -> float: ...
    def queue(self, data: bytes, payload: bytes = b"") -> None:
        """Put a frame (header, payload) behind those that wait to be sent."""
        ...

    async def take_turn(self) -> None:
        """Wait until a data frame may be queued. The caller must call `next_turn` afterwards, whatever happened."""
        ...

    def next_turn(self) -> None: ...
    def grow_window(self, wanted_bytes: int) -> int:
        """How much of a wish for more window the session's memory allows; given back by `shrink_window`."""
        ...

    def shrink_window(self, size_bytes: int) -> None: ...
    def forget(self, stream: Stream) -> None:
        """The stream is closed in both directions."""
        ...


class Stream:
    """One two-way byte stream. Its opener and its acceptor each own their end and must `finish` or `reset` it."""

    def __init__(self, session: Multiplexer, number: int) -> None:
        self.id = number
        self._session = session
        self._chunks: deque[bytes] = deque()
        self._readable = asyncio.Event()
        self._credit = session.limits.initial_window_bytes
        self._credit_came = asyncio.Event()
        self._window = session.limits.initial_window_bytes  # what the peer may have in flight and in our buffer
        self._granted = self._window  # what it may still send
        self._unreturned = 0  # read here, not yet given back
        self._returned_at = -1.0
        self._sent_fin = self._got_fin = False
        self._error: errors.MooringError | None = None  # ends reading and writing
        self._write_error: errors.MooringError | None = None  # reset after the peer's FIN: its data stays readable
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        """True when neither end will send any more. Received data may still be unread."""
        return self._closed.is_set()

    async def wait_closed(self) -> None:
        await self._closed.wait()

    @property
    def read_out(self) -> bool:
        """True when the peer has finished writing and all it wrote has been read."""
        return self._got_fin and not self._chunks

    # reading
    async def read(self) -> bytes:
        """Return the next bytes (at most a frame's worth) or b"" at the peer's end of writing.

        Raises StreamReset when the peer gave up before that, SessionClosed when the connection is gone.
        """
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._got_fin:
                return b""
            self._readable.clear()
            await self._readable.wait()
        chunk = self._chunks.popleft()
        self._give_back(len(chunk))
        return chunk

    async def read_exactly(self, size_bytes: int) -> bytes:
        """Return exactly that many bytes, leaving the rest unread. Raises Invalid when the stream ends first."""
        parts: list[bytes] = []
        missing = size_bytes
        while missing:
            chunk = await self.read()
            if not chunk:
                raise errors.Invalid(f"the stream ended {missing} bytes early")
            if len(chunk) > missing:
                self._chunks.appendleft(chunk[missing:])
                self._unreturned -= len(chunk) - missing
                chunk = chunk[:missing]
            parts.append(chunk)
            missing -= len(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read():
            yield chunk

    # writing
    async def write(self, data: bytes) -> None:
        """Send `data`, waiting for credit and for room. Cancelled halfway, part of it may have been sent.

        Raises StreamReset or SessionClosed when it cannot be sent, RuntimeError after `finish`.
        """
        if self._sent_fin:
            raise RuntimeError("write after finish")
        at, end = 0, len(data)
        session = self._session
        while at < end:
            while not self._credit and self._error is None and self._write_error is None:
                self._credit_came.clear()
                await self._credit_came.wait()
            await session.take_turn()
            try:
                if (error := self._error or self._write_error) is not None:
                    raise error
                size = min(end - at, self._credit, session.limits.frame_bytes)
                if size:
                    self._credit -= size
                    session.queue(pack(Kind.DATA, 0, self.id, size), data if size == end else data[at : at + size])
                    at += size
            finally:
                session.next_turn()

    def finish(self) -> None:
        """Say that nothing more will be written (half-close). Reading goes on. Safe to repeat."""
        if not self._sent_fin and self._error is None and self._write_error is None:
            self._sent_fin = True
            self._session.queue(pack(Kind.WINDOW, FIN, self.id, 0))
            self._check_closed()

    def reset(self, code: Code = Code.NORMAL) -> None:
        """Give the stream up in both directions; what was received and not read is dropped. Safe to repeat."""
        if self.closed:
            self._chunks.clear()
            return
        self._session.queue(pack(Kind.WINDOW, RST, self.id, code))
        self.end(StreamReset("the stream was reset", code))

    # called by the session alone
    def on_frame(self, frame: Frame) -> None:
        if frame.flags & RST:
            self._on_reset(frame.number)
            return
        if frame.kind == Kind.DATA:
            if self._got_fin:
                raise ProtocolError(f"data on stream {self.id} after its end")
            if frame.number > self._granted:
                self.reset(Code.FLOW_CONTROL)
                return
            if frame.payload:
                self._granted -= frame.number
                self._chunks.append(frame.payload)
                self._readable.set()
        elif frame.number:
            self._credit += frame.number
            self._credit_came.set()
        if frame.flags & FIN:
            if self._got_fin:
                raise ProtocolError(f"stream {self.id} ended twice")
            self._got_fin = True
            self._readable.set()
            self._check_closed()

    def _on_reset(self, code: int) -> None:
        error = StreamReset(_RESET_TEXT.get(code, "the peer reset the stream"), code)
        if self._got_fin:
            # It said all it had to say and then lost interest in what we send: its words stay readable.
            self._write_error = error
            self._credit_came.set()
            self._closed.set()
            self._release()
        else:
            self.end(error)

    def end(self, error: errors.MooringError) -> None:
        self._error = error
        self._chunks.clear()
        self._readable.set()
        self._credit_came.set()
        self._closed.set()
        self._release()

    def _check_closed(self) -> None:
        if self._sent_fin and self._got_fin:
            self._closed.set()
            self._release()

    def _release(self) -> None:
        self._session.forget(self)
        self._session.shrink_window(self._window - self._session.limits.initial_window_bytes)
        self._window = self._session.limits.initial_window_bytes

    def _give_back(self, size_bytes: int) -> None:
        """Return credit once half the window is read; widen the window when it goes round too fast for the path."""
        self._unreturned += size_bytes
        if self._got_fin or self.closed or self._unreturned * 2 < self._window:
            return
        session = self._session
        now = session.time()
        round_trip_s = session.round_trip_s
        grown = 0
        if round_trip_s is not None and 0 <= now - self._returned_at < 4 * round_trip_s:
            grown = session.grow_window(min(self._window, session.limits.max_window_bytes - self._window))
        self._returned_at = now
        self._window += grown
        credit = self._unreturned + grown
        self._unreturned = 0
        self._granted += credit
        session.queue(pack(Kind.WINDOW, 0, self.id, credit))
