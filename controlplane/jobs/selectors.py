"""Reads of jobs."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q, QuerySet

from controlplane.jobs.choices import ENDED, JobState
from controlplane.jobs.models import Job, JobLine
from wire.errors import NotFound

__all__ = ["find_outcome", "get_job", "list_jobs", "list_lines", "pending_by_target"]


def list_jobs(
    organisation_id: uuid.UUID, *, state: str = "", host_id: uuid.UUID | None = None, q: str = ""
) -> QuerySet[Job]:
    """Return the organisation's jobs, newest first, with their hosts."""
    query = Job.objects.filter(organisation_id=organisation_id).prefetch_related("host").defer("request")
    if state:
        query = query.filter(state__in=state.split(","))
    if host_id is not None:
        query = query.filter(host_id=host_id)
    if q:
        number = Q(number=int(q)) if q.isdecimal() and len(q) < 18 else Q()
        query = query.filter(number | Q(title__icontains=q) | Q(target_name__icontains=q) | Q(target_id__startswith=q))
    return query.order_by("-number")


def get_job(organisation_id: uuid.UUID, ref: str | uuid.UUID) -> Job:
    """Return the job with that uid or number. Raises NotFound."""
    query = Job.objects.filter(organisation_id=organisation_id).select_related("host")
    text = str(ref)
    if text.isdecimal() and len(text) < 18:
        job = query.filter(number=int(text)).first()
    else:
        try:
            job = query.filter(uid=uuid.UUID(text)).first()
        except ValueError:
            job = None
    if job is None:
        raise NotFound(f"No such job: {ref}")
    return job


def list_lines(job: Job, after: int = 0, limit: int = 1000) -> list[JobLine]:
    """Return output lines numbered above `after`."""
    return list(JobLine.objects.filter(job=job, n__gt=after).order_by("n")[:limit])


def find_outcome(uid: uuid.UUID) -> dict[str, Any] | None:
    """Return `{state, result, error}` of an ended job, else None."""
    row = Job.objects.filter(uid=uid, state__in=ENDED).values("state", "result", "error").first()
    return dict(row) if row is not None else None


def pending_by_target(organisation_id: uuid.UUID, target_ids: list[str]) -> dict[tuple[str, str], Job]:
    """Return the unfinished job of each `(host id, container id)` in one query."""
    query = Job.objects.filter(
        organisation_id=organisation_id, state__in=(JobState.QUEUED, JobState.RUNNING), target_id__in=target_ids
    ).only("uid", "number", "kind", "host_id", "target_id")
    return {(str(job.host_id), job.target_id): job for job in query.order_by("number")}
