"""The kernel's periodic tasks."""

from __future__ import annotations

from celery import shared_task
from django.core.management import call_command

from controlplane.kernel.heartbeats import beat

__all__ = ["clean_expired", "record_beat"]


@shared_task(name="kernel.record_beat")
def record_beat() -> None:
    """A worker ran what beat sent: both are alive."""
    beat("beat")
    beat("worker")


@shared_task(name="kernel.clean_expired")
def clean_expired() -> None:
    """Drop expired sessions."""
    call_command("clearsessions")
