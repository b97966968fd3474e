"""Celery's entry points: three lines each."""

from __future__ import annotations

import uuid

from celery import shared_task

from controlplane.jobs.execution import run_job
from controlplane.jobs.sweeping import remove_old, sweep

__all__ = ["clean_jobs", "run", "sweep_jobs"]


@shared_task(name="jobs.run")
def run(uid: str) -> None:
    """Carry out the job with this id."""
    run_job(uuid.UUID(uid))


@shared_task(name="jobs.sweep")
def sweep_jobs() -> None:
    """Help jobs whose message or worker was lost."""
    sweep()


@shared_task(name="jobs.clean")
def clean_jobs() -> None:
    """Drop jobs that ended long ago."""
    remove_old()
