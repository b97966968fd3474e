"""Many streams over one connection: credit windows, half-close per direction, keep-alive, orderly end.

A `Session` does no I/O. Its owner feeds it what the peer sent (`feed`) and, when told (`on_output`), takes what is to
be sent (`take_output`); `wire.net.carrier` does that for a transport and for an upgraded ASGI connection. Frames queued
in one turn of the event loop leave as one write.

Memory is bounded: a stream buffers at most its window, a session at most `Limits.session_window_bytes` of windows
beyond the initial ones, and writers stop when `Limits.output_bytes` wait to be taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from wire import errors
from wire.net.frames import ACK, RST, SYN, Code, Decoder, Frame, Kind, ProtocolError, pack
from wire.net.stream import Limits, SessionClosed, Stream, StreamReset

__all__ = ["Clock", "Limits", "Session", "SessionClosed", "Stream", "StreamReset", "opened"]


class Clock(Protocol):
    """What a session needs of time; an asyncio loop is one, tests bring their own."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[..., object], /, *args: Any) -> Any: ...
    def call_soon(self, callback: Callable[..., object], /, *args: Any) -> Any: ...


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
        self.queue(pack(Kind.WINDOW, SYN, stream.id, 0))
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
            self.queue(pack(Kind.GOAWAY, 0, 0, Code.NORMAL))

    def close(self, error: errors.MooringError | None = None, *, code: Code = Code.NORMAL) -> None:
        """End the session and every stream. The last output (GOAWAY) can still be taken. Safe to repeat."""
        if self._error is not None:
            return
        self.queue(pack(Kind.GOAWAY, 0, 0, code))
        self._fail(error or SessionClosed("the connection was closed"))

    def _fail(self, error: errors.MooringError) -> None:
        if self._error is not None:
            return
        self._error = error
        self._timer.cancel()
        for stream in list(self._streams.values()):
            stream.end(SessionClosed(error.message))
        for _, answer in self._pings.values():
            if answer is not None and not answer.done():
                answer.set_exception(SessionClosed(error.message))
        self._pings.clear()
        while self._turns:
            self.next_turn()
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
        self.next_turn()
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
                stream.on_frame(frame)

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
            self.queue(pack(Kind.WINDOW, RST, number, Code.REFUSED))
            return None
        stream = Stream(self, number)
        self._streams[number] = stream
        self._peer_streams += 1
        self._on_stream(stream)
        return stream

    def _on_ping(self, frame: Frame) -> None:
        if frame.flags == SYN:
            self.queue(pack(Kind.PING, ACK, 0, frame.number))
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
        self.queue(pack(Kind.PING, SYN, 0, self._ping_number))

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

    # what streams ask (see `wire.net.stream.Multiplexer`)
    def queue(self, data: bytes, payload: bytes = b"") -> None:
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

    async def take_turn(self) -> None:
        if not self._turns and self._output_bytes < self.limits.output_bytes:
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            self.next_turn()
            raise

    def next_turn(self) -> None:
        if self._output_bytes < self.limits.output_bytes or self._error is not None:
            while self._turns:
                turn = self._turns.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return

    def _notify(self) -> None:
        self._notified = False
        self._on_output()

    def forget(self, stream: Stream) -> None:
        if self._streams.pop(stream.id, None) is not None and stream.id % 2 == self._peer_parity:
            self._peer_streams -= 1

    def time(self) -> float:
        return self._clock.time()

    def grow_window(self, wanted_bytes: int) -> int:
        granted = min(wanted_bytes, self._spare_window_bytes)
        self._spare_window_bytes -= granted
        return granted

    def shrink_window(self, size_bytes: int) -> None:
        self._spare_window_bytes += size_bytes


@contextlib.asynccontextmanager
async def opened(session: Session) -> AsyncIterator[Stream]:
    """Open a stream and give it up at the end of the block unless both ends have finished."""
    stream = session.open()
    try:
        yield stream
    finally:
        stream.reset()
