"""Bridges between blocking generators, which run in a thread, and asynchronous iterators on the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Final

from wire.errors import Cancelled

__all__ = ["BlockingChunks", "stream_blocking"]

_DEPTH: Final = 8


async def stream_blocking(chunks: Iterator[bytes], depth: int = _DEPTH) -> AsyncGenerator[bytes, None]:
    """Yield what `chunks` makes in a thread of its own, at most `depth` pieces ahead of the consumer.

    Closing or cancelling stops the thread at its next piece and closes the generator in it.
    """
    loop = asyncio.get_running_loop()
    items: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
    room = threading.Semaphore(depth)
    stopped = threading.Event()

    def hand_on(item: bytes | BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(items.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody listens any more
            stopped.set()

    def work() -> None:
        try:
            for chunk in chunks:
                room.acquire()
                if stopped.is_set():
                    break
                hand_on(chunk)
            hand_on(None)
        except BaseException as error:
            hand_on(error)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="images-stream", daemon=True)
    thread.start()
    try:
        while (item := await items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            room.release()
            yield item
    finally:
        stopped.set()
        room.release()
        await asyncio.shield(loop.run_in_executor(None, thread.join))


class BlockingChunks:
    """An asynchronous source read by a thread: the loop `feed`s, the thread iterates. Bounded both ways.

    Use: start the thread's work with `iter(self)`, then `await feed(source)`. When the work ends early, `close` lets
    the feeder go; when the source fails, the thread's iteration raises the failure.
    """

    def __init__(self, depth: int = _DEPTH) -> None:
        self._items: queue.Queue[bytes | BaseException | None] = queue.Queue()
        self._room = asyncio.Semaphore(depth)
        self._loop = asyncio.get_running_loop()
        self._closed = False

    async def feed(self, source: AsyncIterator[bytes]) -> None:
        """Pass `source` on until it ends or `close`. A failure of it reaches the thread and is raised here too."""
        try:
            async for chunk in source:
                await self._room.acquire()
                if self._closed:
                    return
                self._items.put(chunk)
        except BaseException as error:
            self._items.put(error if isinstance(error, Exception) else Cancelled("the upload was cancelled"))
            raise
        self._items.put(None)

    def close(self) -> None:
        """The thread is done with it. On the loop; safe to repeat."""
        self._closed = True
        self._room.release()

    def __iter__(self) -> Iterator[bytes]:
        while (item := self._items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self._loop.call_soon_threadsafe(self._room.release)
            yield item
