"""Enumerations of jobs."""

from __future__ import annotations

from django.db import models


class JobState(models.TextChoices):
    """See the state machine in the room's docstring."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
