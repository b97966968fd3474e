"""Many streams over one connection: credit windows, half-close per direction, keep-alive, orderly end.

A `Session` does no I/O. Its owner feeds it what the peer sent (`feed`) and, when told (`on_output`), takes what is to
be sent (`take_output`); `wire.net.carrier` does that for a transport and for an upgraded ASGI connection. Frames queued
in one turn of the event loop leave as one write.

State of a stream (each side keeps its own):

    open ──our FIN──► half-closed (local) ──peer's FIN──► closed
      │                                                     ▲
      ├──peer's FIN──► half-closed (remote) ──our FIN───────┤
      └──RST either way, or the session ends────────────────┘

Memory is bounded: a stream buffers at most its window, a session at most `Limits.session_window_bytes` of windows
beyond the initial ones, and writers stop when `Limits.output_bytes` wait to be taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from wire import errors
from wire.net.frames import ACK, FIN, RST, SYN, Code, Decoder, Frame, Kind, ProtocolError, pack

__all__ = ["Clock", "Limits", "Session", "SessionClosed", "Stream", "StreamReset", "opened"]


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


class Clock(Protocol):
    """What a session needs of time; an asyncio loop is one, tests bring their own."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[..., object], /, *args: Any) -> Any: ...
    def call_soon(self, callback: Callable[..., object], /, *args: Any) -> Any: ...


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


class Session:
    """One end of a multiplexed connection. Owned by whoever made it, who must call `close`.

    `dialer` must be true on exactly one end. `on_stream` is called (not awaited) for each stream the peer opens;
    without it they are refused. `on_output` is called when there is something to take, at most once per turn.
    """

    def __init__(
        self,
        *,
        dialer: bool,
        on_output: Callable[[], None],
        on_stream: Callable[[Stream], None] | None = None,
        limits: Limits = Limits(),
        clock: Clock | None = None,
    ) -> None:
        self.limits = limits
        self._clock: Clock = clock or asyncio.get_running_loop()
        self._on_output = on_output
        self._on_stream = on_stream
        self._decoder = Decoder(limits.frame_bytes)
        self._streams: dict[int, Stream] = {}
        self._next_id = 1 if dialer else 2
        self._last_peer_id = 0
        self._peer_streams = 0
        self._peer_parity = 0 if dialer else 1
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._notified = False
        self._turns: deque[asyncio.Future[None]] = deque()  # writers waiting for room, first come first served
        self._closed = asyncio.Event()
        self._ending = asyncio.Event()
        self._error: errors.MooringError | None = None
        self._draining = self._peer_draining = False
        self._spare_window_bytes = limits.session_window_bytes
        self._ping_number = 0
        self._pings: dict[int, tuple[float, asyncio.Future[float] | None]] = {}
        self._heard = True
        self._silent_intervals = 0
        self.round_trip_s: float | None = None
        self._keepalive = 0  # number of the keep-alive ping that is not answered yet
        self._timer = self._clock.call_later(0, self._on_tick)

    # state
    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    @property
    def error(self) -> errors.MooringError | None:
        """Why the session ended; None while it lives."""
        return self._error

    @property
    def draining(self) -> bool:
        """True when either end has said that no new streams are wanted."""
        return self._draining or self._peer_draining

    @property
    def stream_count(self) -> int:
        return len(self._streams)

    async def wait_closed(self) -> None:
        await self._closed.wait()

    async def wait_ending(self) -> None:
        """Return when the session is closed or either end drains."""
        await self._ending.wait()

    async def wait_idle(self) -> None:
        """Return when no stream is left (or the session has ended)."""
        while self._streams and not self.closed:
            await next(iter(self._streams.values())).wait_closed()

    # what the owner does
    def open(self) -> Stream:
        """Open a stream. Raises SessionClosed, or Unavailable while either end drains."""
        if self._error is not None:
            raise SessionClosed(self._error.message)
        if self.draining:
            raise errors.Unavailable("the connection is being drained")
        stream = Stream(self, self._next_id)
        self._next_id += 2
        self._streams[stream.id] = stream
        self._queue(pack(Kind.WINDOW, SYN, stream.id, 0))
        return stream

    async def ping(self) -> float:
        """Return the round-trip time in seconds. Raises SessionClosed."""
        if self._error is not None:
            raise SessionClosed(self._error.message)
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._send_ping(answer)
        return await answer

    def go_away(self) -> None:
        """Refuse new streams in both directions; those that live go on. Safe to repeat."""
        if not self._draining and self._error is None:
            self._draining = True
            self._ending.set()
            self._queue(pack(Kind.GOAWAY, 0, 0, Code.NORMAL))

    def close(self, error: errors.MooringError | None = None, *, code: Code = Code.NORMAL) -> None:
        """End the session and every stream. The last output (GOAWAY) can still be taken. Safe to repeat."""
        if self._error is not None:
            return
        self._queue(pack(Kind.GOAWAY, 0, 0, code))
        self._fail(error or SessionClosed("the connection was closed"))

    def _fail(self, error: errors.MooringError) -> None:
        if self._error is not None:
            return
        self._error = error
        self._timer.cancel()
        for stream in list(self._streams.values()):
            stream._end(SessionClosed(error.message))
        for _, answer in self._pings.values():
            if answer is not None and not answer.done():
                answer.set_exception(SessionClosed(error.message))
        self._pings.clear()
        while self._turns:
            self._next_turn()
        self._ending.set()
        self._closed.set()

    # what the carrier does
    def feed(self, data: bytes) -> None:
        """Take bytes from the peer. A protocol violation closes the session; nothing is raised."""
        if self._error is not None:
            return
        self._heard = True
        try:
            for frame in self._decoder.feed(data):
                self._on_frame(frame)
                if self.closed:
                    return
        except ProtocolError as violation:
            self.close(errors.Unavailable(f"the peer broke the tunnel protocol: {violation}"), code=Code.PROTOCOL)

    def take_output(self) -> bytes:
        """Return everything that is to be sent now; b"" when nothing is. Lets waiting writers go on."""
        if not self._output:
            return b""
        data = self._output[0] if len(self._output) == 1 else b"".join(self._output)
        self._output.clear()
        self._output_bytes = 0
        self._next_turn()
        return data

    # frames in
    def _on_frame(self, frame: Frame) -> None:
        if frame.kind == Kind.PING:
            self._on_ping(frame)
        elif frame.kind == Kind.GOAWAY:
            if frame.number == Code.NORMAL:
                self._peer_draining = True
                self._ending.set()
            else:
                self.close(errors.Unavailable(f"the peer ended the connection (code {frame.number})"))
        elif frame.flags & ACK or not frame.stream:
            raise ProtocolError(f"flags {frame.flags:#x} on stream {frame.stream}")
        else:
            stream = self._find_stream(frame)
            if stream is not None:
                stream._on_frame(frame)

    def _find_stream(self, frame: Frame) -> Stream | None:
        number = frame.stream
        if not frame.flags & SYN:
            stream = self._streams.get(number)
            opened_by_peer = number % 2 == self._peer_parity
            if stream is None and number > (self._last_peer_id if opened_by_peer else self._next_id - 2):
                raise ProtocolError(f"stream {number} was never opened")
            return stream  # None: it ended here a moment ago, late frames of the peer are normal
        if number % 2 != self._peer_parity or number <= self._last_peer_id:
            raise ProtocolError(f"stream {number} opened out of order")
        self._last_peer_id = number
        if self._on_stream is None or self.draining or self._peer_streams >= self.limits.streams:
            self._queue(pack(Kind.WINDOW, RST, number, Code.REFUSED))
            return None
        stream = Stream(self, number)
        self._streams[number] = stream
        self._peer_streams += 1
        self._on_stream(stream)
        return stream

    def _on_ping(self, frame: Frame) -> None:
        if frame.flags == SYN:
            self._queue(pack(Kind.PING, ACK, 0, frame.number))
        elif frame.flags == ACK:
            sent_at, answer = self._pings.pop(frame.number, (None, None))
            if sent_at is None:
                raise ProtocolError("an answer to a ping that was not sent")
            if frame.number == self._keepalive:
                self._keepalive = 0
            self.round_trip_s = self._clock.time() - sent_at
            if answer is not None and not answer.done():
                answer.set_result(self.round_trip_s)
        else:
            raise ProtocolError(f"flags {frame.flags:#x} on a ping")

    def _send_ping(self, answer: asyncio.Future[float] | None) -> None:
        self._ping_number = self._ping_number % 0xFFFFFFFF + 1
        self._pings[self._ping_number] = (self._clock.time(), answer)
        self._queue(pack(Kind.PING, SYN, 0, self._ping_number))

    def _on_tick(self) -> None:
        # Any byte counts as a sign of life: under load the answer to a ping waits behind data.
        self._silent_intervals = 0 if self._heard else self._silent_intervals + 1
        self._heard = False
        if self._silent_intervals >= self.limits.ping_misses:
            silent_s = self.limits.ping_interval_s * self.limits.ping_misses
            self.close(errors.Unavailable(f"nothing heard from the peer for {silent_s:g} s"))
            return
        if not self._keepalive:
            self._send_ping(None)
            self._keepalive = self._ping_number
        self._timer = self._clock.call_later(self.limits.ping_interval_s, self._on_tick)

    # frames out
    def _queue(self, data: bytes, payload: bytes = b"") -> None:
        if self._error is not None:
            return
        self._output.append(data)
        self._output_bytes += len(data)
        if payload:
            self._output.append(payload)
            self._output_bytes += len(payload)
        if not self._notified:
            self._notified = True
            self._clock.call_soon(self._notify)
        if self._output_bytes > self.limits.output_bytes * 8:
            # Writers stop at output_bytes; only answers to a flood of control frames get this far.
            self._fail(errors.Unavailable("the peer does not read what it asks for"))

    async def _take_turn(self) -> None:
        """Wait until a data frame may be queued. The caller must call `_next_turn` afterwards, whatever happened."""
        if not self._turns and self._output_bytes < self.limits.output_bytes:
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            self._next_turn()
            raise

    def _next_turn(self) -> None:
        if self._output_bytes < self.limits.output_bytes or self._error is not None:
            while self._turns:
                turn = self._turns.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return

    def _notify(self) -> None:
        self._notified = False
        self._on_output()

    def _forget(self, stream: Stream) -> None:
        if self._streams.pop(stream.id, None) is not None and stream.id % 2 == self._peer_parity:
            self._peer_streams -= 1

    def _grow_window(self, wanted_bytes: int) -> int:
        granted = min(wanted_bytes, self._spare_window_bytes)
        self._spare_window_bytes -= granted
        return granted


class Stream:
    """One two-way byte stream. Its opener and its acceptor each own their end and must `finish` or `reset` it."""

    def __init__(self, session: Session, number: int) -> None:
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
            await session._take_turn()
            try:
                if (error := self._error or self._write_error) is not None:
                    raise error
                size = min(end - at, self._credit, session.limits.frame_bytes)
                if size:
                    self._credit -= size
                    session._queue(pack(Kind.DATA, 0, self.id, size), data if size == end else data[at : at + size])
                    at += size
            finally:
                session._next_turn()

    def finish(self) -> None:
        """Say that nothing more will be written (half-close). Reading goes on. Safe to repeat."""
        if not self._sent_fin and self._error is None and self._write_error is None:
            self._sent_fin = True
            self._session._queue(pack(Kind.WINDOW, FIN, self.id, 0))
            self._check_closed()

    def reset(self, code: Code = Code.NORMAL) -> None:
        """Give the stream up in both directions; what was received and not read is dropped. Safe to repeat."""
        if self.closed:
            self._chunks.clear()
            return
        self._session._queue(pack(Kind.WINDOW, RST, self.id, code))
        self._end(StreamReset("the stream was reset", code))

    # called by the session
    def _on_frame(self, frame: Frame) -> None:
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
            self._end(error)

    def _end(self, error: errors.MooringError) -> None:
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
        self._session._forget(self)
        self._session._spare_window_bytes += self._window - self._session.limits.initial_window_bytes
        self._window = self._session.limits.initial_window_bytes

    def _give_back(self, size_bytes: int) -> None:
        """Return credit once half the window is read; widen the window when it goes round too fast for the path."""
        self._unreturned += size_bytes
        if self._got_fin or self.closed or self._unreturned * 2 < self._window:
            return
        session = self._session
        now = session._clock.time()
        round_trip_s = session.round_trip_s
        grown = 0
        if round_trip_s is not None and 0 <= now - self._returned_at < 4 * round_trip_s:
            grown = session._grow_window(min(self._window, session.limits.max_window_bytes - self._window))
        self._returned_at = now
        self._window += grown
        credit = self._unreturned + grown
        self._unreturned = 0
        self._granted += credit
        session._queue(pack(Kind.WINDOW, 0, self.id, credit))


@contextlib.asynccontextmanager
async def opened(session: Session) -> AsyncIterator[Stream]:
    """Open a stream and give it up at the end of the block unless both ends have finished."""
    stream = session.open()
    try:
        yield stream
    finally:
        stream.reset()
