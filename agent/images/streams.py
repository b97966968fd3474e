"""Bridges between blocking generators, which run in a thread, and asynchronous iterators on the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Final

from wire.errors import Cancelled

__all__ = ["BlockingChunks", "BlockingStream", "close", "stream_blocking"]

_DEPTH: Final = 8


def stream_blocking(chunks: Iterator[bytes], depth: int = _DEPTH) -> BlockingStream:
    """Yield what `chunks` makes in a thread of its own, at most `depth` pieces ahead of the consumer.

    `aclose` (or dropping it) stops the thread at its next piece and closes the iterator in it.
    """
    return BlockingStream(chunks, depth)


class BlockingStream(AsyncIterator[bytes]):
    """See `stream_blocking`. Not a generator: an HTTP client that failed may still be waiting in `__anext__` in a task
    of its own when we close, which a generator does not take."""

    def __init__(self, chunks: Iterator[bytes], depth: int) -> None:
        self._chunks = chunks
        self._items: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(depth)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended = False

    def _start(self) -> None:
        # The thread knows the parts and not this object, so that dropping the object can end it.
        arguments = (self._chunks, asyncio.get_running_loop(), self._items, self._room, self._stopped)
        self._thread = threading.Thread(target=_produce, args=arguments, name="images-stream", daemon=True)
        self._thread.start()

    async def __anext__(self) -> bytes:
        if self._thread is None and not self._ended:
            self._start()
        item = None if self._ended else await self._items.get()
        if item is None:
            self._ended = True
            raise StopAsyncIteration
        if isinstance(item, BaseException):
            self._ended = True
            raise item
        self._room.release()
        return item

    def _stop(self) -> None:
        self._ended = True
        self._stopped.set()
        self._room.release()

    async def aclose(self) -> None:
        """End the thread and wait for it. Safe to repeat."""
        self._stop()
        self._items.put_nowait(None)
        if self._thread is not None:
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._thread.join))
        else:
            close(self._chunks)

    def __del__(self) -> None:
        self._stop()


def _produce(
    chunks: Iterator[bytes],
    loop: asyncio.AbstractEventLoop,
    items: asyncio.Queue[bytes | BaseException | None],
    room: threading.Semaphore,
    stopped: threading.Event,
) -> None:
    def hand_on(item: bytes | BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(items.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody listens any more
            stopped.set()

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
        close(chunks)


def close(chunks: Iterator[bytes]) -> None:
    """Close a generator, or whatever else can be closed; plain iterators need not."""
    method = getattr(chunks, "close", None)
    if method is not None:
        method()


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
