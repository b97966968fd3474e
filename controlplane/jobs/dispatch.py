"""Tell a worker that a job waits. The message carries the id and nothing else; losing it costs seconds, not the job."""

from __future__ import annotations

import logging
import time
import uuid

from celery import current_app
from kombu.exceptions import OperationalError

__all__ = ["dispatch"]

logger = logging.getLogger(__name__)
SILENCE_S = 1.0
_silent_until = 0.0


def dispatch(uid: uuid.UUID) -> bool:
    """Send the message; False when the broker cannot be reached (the sweeper sends it again later)."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return False
    try:
        current_app.send_task("jobs.run", args=(str(uid),), retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        _silent_until = time.monotonic() + SILENCE_S  # a broker that hangs must not cost every request its time-out
        logger.warning("jobs.not_dispatched job=%s error=%s", uid, error)
        return False
    return True
