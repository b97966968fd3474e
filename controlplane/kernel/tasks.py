"""The kernel's periodic tasks."""

from __future__ import annotations

from dataclasses import dataclass

from celery import shared_task
from django.core.management import call_command

from controlplane.kernel import bus
from controlplane.kernel.heartbeats import beat

__all__ = ["CleaningTime", "clean_expired", "record_beat"]


@dataclass(frozen=True, slots=True)
class CleaningTime:
    """Published now and then: drop rows that no longer mean anything."""


@shared_task(name="kernel.record_beat")
def record_beat() -> None:
    """A worker ran what beat sent: both are alive."""
    beat("beat")
    beat("worker")


@shared_task(name="kernel.clean_expired")
def clean_expired() -> None:
    """Drop expired sessions and what other rooms say has expired."""
    call_command("clearsessions")
    bus.publish(CleaningTime())
