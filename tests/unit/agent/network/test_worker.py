"""What is made on the thread belongs to the caller, or to nobody when the caller has gone."""

from __future__ import annotations

import asyncio
import threading

import pytest

from agent.network.worker import Worker


async def test_what_was_made_for_a_caller_that_left_is_discarded() -> None:
    worker, begun, finish = Worker("test"), asyncio.Event(), threading.Event()
    loop, discarded = asyncio.get_running_loop(), list[int]()

    def make(number: int) -> int:
        loop.call_soon_threadsafe(begun.set)
        finish.wait()
        return number

    caller = asyncio.create_task(worker.acquire(discarded.append, make, 1))
    never_begun = asyncio.create_task(worker.acquire(discarded.append, make, 2))
    await begun.wait()
    caller.cancel()
    never_begun.cancel()
    await asyncio.gather(caller, never_begun, return_exceptions=True)
    finish.set()
    assert await worker.acquire(discarded.append, make, 3) == 3
    await worker.close()
    assert discarded == [1]


@pytest.mark.parametrize("steps", [0, 1], ids=["not-told-yet", "told-but-not-resumed"])
async def test_what_was_made_just_before_the_caller_left_is_discarded(steps: int) -> None:
    worker, discarded = Worker("test"), list[int]()
    caller = asyncio.create_task(worker.acquire(discarded.append, int, "1"))
    await asyncio.sleep(0)
    worker._pool.submit(int).result()  # after it, and the loop stands still meanwhile
    for _ in range(steps):
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    assert caller.cancelled()
    assert discarded == [1]
    await worker.close()


async def test_a_failure_is_the_callers() -> None:
    worker = Worker("test")
    with pytest.raises(ZeroDivisionError):
        await worker.acquire(print, lambda: 1 // 0)
    await worker.close()
