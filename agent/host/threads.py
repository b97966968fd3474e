"""Work in threads, awaited so that cancelling leaves neither a thread nor what it made behind.

`asyncio.to_thread` lets a cancelled caller go at once: its clean-up then meets a thread that still writes below the
directory that is deleted, or holds the mount that is taken away, and a file that the thread opened has no owner.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

__all__ = ["in_thread", "to_the_end"]

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(future: asyncio.Future[T], discard: Callable[[T], object] | None = None) -> T:
    """Await work that is not to be cut in two, a thread's above all. A cancelled caller still waits for its end;
    `discard` then closes what it made."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        if not future.cancelled() and future.exception() is None and discard is not None:
            discard(future.result())
        raise


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run something blocking in a thread, to its end also when the caller is cancelled."""
    work = functools.partial(function, *args, **kwargs)
    return await to_the_end(asyncio.get_running_loop().run_in_executor(None, work))
