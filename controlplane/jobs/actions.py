"""Every write of jobs. Hints to other processes go out after commit and may be lost; the row is the truth."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from controlplane.accounts.access import Action, Target
from controlplane.accounts.actor import Actor
from controlplane.audit.actions import record, record_outcome_of_job
from controlplane.jobs.choices import ENDED, JobState
from controlplane.jobs.dispatch import dispatch
from controlplane.jobs.errors import describe
from controlplane.jobs.models import Job, JobLine
from controlplane.kernel import news
from controlplane.kernel.clock import now
from wire.errors import Cancelled, Conflict, MooringError, NotFound

__all__ = [
    "NOT_RETRIED",
    "append_lines", "cancel", "claim", "fail", "is_cancel_requested", "renew_leases", "requeue", "retry",
    "set_progress", "submit", "succeed",
]  # fmt: skip

NOT_RETRIED = frozenset({"engine.container.create"})


def submit(
    actor: Actor,
    action: Action,
    target: Target,
    *,
    kind: str,
    title: str,
    request: dict[str, Any],
    host_name: str = "",
    request_id: str = "",
    detail: str = "",
    streamed_by: str | None = None,
    retry_of: Job | None = None,
    uid: uuid.UUID | None = None,
) -> Job:
    """Write the job and its audit entry in one transaction; on commit, tell a worker (by id only).

    The caller has authorised. `uid` lets the caller listen for the job's end before it exists. `streamed_by` names the
    process that will carry it out itself: the row starts as running and no message is sent.
    """
    organisation_id: uuid.UUID = target.organisation_id or actor.organisation_id
    with transaction.atomic():
        job = Job(
            uid=uid or uuid.uuid4(),
            organisation_id=organisation_id,
            kind=kind,
            title=title[:300],
            host_id=target.host_id,
            target_type=target.type,
            target_id=target.id[:300],
            target_name=target.name[:300],
            actor_id=actor.user_id,
            actor_name=actor.name,
            request=request,
            retry_of=retry_of,
            dispatched_at=now(),
        )
        if streamed_by is not None:
            job.streamed, job.worker, job.state = True, streamed_by, JobState.RUNNING
            job.started_at, job.lease_until, job.attempts, job.epoch = now(), _lease_end(), 1, 1
        job.save(force_insert=True)
        record(
            actor, action, target, request_id=request_id, job_id=job.uid, detail=detail or title, host_name=host_name
        )
        if streamed_by is None:
            transaction.on_commit(lambda: dispatch(job.uid))
    _hint(job.uid, job.state, job.host_id)
    return job


def claim(uid: uuid.UUID, worker: str) -> Job | None:
    """Take a queued job for `worker`; None when it is gone, taken or ended (a late or doubled message)."""
    taken = Job.objects.filter(uid=uid, state=JobState.QUEUED).update(
        state=JobState.RUNNING,
        worker=worker,
        lease_until=_lease_end(),
        epoch=F("epoch") + 1,
        attempts=F("attempts") + 1,
        started_at=now(),
    )
    return Job.objects.filter(uid=uid, worker=worker).first() if taken else None


def renew_leases(worker: str, uids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Extend the leases of what `worker` runs; return those that are still its own."""
    mine = Job.objects.filter(uid__in=uids, worker=worker, state=JobState.RUNNING)
    mine.update(lease_until=_lease_end())
    return set(mine.values_list("uid", flat=True))


def succeed(uid: uuid.UUID, epoch: int, result: dict[str, Any] | None) -> bool:
    """End the job well and forget its request. False when this claim is no longer the current one."""
    return _end(uid, epoch, JobState.SUCCEEDED, result=result, error=None, forget_request=True)


def fail(uid: uuid.UUID, epoch: int, title: str, error: MooringError, result: dict[str, Any] | None = None) -> bool:
    """End the job with `error` (Cancelled ends it as cancelled). Its request stays for a retry, unless it is a client's
    create: that may hold secrets in its environment, and its client tries again by itself."""
    state = JobState.CANCELLED if isinstance(error, Cancelled) else JobState.FAILED
    ended = _end(uid, epoch, state, result=result, error=describe(title, error), forget_request=False)
    if ended:
        Job.objects.filter(uid=uid, kind__in=NOT_RETRIED).update(request={})
    return ended


def _end(
    uid: uuid.UUID,
    epoch: int,
    state: JobState,
    *,
    result: dict[str, Any] | None,
    error: dict[str, Any] | None,
    forget_request: bool,
) -> bool:
    values: dict[str, Any] = {
        "state": state, "finished_at": now(), "lease_until": None, "result": result, "error": error,
    }  # fmt: skip
    if forget_request:
        values |= {"request": {}, "progress": 1.0}
    with transaction.atomic():
        if not Job.objects.filter(uid=uid, epoch=epoch, state=JobState.RUNNING).update(**values):
            return False
        outcome = (
            "succeeded" if state == JobState.SUCCEEDED else "cancelled" if state == JobState.CANCELLED else "failed"
        )
        record_outcome_of_job(uid, outcome, (error or {}).get("message", ""))
    _hint(uid, state, None)
    return True


def requeue(uid: uuid.UUID, epoch: int) -> bool:
    """Hand a running job whose worker fell silent to another one. False when that is no longer so."""
    with transaction.atomic():
        changed = Job.objects.filter(uid=uid, epoch=epoch, state=JobState.RUNNING).update(
            state=JobState.QUEUED, worker="", lease_until=None, dispatched_at=now()
        )
        if not changed:
            return False
        transaction.on_commit(lambda: dispatch(uid))
    append_lines(uid, [("system", "the worker was lost; the job goes to another one")])
    return True


def cancel(job: Job) -> None:
    """Stop a job: at once while queued, as soon as its runner notices while running. Raises Conflict once it ended."""
    with transaction.atomic():
        current = Job.objects.select_for_update().get(pk=job.pk)
        if current.state in ENDED:
            raise Conflict(f"job {current.number} has {current.state} already")
        if current.state == JobState.QUEUED:
            error = describe(current.title, Cancelled("cancelled before it began; nothing was changed"))
            Job.objects.filter(pk=current.pk).update(state=JobState.CANCELLED, finished_at=now(), error=error)
            record_outcome_of_job(current.uid, "cancelled")
        else:
            Job.objects.filter(pk=current.pk).update(cancel_requested=True)
    _hint(job.uid, None, job.host_id)


def retry(actor: Actor, job: Job, *, request_id: str = "") -> Job:
    """Submit an ended, unsuccessful job again as a new one. Raises Conflict, NotFound when its request is gone."""
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(f"job {job.number} is {job.state}; only failed and cancelled jobs can be retried")
    if job.streamed or not job.request:
        raise NotFound(f"job {job.number} cannot be retried from here: its input was streamed by its client")
    target = Target(
        type=job.target_type, id=job.target_id, name=job.target_name, organisation_id=job.organisation_id,
        host_id=job.host_id,
    )  # fmt: skip
    return submit(
        actor, Action.JOB_CHANGE, target, kind=job.kind, title=job.title, request=job.request, request_id=request_id,
        retry_of=job,
    )  # fmt: skip


def append_lines(uid: uuid.UUID, lines: Sequence[tuple[str, str]]) -> None:
    """Append output lines `(stream, text)`; numbers go on without a gap."""
    if not lines:
        return
    at = now()
    with transaction.atomic():
        job = Job.objects.select_for_update().only("number", "line_count").get(uid=uid)
        JobLine.objects.bulk_create(
            JobLine(job_id=job.number, n=job.line_count + i, at=at, stream=stream, text=text[:16384])
            for i, (stream, text) in enumerate(lines, start=1)
        )
        Job.objects.filter(pk=job.number).update(line_count=job.line_count + len(lines))
    news.publish({"type": "job_output", "id": str(uid)})


def set_progress(uid: uuid.UUID, epoch: int, progress: float | None) -> None:
    """Store how far the job is, 0 to 1."""
    if Job.objects.filter(uid=uid, epoch=epoch, state=JobState.RUNNING).update(progress=progress):
        _hint(uid, JobState.RUNNING, None)


def is_cancel_requested(uid: uuid.UUID, epoch: int) -> bool:
    """Return whether the claim `epoch` should stop."""
    return not Job.objects.filter(uid=uid, epoch=epoch, state=JobState.RUNNING, cancel_requested=False).exists()


def _lease_end() -> Any:
    return now() + timedelta(seconds=settings.MOORING_JOB_LEASE_S)


def _hint(uid: uuid.UUID, state: str | None, host_id: uuid.UUID | None) -> None:
    news.publish({"type": "job", "id": str(uid), "state": state, "host": str(host_id) if host_id else None})
