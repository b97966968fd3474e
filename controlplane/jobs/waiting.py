"""Await the end of a job in an event loop: woken by a hint, and by reading the row now and then in case it was lost."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from controlplane.jobs.choices import ENDED, JobState
from controlplane.jobs.models import Job
from controlplane.jobs.selectors import find_outcome
from controlplane.jobs.sweeping import redispatch_if_lost
from controlplane.kernel.clock import now
from controlplane.kernel.database import in_thread
from controlplane.kernel.news import Hint

__all__ = ["JobWaiter", "waiter"]

REREAD_S = 1.0


class JobWaiter:
    """One per process. `on_hint` is connected to the process's hint listener."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def on_hint(self, hint: Hint | None) -> None:
        """Wake whoever waits for this job; after a reconnection (None) wake everybody."""
        if hint is None:
            for events in self._waiting.values():
                for event in events:
                    event.set()
        elif hint.get("type") == "job" and hint.get("state") in ENDED:
            for event in self._waiting.get(str(hint.get("id")), ()):
                event.set()

    @contextlib.contextmanager
    def listening(self, uid: uuid.UUID) -> Iterator[asyncio.Event]:
        """Listen for the job's end inside the block; begin before the job is submitted, and no hint is missed."""
        event = asyncio.Event()
        key = str(uid)
        self._waiting.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            events = self._waiting[key]
            events.discard(event)
            if not events:
                del self._waiting[key]

    async def wait(self, uid: uuid.UUID, event: asyncio.Event) -> dict[str, Any]:
        """Return `{state, result, error}` when the job has ended. Cancelling the wait leaves the job alone."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD_S):
                    await event.wait()
            event.clear()
            with contextlib.suppress(DatabaseError):
                outcome = await in_thread(self._look, uid)
                if outcome is not None:
                    return outcome

    @staticmethod
    def _look(uid: uuid.UUID) -> dict[str, Any] | None:
        outcome = find_outcome(uid)
        if outcome is None:
            job = Job.objects.filter(uid=uid).defer("request").first()
            if job is not None and job.state == JobState.QUEUED and job.dispatched_at is not None:
                waited_s = (now() - job.dispatched_at).total_seconds()
                if waited_s > settings.MOORING_JOB_REDISPATCH_S:
                    redispatch_if_lost(job)
        return outcome


_waiter = JobWaiter()


def waiter() -> JobWaiter:
    """Return this process's waiter."""
    return _waiter
