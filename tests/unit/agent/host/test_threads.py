"""A cancelled caller leaves neither a thread nor what it made behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from agent.host.threads import in_thread, to_the_end


async def test_a_cancelled_caller_waits_for_its_thread() -> None:
    begun, finish, ended = asyncio.Event(), threading.Event(), list[bool]()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        finish.wait()
        ended.append(True)

    caller = asyncio.create_task(in_thread(work))
    await begun.wait()
    for _ in range(3):  # however often
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    finish.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == [True]


@pytest.mark.parametrize("fails", [False, True])
async def test_what_was_made_for_a_caller_that_left_is_discarded(fails: bool) -> None:
    making: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    discarded: list[int] = []
    caller = asyncio.create_task(to_the_end(making, discarded.append))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0)
    if fails:
        making.set_exception(OSError("refused"))
    else:
        making.set_result(1)
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert discarded == ([] if fails else [1])
