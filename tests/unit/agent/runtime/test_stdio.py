"""Sharing one process's streams: patience, cutting, ends."""

from __future__ import annotations

import asyncio

import pytest

from agent.runtime import stdio
from agent.runtime.stdio import Hub
from wire.errors import Exhausted


async def nothing(data: bytes = b"") -> None:
    return None


def hub() -> Hub:
    return Hub(tty=False, write=nothing, close_stdin=nothing)


async def test_a_patient_reader_holds_the_feeder_until_it_reads() -> None:
    shared = hub()
    session = shared.open(patient=True)
    shared.feed(1, bytes(stdio.PATIENT_BYTES))
    assert not shared.has_room()
    waiting = asyncio.create_task(shared.room())
    output = session.output()
    assert len((await anext(output))[1]) == stdio.PATIENT_BYTES
    assert not waiting.done(), "only coming back for more counts as having read"
    more = asyncio.ensure_future(anext(output))
    await waiting
    shared.feed(2, b"x")
    assert await more == (2, b"x")


async def test_leaving_frees_the_feeder() -> None:
    shared = hub()
    session = shared.open(patient=True)
    shared.feed(1, bytes(stdio.PATIENT_BYTES))
    waiting = asyncio.create_task(shared.room())
    await asyncio.sleep(0)
    await session.close()
    await waiting


async def test_an_impatient_reader_is_cut_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LIMIT_BYTES", 10)
    shared = hub()
    slow, other = shared.open(), shared.open(patient=True)
    shared.feed(1, b"0123456789")
    shared.feed(1, b"x")
    assert shared.has_room()
    with pytest.raises(Exhausted):
        await anext(slow.output())
    shared.finish()
    assert [data async for _, data in other.output()] == [b"0123456789", b"x"]


async def test_what_is_queued_is_delivered_after_the_end() -> None:
    shared = hub()
    session = shared.open()
    shared.feed(1, b"last words")
    shared.finish()
    assert [data async for _, data in session.output()] == [b"last words"]
    assert [data async for _, data in shared.open().output()] == [], "a latecomer ends at once"


async def test_the_last_to_leave_is_told_of() -> None:
    shared = hub()
    left: list[int] = []
    shared.on_empty = lambda: left.append(1)
    one, two = shared.open(), shared.open()
    await one.close()
    assert left == []
    await two.close()
    await two.close()
    assert left == [1]
