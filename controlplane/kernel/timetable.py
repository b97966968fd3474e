"""Beat's timetable by a clock that only goes forward.

Celery's own goes by the time of day: set back an hour, it would sweep nothing for an hour. What is on the timetable may
be done once too often, so nothing about it is kept on disk.
"""

from __future__ import annotations

import time
from typing import Any

from celery.beat import Scheduler, event_t
from celery.schedules import schedstate

__all__ = ["SteadyScheduler"]


class SteadyScheduler(Scheduler):
    """Everything is due at once at the start, then each at its interval; the order of the heap alone decides."""

    def populate_heap(self, *_: Any, **__: Any) -> None:
        self._heap = [event_t(0.0, 5, entry) for entry in self.schedule.values()]

    def is_due(self, entry: Any) -> schedstate:
        """Return that `entry`, whose turn has come, is due, and in how many seconds it is again."""
        return schedstate(True, float(entry.schedule.seconds))

    def _when(self, entry: Any, next_time_to_run: float, mktime: Any = None) -> float:
        return time.monotonic() + next_time_to_run
