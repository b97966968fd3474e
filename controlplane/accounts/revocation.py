"""End open streams when the right to hold them is taken away.

One watch per process looks all open actors up again every few seconds (one short query each, distinct actors only), so
a revocation reaches attach, exec, logs, events, stats and the dashboard's sockets however it was made, Redis or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from django.conf import settings
from django.db import DatabaseError

from controlplane.accounts.actor import Actor
from controlplane.accounts.selectors import is_still_valid
from controlplane.kernel.database import in_thread

__all__ = ["RevocationWatch", "hold", "watch"]

logger = logging.getLogger(__name__)


class RevocationWatch:
    """Keeps who holds what open; `run` is owned by the process's lifespan."""

    def __init__(self) -> None:
        self._holders: dict[Actor, set[asyncio.Task[object]]] = {}

    @contextlib.asynccontextmanager
    async def hold(self, actor: Actor) -> AsyncIterator[None]:
        """Cancel the current task when `actor` loses its rights while inside."""
        task = asyncio.current_task()
        assert task is not None
        self._holders.setdefault(actor, set()).add(task)
        try:
            yield
        finally:
            tasks = self._holders.get(actor)
            if tasks is not None:
                tasks.discard(task)
                if not tasks:
                    del self._holders[actor]

    async def check(self) -> None:
        """Look every holder up once and cancel the tasks of those that are no longer valid."""
        for actor in list(self._holders):
            try:
                valid = await in_thread(is_still_valid, actor)
            except DatabaseError as error:
                logger.warning("revocation.not_checked error=%s", error)
                return
            if not valid:
                tasks = self._holders.pop(actor, set())
                logger.info("revocation.streams_ended actor=%s streams=%d", actor.name, len(tasks))
                for task in tasks:
                    task.cancel("revoked")

    async def run(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(settings.MOORING_REVOCATION_CHECK_S)
            await self.check()


_watch = RevocationWatch()


def watch() -> RevocationWatch:
    """Return this process's watch."""
    return _watch


def hold(actor: Actor) -> contextlib.AbstractAsyncContextManager[None]:
    """Hold a stream open as `actor` with this process's watch."""
    return _watch.hold(actor)
