"""Two sessions joined in memory: what one end takes as output is fed to the other, in pieces if a test wants."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire import errors
from wire.net.frames import FIN, HEADER_BYTES, RST, SYN, Code, Decoder, Frame, Kind, ProtocolError, pack
from wire.net.mux import Limits, Session, SessionClosed, Stream, StreamReset


class FakeClock:
    """A clock that moves only when told; `call_soon` runs in the real loop's next turn."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[..., object], tuple[Any, ...], list[bool]]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], /, *args: Any) -> Any:
        return asyncio.get_running_loop().call_soon(callback, *args)

    def call_later(self, delay: float, callback: Callable[..., object], /, *args: Any) -> Any:
        cancelled = [False]
        self.timers.append((self.now + delay, callback, args, cancelled))

        class Handle:
            def cancel(self) -> None:
                cancelled[0] = True

        return Handle()

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= end and not timer[3][0]]:
            timer = min(due, key=lambda entry: entry[0])
            self.timers.remove(timer)
            self.now = max(self.now, timer[0])
            timer[1](*timer[2])
        self.now = end


class Pair:
    """A dialling and an answering session. `hold` keeps bytes back in both directions."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self.clock = FakeClock()
        self.accepted: asyncio.Queue[Stream] = asyncio.Queue()
        self.hold = False
        self.written: list[bytes] = []
        self.a = Session(dialer=True, on_output=self._a_to_b, limits=limits, clock=self.clock)
        self.b = Session(
            dialer=False, on_output=self._b_to_a, on_stream=self.accepted.put_nowait, limits=limits, clock=self.clock
        )

        self.clock.advance(0)  # the first ping of each

    def _a_to_b(self) -> None:
        if not self.hold and (data := self.a.take_output()):
            self.written.append(data)
            self.b.feed(data)

    def _b_to_a(self) -> None:
        if not self.hold and (data := self.b.take_output()):
            self.a.feed(data)

    def release(self) -> None:
        self.hold = False
        self._a_to_b()
        self._b_to_a()

    async def open(self) -> tuple[Stream, Stream]:
        stream = self.a.open()
        return stream, await self.accepted.get()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def read_all(stream: Stream) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_bytes_arrive_in_order_and_fin_ends_one_direction_only() -> None:
    pair = Pair()
    ours, theirs = await pair.open()
    await ours.write(b"question")
    ours.finish()
    assert await read_all(theirs) == b"question"
    await theirs.write(b"answer after the end of the question")
    assert not ours.closed
    theirs.finish()
    assert await read_all(ours) == b"answer after the end of the question"
    await asyncio.wait_for(ours.wait_closed(), 60)
    assert pair.a.stream_count == pair.b.stream_count == 0


async def test_a_megabyte_passes_a_small_window_unchanged() -> None:
    pair = Pair(Limits(initial_window_bytes=4096, frame_bytes=1000, output_bytes=3000))
    ours, theirs = await pair.open()
    data = random.Random(1).randbytes(1 << 20)

    async def write() -> None:
        await ours.write(data)
        ours.finish()

    writing = asyncio.create_task(write())
    assert await read_all(theirs) == data
    await writing


async def test_a_reader_that_stalls_stops_only_its_own_writer() -> None:
    pair = Pair(Limits(initial_window_bytes=1000, frame_bytes=500))
    stalled, stalled_reader = await pair.open()
    writing = asyncio.create_task(stalled.write(b"x" * 5000))
    lively, lively_reader = await pair.open()
    for _ in range(50):
        await lively.write(b"y" * 400)
        assert len(await lively_reader.read_exactly(400)) == 400
    assert not writing.done()
    assert sum(len(chunk) for chunk in stalled_reader._chunks) == 1000  # exactly the window, no more
    assert len(await stalled_reader.read_exactly(5000)) == 5000
    await writing


async def test_frames_queued_in_one_turn_leave_as_one_write() -> None:
    pair = Pair()
    await turns()
    pair.written.clear()
    streams = [pair.a.open() for _ in range(5)]
    for stream in streams:
        await stream.write(b"hello")
        stream.finish()
    await turns()
    assert len(pair.written) == 1


async def test_writers_take_turns_when_the_carrier_is_slow() -> None:
    pair = Pair(Limits(frame_bytes=100, output_bytes=200))
    first, first_reader = await pair.open()
    second, second_reader = await pair.open()
    pair.hold = True
    writing = [asyncio.create_task(first.write(b"a" * 10_000)), asyncio.create_task(second.write(b"b" * 300))]
    for _ in range(10):
        await turns()
        pair.b.feed(pair.a.take_output())
    assert writing[1].done()
    assert not writing[0].done()
    pair.release()
    await first_reader.read_exactly(10_000)
    await second_reader.read_exactly(300)
    await asyncio.gather(*writing)


async def test_a_cancelled_writer_passes_its_turn_on() -> None:
    pair = Pair(Limits(frame_bytes=100, output_bytes=100))
    streams = [(await pair.open())[0] for _ in range(3)]
    pair.hold = True
    tasks = [asyncio.create_task(stream.write(b"x" * 100)) for stream in streams]
    await turns()
    tasks[1].cancel()
    for _ in range(3):
        pair.b.feed(pair.a.take_output())
        await turns()
    assert tasks[2].done()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]


async def test_reset_reaches_the_peer_and_drops_what_is_unread() -> None:
    pair = Pair()
    ours, theirs = await pair.open()
    await ours.write(b"never read")
    await turns()
    ours.reset()
    await turns()
    with pytest.raises(StreamReset):
        await theirs.read()
    with pytest.raises(StreamReset):
        await theirs.write(b"x")


async def test_what_was_said_before_fin_survives_a_reset_after_it() -> None:
    # A server answers, finishes, and wants no more of the request body: its answer must not be lost.
    pair = Pair()
    ours, theirs = await pair.open()
    await theirs.write(b"413 too large")
    theirs.finish()
    theirs.reset()
    await turns()
    with pytest.raises(StreamReset):
        await ours.write(b"more body")
    assert await read_all(ours) == b"413 too large"


async def test_data_beyond_the_credit_resets_the_stream_and_not_the_session() -> None:
    pair = Pair(Limits(initial_window_bytes=100))
    ours, theirs = await pair.open()
    pair.b.feed(pack(Kind.DATA, 0, ours.id, 101) + b"x" * 101)
    with pytest.raises(StreamReset) as reset:
        await theirs.read()
    assert reset.value.code == Code.FLOW_CONTROL
    await turns()
    assert not pair.a.closed
    assert not pair.b.closed


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        pack(Kind.DATA, 0, 7, 0),  # a stream that nobody opened
        pack(Kind.WINDOW, SYN, 2, 0),  # opened with our own parity
        pack(Kind.WINDOW, SYN, 1, 0) + pack(Kind.WINDOW, SYN, 1, 0),  # opened twice
        pack(Kind.WINDOW, SYN, 0, 0),
        pack(Kind.DATA, 0, 1, 1 << 20),
        pack(Kind.PING, 2, 0, 99),  # an answer to nothing
        pack(Kind.WINDOW, SYN, 1, 0) + pack(Kind.WINDOW, FIN, 1, 0) * 2,
        pack(Kind.WINDOW, SYN, 1, 0) + pack(Kind.WINDOW, FIN, 1, 0) + pack(Kind.DATA, 0, 1, 1) + b"x",
        pack(Kind.WINDOW, 0x40, 1, 0),
    ],
)
async def test_a_protocol_violation_ends_the_session(garbage: bytes) -> None:
    pair = Pair()
    await turns()
    pair.b.feed(garbage)
    assert pair.b.closed
    await turns()
    assert pair.a.closed


async def test_an_oversized_frame_is_refused_before_its_payload_is_kept() -> None:
    decoder = Decoder(1000)
    with pytest.raises(ProtocolError):
        list(decoder.feed(pack(Kind.DATA, 0, 1, 1001)))


async def test_too_many_streams_are_refused_and_room_comes_back() -> None:
    pair = Pair(Limits(streams=2))
    opened = [await pair.open() for _ in range(2)]
    third = pair.a.open()
    with pytest.raises(StreamReset) as reset:
        await third.read()
    assert reset.value.code == Code.REFUSED
    opened[0][1].reset()
    await turns()
    fourth, reader = await pair.open()
    await fourth.write(b"ok")
    assert await reader.read() == b"ok"


async def test_draining_refuses_new_streams_and_lets_old_ones_end() -> None:
    pair = Pair()
    ours, theirs = await pair.open()
    pair.b.go_away()
    await turns()
    with pytest.raises(errors.Unavailable):
        pair.a.open()
    await ours.write(b"still works")
    assert await theirs.read() == b"still works"
    ours.finish()
    theirs.finish()
    await asyncio.wait_for(pair.b.wait_idle(), 60)


async def test_a_silent_peer_is_cut_after_three_misses_and_streams_learn_it() -> None:
    pair = Pair()
    ours, _ = await pair.open()
    await turns()
    reading = asyncio.create_task(ours.read())
    pair.clock.advance(10)
    await turns()
    pair.clock.advance(10)  # the last interval in which something was heard
    pair.hold = True
    pair.clock.advance(25)
    await turns()
    assert pair.a.error is None
    pair.clock.advance(10)
    assert pair.a.closed
    with pytest.raises(SessionClosed, match="30 s"):
        await reading
    with pytest.raises(SessionClosed):
        pair.a.open()


async def test_any_byte_is_a_sign_of_life() -> None:
    pair = Pair()
    ours, theirs = await pair.open()
    pair.hold = True
    for _ in range(20):
        pair.clock.advance(10)
        await theirs.write(b"x")
        pair.a.feed(pair.b.take_output())  # a's pings never arrive, b's data does
        pair.b.feed(pack(Kind.WINDOW, 0, ours.id, 0))
    assert not pair.a.closed


async def test_ping_measures_the_round_trip_on_the_clock() -> None:
    pair = Pair()
    await turns()
    pair.hold = True
    pinging = asyncio.create_task(pair.a.ping())
    await turns()
    pair.clock.advance(0.25)
    pair.release()
    await turns()
    assert await pinging == pytest.approx(0.25)


async def test_a_flood_of_pings_that_is_not_read_ends_the_session() -> None:
    pair = Pair(Limits(output_bytes=1000))
    pair.hold = True
    for number in range(1000):
        pair.b.feed(pack(Kind.PING, SYN, 0, number))
    assert pair.b.closed


async def test_windows_grow_on_a_long_path_within_the_sessions_budget() -> None:
    pair = Pair(Limits(initial_window_bytes=1000, max_window_bytes=8000, session_window_bytes=5000, frame_bytes=500))
    await turns()
    pair.a.round_trip_s = pair.b.round_trip_s = 1.0  # the fake clock stands still: every window goes round "at once"
    ours, theirs = await pair.open()
    writing = asyncio.create_task(ours.write(b"x" * 50_000))
    await theirs.read_exactly(50_000)
    await writing
    assert theirs._window == 6000
    assert pair.b._spare_window_bytes == 0
    ours.reset()
    await turns()
    assert pair.b._spare_window_bytes == 5000


async def test_writing_after_finish_is_a_mistake_of_the_caller() -> None:
    pair = Pair()
    ours, _ = await pair.open()
    ours.finish()
    with pytest.raises(RuntimeError):
        await ours.write(b"x")


async def test_closing_a_session_ends_everything_and_may_be_repeated() -> None:
    pair = Pair()
    ours, theirs = await pair.open()
    pinging = asyncio.create_task(pair.a.ping())
    pair.hold = True
    await turns()
    pair.a.close()
    pair.a.close()
    for stream in (ours,):
        with pytest.raises(SessionClosed):
            await stream.read()
    with pytest.raises(SessionClosed):
        await pinging
    pair.release()
    await turns()
    assert theirs.closed or pair.b.draining


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_garbage_never_raises_and_never_hangs(data: bytes, cuts: list[int]) -> None:
    async def run() -> None:
        pair = Pair()
        pair.hold = True
        at = 0
        for cut in [*sorted(cuts), len(data)]:
            pair.b.feed(data[at:cut])
            at = max(at, cut)
        pair.b.take_output()
        pair.b.close()

    asyncio.run(run())


_frames = st.builds(
    lambda kind, flags, stream, number, size: (
        pack(kind, flags, stream, size if kind == 0 else number) + (b"d" * size if kind == 0 else b"")
    ),
    st.integers(0, 3),
    st.sampled_from([0, 0, 0, SYN, FIN, RST, SYN | FIN, 2]),
    st.integers(0, 9),
    st.integers(0, 2**32 - 1),
    st.integers(0, 300),
)


@settings(max_examples=200, deadline=None)
@given(frames=st.lists(_frames, max_size=30))
def test_wellformed_frames_in_any_order_never_raise(frames: list[bytes]) -> None:
    async def run() -> None:
        pair = Pair(Limits(initial_window_bytes=1000))
        pair.hold = True
        for frame in frames:
            pair.b.feed(frame)
        streams = pair.b.stream_count
        assert streams <= 5
        pair.b.close()
        assert all(theirs.closed for theirs in pair.accepted._queue)  # type: ignore[attr-defined]

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_decoder_gives_the_same_frames_however_the_bytes_are_cut(data: st.DataObject) -> None:
    whole = b"".join(data.draw(st.lists(_frames, max_size=8)))
    expected = list(Decoder(1000).feed(whole))
    decoder = Decoder(1000)
    got: list[Frame] = []
    at = 0
    while at < len(whole):
        size = data.draw(st.integers(1, max(1, HEADER_BYTES * 3)))
        got += decoder.feed(whole[at : at + size])
        at += size
    assert got == expected
