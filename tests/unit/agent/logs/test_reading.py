"""Reading by block, by message, from the end and from a cursor must all tell the same story, whatever the segments."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.logs.reading import Reading
from agent.logs.records import Assembler, format_time, parse_time
from agent.logs.rotation import rotate, trim
from agent.logs.segments import list_segments, rotated_path
from agent.logs.store import FileLogs
from agent.ports.logs import LogEntry, LogQuery
from wire.stdcopy import Decoder

Record = tuple[str, str, bytes]


def line(number: int, stream: str, tag: str, text: bytes) -> bytes:
    return f"2026-03-04T05:{number // 60 % 60:02d}:{number % 60:02d}.{number:09d}+00:00 {stream} {tag} ".encode() + text


def random_records(seed: int, count: int) -> Iterator[Record]:
    """What conmon could write: whole lines and pieces of both streams, long lines in 8 KiB pieces."""
    chance = random.Random(seed)
    for _ in range(count):
        stream = chance.choice(("stdout", "stdout", "stderr"))
        text = bytes(chance.choices(b"abc stdout P F\xc3\xa9", k=chance.choice((0, 1, 30, 200))))
        if chance.random() < 0.03:
            text = b"x" * 8192
        yield stream, chance.choice("FFFFP"), text


def write_log(log: Path, records: list[Record], *, cut_at: frozenset[int] = frozenset()) -> None:
    """Write records as conmon would, with a rotation before those whose number is in `cut_at`."""
    for number, (stream, tag, text) in enumerate(records):
        if number in cut_at:
            rotate(log, log.with_name("no-control"))
        with log.open("ab") as file:
            file.write(line(number, stream, tag, text) + b"\n")


async def entries(log: Path, query: LogQuery) -> list[LogEntry]:
    logs = FileLogs()
    try:
        return [entry async for batch in logs.entries(log, query) for entry in batch]
    finally:
        await logs.close()


async def lines(log: Path, query: LogQuery, logs: FileLogs) -> list[LogEntry]:
    """The JSON lines, read back as entries; made twice, the second time from what the first left."""
    first = b"".join([chunk async for chunk in logs.json_lines(log, query)])
    assert b"".join([chunk async for chunk in logs.json_lines(log, query)]) == first
    documents = [json.loads(text) for text in first.splitlines()]
    return [LogEntry(d["c"], d["t"], d["s"], d["l"].encode()) for d in documents]


async def frames(log: Path, query: LogQuery, *, timestamps: bool = False, coalesce: bool = False) -> bytes:
    reading = Reading(log, query, asyncio.Event())
    parts = [p async for p in reading.frames(multiplexed=True, timestamps=timestamps, coalesce=coalesce)]
    return b"".join(parts)


def told(got: list[LogEntry]) -> list[tuple[int, int, bytes]]:
    return [(entry.time_ns, entry.stream, entry.data) for entry in got]


@pytest.mark.parametrize("seed", range(6))
async def test_a_cursor_resumes_exactly_after_every_entry_and_rotation(tmp_path: Path, seed: int) -> None:
    records = list(random_records(seed, 120))
    whole = tmp_path / "whole.log"
    cut = tmp_path / "cut.log"
    write_log(whole, records)
    write_log(cut, records, cut_at=frozenset(random.Random(seed).sample(range(1, 120), 5)))
    expected = await entries(whole, LogQuery())
    got = await entries(cut, LogQuery())
    assert got == expected
    assert len({entry.cursor for entry in got}) == len(got)
    for index, entry in enumerate(got):
        assert await entries(cut, LogQuery(cursor=entry.cursor)) == expected[index + 1 :], f"after entry {index}"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("timestamps", [False, True])
async def test_frames_say_what_entries_say(tmp_path: Path, seed: int, timestamps: bool) -> None:
    log = tmp_path / "web.log"
    records = [r for r in random_records(seed, 400) if seed % 2 or r[1] == "F"]  # without pieces: the quick way
    write_log(log, records, cut_at=frozenset({100, 101, 300}))
    expected = [
        (e.stream, (format_time(e.time_ns) + b"Z " if timestamps else b"") + e.data)
        for e in await entries(log, LogQuery())
    ]
    assert list(Decoder().feed(await frames(log, LogQuery(), timestamps=timestamps))) == expected
    both: dict[int, bytes] = {1: b"", 2: b""}
    for stream, data in Decoder().feed(await frames(log, LogQuery(), timestamps=timestamps, coalesce=True)):
        both[stream] += data
    assert both == {n: b"".join(data for stream, data in expected if stream == n) for n in (1, 2)}


@pytest.mark.parametrize("seed", range(4))
async def test_json_lines_say_what_entries_say(tmp_path: Path, seed: int) -> None:
    log = tmp_path / "web.log"
    records = [r for r in random_records(seed, 400) if seed % 2 or r[1] == "F"]
    write_log(log, records, cut_at=frozenset({100, 101, 300}))
    expected = await entries(log, LogQuery())
    logs = FileLogs()
    for query in (LogQuery(), LogQuery(cursor=expected[-30].cursor), LogQuery(tail=7), LogQuery(stdout=False)):
        replaced = [
            dataclasses.replace(e, data=e.data.decode(errors="replace").encode()) for e in await entries(log, query)
        ]
        got = await lines(log, query, logs)
        assert [(e.time_ns, e.stream, e.data) for e in got] == [(e.time_ns, e.stream, e.data) for e in replaced]
        for entry, other in list(zip(got, replaced, strict=True))[::25]:
            after = await entries(log, LogQuery(cursor=entry.cursor))
            assert after == await entries(log, LogQuery(cursor=other.cursor)), (entry.cursor, other.cursor)
    await logs.close()


@pytest.mark.parametrize("seed", range(4))
async def test_tail_is_the_end_of_the_whole(tmp_path: Path, seed: int) -> None:
    log = tmp_path / "web.log"
    # Ends in whole lines of both streams, so that no message is half there where a tail begins.
    records = [(s, t if s == "stdout" else "F", x) for s, t, x in random_records(seed, 300)] + [("stdout", "F", b"end")]
    write_log(log, records, cut_at=frozenset({50, 299}))
    everything = told(await entries(log, LogQuery()))
    for tail in (0, 1, 2, 7, 100, len(everything), 10_000):
        expected = everything[max(0, len(everything) - tail) :]
        assert [(s, d) for _, s, d in told(await entries(log, LogQuery(tail=tail)))] == [
            (s, d) for _, s, d in expected
        ], tail


async def test_times_and_streams_are_filtered(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    write_log(log, [("stdout" if n % 2 else "stderr", "F", b"%d" % n) for n in range(10)])
    at = parse_time(line(4, "stdout", "F", b""))
    query = LogQuery(since_ns=at, until_ns=at + 2_000_000_002, stderr=False)
    assert [e.data for e in await entries(log, query)] == [b"5\n"]
    assert list(Decoder().feed(await frames(log, query))) == [(1, b"5\n")]


async def test_a_line_is_cut_where_docker_cuts_it(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    pieces = [("stdout", "P", b"x" * 8192)] * 4 + [("stdout", "P", b"x" * 7232), ("stdout", "F", b"")]
    write_log(log, [*pieces, ("stderr", "F", b"err"), ("stdout", "P", b"prompt")])
    got = await entries(log, LogQuery())
    assert [len(e.data) for e in got] == [16384, 16384, 7233, 4, 6]
    assert got[-1].data == b"prompt", "an ended log gives a last line without newline as it is"


async def test_an_unfinished_line_is_kept_back_while_the_writer_lives(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    write_log(log, [("stdout", "F", b"one"), ("stdout", "P", b"two")])
    ended = asyncio.Event()
    assert [e.data for e in await entries(log, LogQuery(ended=ended))] == [b"one\n"]
    ended.set()
    assert [e.data for e in await entries(log, LogQuery(ended=ended))] == [b"one\n", b"two"]


async def test_a_follower_sees_everything_across_rotations_and_then_ends(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    records = list(random_records(9, 500))
    ended = asyncio.Event()
    logs = FileLogs()

    async def collect() -> list[LogEntry]:
        return [e async for batch in logs.entries(log, LogQuery(follow=True, ended=ended)) for e in batch]

    following = asyncio.create_task(collect())
    writer = log.open("ab")  # conmon keeps the file open over the rename
    try:
        for number, (stream, tag, text) in enumerate(records):
            writer.write(line(number, stream, tag, text) + b"\n")
            writer.flush()
            if number % 90 == 50:
                rotate(log, log.with_name("no-control"))
            if number % 90 == 60:  # reopened later: ten records went to the renamed file
                writer.close()
                writer = log.open("ab")
                trim(log, 100)
            if number % 7 == 0:
                await asyncio.sleep(0)
    finally:
        writer.close()
    ended.set()
    got = await following
    await logs.close()
    expected, assembler = [], Assembler()
    for number, (stream, tag, text) in enumerate(records):
        expected += [m[3] for m in assembler.feed(line(number, stream, tag, text), 0)]
    assert [e.data for e in got] == expected + [m[3] for m in assembler.flush(0)]


async def test_trimming_deletes_the_oldest_and_keeps_positions(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    records = [("stdout", "F", b"%03d" % n) for n in range(40)]
    write_log(log, records, cut_at=frozenset({10, 20, 30}))
    before = await entries(log, LogQuery())
    trim(log, 2)
    assert await entries(log, LogQuery()) == before[20:]
    assert await entries(log, LogQuery(cursor=before[5].cursor)) == before[20:], "a lost cursor goes on with the oldest"
    trim(log, 1)
    assert await entries(log, LogQuery()) == before[30:]
    assert list_segments(log)[0].path == rotated_path(log, list_segments(log)[-1].start), (
        "an empty file holds the place"
    )
    rotate(log, log.with_name("no-control"))
    write_log(log, [("stdout", "F", b"new")])
    assert [e.data for e in await entries(log, LogQuery(cursor=before[-2].cursor))] == [b"039\n", b"new\n"]


async def test_garbage_is_skipped(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_bytes(
        b"half a li\n" + line(1, "stdout", "F", b"good") + b"\n\n" + line(2, "stderr", "F", b"too") + b"\n2026"
    )
    assert [e.data for e in await entries(log, LogQuery())] == [b"good\n", b"too\n"]
    assert list(Decoder().feed(await frames(log, LogQuery()))) == [(1, b"good\n"), (2, b"too\n")]


async def test_a_log_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert await entries(tmp_path / "none.log", LogQuery()) == []
    assert await entries(tmp_path / "none.log", LogQuery(tail=3)) == []
