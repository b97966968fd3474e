"""The Celery application: broker from the settings, tasks from the rooms, the loop that talks to the gateway."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import beat_init
from kombu.exceptions import OperationalError

__all__ = ["app", "broker_url"]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings.production")


def broker_url(redis_url: str) -> str:
    """Return Celery's spelling of a Redis address (`unix:///x` is `redis+socket:///x` there)."""
    if redis_url.startswith("unix://"):
        return "redis+socket://" + redis_url.removeprefix("unix://")
    return redis_url


# The worker runs as whoever owns the plane, root with the embedded one. Messages are JSON and carry an id only.
warnings.simplefilter("ignore", SecurityWarning)

app = Celery("mooring")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["controlplane.jobs", "controlplane.kernel"])


def _configure() -> None:
    from django.conf import settings

    app.conf.update(broker_url=broker_url(settings.MOORING_REDIS_URL))


_configure()


@beat_init.connect
def _show_life_at_once(**_: Any) -> None:
    """Beat sends nothing before its first period is over, and whoever starts a plane waits for the sign of life."""
    with contextlib.suppress(OperationalError, OSError):  # no broker yet: then as the timetable has it
        app.send_task("kernel.record_beat", retry=False, ignore_result=True, expires=60)
