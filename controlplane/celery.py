"""The Celery application: broker from the settings, tasks from the rooms, the loop that talks to the gateway."""

from __future__ import annotations

import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning

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
