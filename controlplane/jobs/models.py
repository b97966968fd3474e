"""The job row and its output lines."""

from __future__ import annotations

import uuid

from django.db import models

from controlplane.jobs.choices import JobState

__all__ = ["Job", "JobLine"]


class Job(models.Model):
    """One operation somebody asked for. `request` is what the runner needs; it is emptied when the job has succeeded
    (it may hold environment values) and never shown."""

    number = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=64)
    title = models.CharField(max_length=300)
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED)
    host = models.ForeignKey("fleet.Host", null=True, on_delete=models.SET_NULL, related_name="jobs")
    target_type = models.CharField(max_length=32, blank=True)
    target_id = models.CharField(max_length=300, blank=True)
    target_name = models.CharField(max_length=300, blank=True)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=150)
    request = models.JSONField(default=dict)
    retry_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="retries")

    streamed = models.BooleanField(default=False)  # carried out by the process that holds the client's connection
    worker = models.CharField(max_length=64, blank=True)
    epoch = models.PositiveIntegerField(default=0)  # counts claims: a worker that lost its lease cannot write
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    progress = models.FloatField(null=True)  # 0 to 1
    error = models.JSONField(null=True)
    result = models.JSONField(null=True)
    line_count = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = (
            models.Index(fields=("state", "lease_until")),
            models.Index(fields=("organisation", "-number")),
            models.Index(fields=("host", "target_id")),
        )


class JobLine(models.Model):
    """One line of a job's output, numbered from 1 without gaps."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines")
    n = models.PositiveIntegerField()
    at = models.DateTimeField()
    stream = models.CharField(max_length=8)  # stdout | stderr | system
    text = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("job", "n"), name="one_job_line_per_number"),)
