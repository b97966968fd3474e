"""Downloads that several pulls may wait for: each layer is fetched and unpacked once, whoever asks.

A transfer lives as long as somebody waits for it. The last one to leave, cancelled or failed, cancels it. Newcomers
are told its present state first and then what happens, as Docker does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from agent.images.progress import Emit
from agent.ports.images import Progress

__all__ = ["Transfers"]

_T = TypeVar("_T")


class _Transfer(Generic[_T]):
    def __init__(self) -> None:
        self.watchers: list[Emit] = []
        self.last: Progress | None = None
        self.task: asyncio.Task[_T] | None = None

    def emit(self, line: Progress) -> None:
        self.last = line
        for watcher in self.watchers:
            watcher(line)


class Transfers(Generic[_T]):
    """Single flight by key."""

    def __init__(self) -> None:
        self._running: dict[str, _Transfer[_T]] = {}

    async def run(self, key: str, emit: Emit, work: Callable[[Emit], Awaitable[_T]]) -> _T:
        """Join the transfer of `key`, starting it with `work` when there is none; returns its result."""
        transfer = self._running.get(key)
        if transfer is None:
            transfer = self._running[key] = _Transfer()
            transfer.watchers.append(emit)
            transfer.task = asyncio.ensure_future(self._do(key, transfer, work))
        else:
            transfer.watchers.append(emit)
            if transfer.last is not None:
                emit(transfer.last)
        assert transfer.task is not None
        try:
            return await asyncio.shield(transfer.task)
        finally:
            transfer.watchers.remove(emit)
            if not transfer.watchers and not transfer.task.done():
                self._running.pop(key, None)
                transfer.task.cancel()
                await asyncio.wait([transfer.task])

    async def _do(self, key: str, transfer: _Transfer[_T], work: Callable[[Emit], Awaitable[_T]]) -> _T:
        try:
            return await work(transfer.emit)
        finally:
            if self._running.get(key) is transfer:
                del self._running[key]
