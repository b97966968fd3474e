"""Find jobs that fell between two stools: their message was lost, or the process that ran them is gone."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from controlplane.jobs import actions
from controlplane.jobs.choices import ENDED, JobState
from controlplane.jobs.dispatch import dispatch
from controlplane.jobs.models import Job
from controlplane.kernel.clock import now
from wire.errors import Cancelled, Internal, Unavailable

__all__ = ["redispatch_if_lost", "remove_old", "sweep"]


def sweep() -> int:
    """Look once; return how many jobs were helped. Any number of sweepers may run at once."""
    helped = 0
    lost_before = now() - timedelta(seconds=settings.MOORING_JOB_REDISPATCH_S)
    for job in Job.objects.filter(state=JobState.QUEUED, dispatched_at__lt=lost_before).order_by("number")[:500]:
        helped += redispatch_if_lost(job)
    for job in Job.objects.filter(state=JobState.RUNNING, lease_until__lt=now()).order_by("number")[:500]:
        if job.streamed:
            error = Unavailable("interrupted: the process that carried it out was stopped")
            helped += actions.fail(job.uid, job.epoch, job.title, error)
        elif job.cancel_requested:
            helped += actions.fail(job.uid, job.epoch, job.title, Cancelled("cancelled"))
        elif job.attempts >= settings.MOORING_JOB_ATTEMPTS:
            helped += actions.fail(job.uid, job.epoch, job.title, Internal("its worker was lost three times"))
        else:
            helped += actions.requeue(job.uid, job.epoch)
    return helped


def redispatch_if_lost(job: Job) -> bool:
    """Send the message of a queued job again. Doubled messages are harmless: a claim succeeds once."""
    changed = Job.objects.filter(pk=job.pk, state=JobState.QUEUED, dispatched_at=job.dispatched_at).update(
        dispatched_at=now()
    )
    return bool(changed) and dispatch(job.uid)


def remove_old() -> int:
    """Delete jobs that ended long ago, with their output; return how many. In batches: no long lock."""
    before, removed = now() - timedelta(days=settings.MOORING_JOB_KEEP_DAYS), 0
    while numbers := list(
        Job.objects.filter(state__in=ENDED, finished_at__lt=before).values_list("number", flat=True)[:200]
    ):
        Job.objects.filter(number__in=numbers).delete()
        removed += len(numbers)
    return removed
