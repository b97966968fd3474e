"""Links of dropped namespaces that do not go by themselves.

Dropping a namespace takes its links down some 60 ms later, and deleting them by hand takes 15 to 40 ms of waiting, so
nobody deletes them while a container stops. But a namespace that something else holds open (a debugger, a program the
administrator started in it) would keep its old address on the bridge. So a second later we look and delete what stayed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from agent.network.kernel import Kernel
from agent.network.worker import Worker

__all__ = ["Sweeper"]

_log = logging.getLogger(__name__)

DELAY_S: Final = 1.0


class Sweeper:
    """Owns one task at most; `close` ends it. Used on the event loop."""

    def __init__(self, worker: Worker, kernel: Kernel) -> None:
        self._worker = worker
        self._kernel = kernel
        self._waiting: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def expect(self, host_link: str) -> None:
        """This link should vanish soon."""
        self._waiting.add(host_link)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._sweep(), name="network-sweeper")

    async def _sweep(self) -> None:
        while self._waiting:
            due = frozenset(self._waiting)
            await asyncio.sleep(DELAY_S)
            self._waiting -= due
            try:
                stayed = await self._worker.run(self._kernel.remove_links, due)
            except OSError as error:
                _log.error("link.not_removed error=%s", error)
                continue
            if stayed:
                _log.warning("link.stayed_behind links=%s", ", ".join(stayed))

    async def close(self) -> None:
        """Stop; links still expected are the next agent's to collect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
