"""Find jobs that fell between two stools: their message was lost, or the process that ran them is gone."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q

from controlplane.jobs import actions
from controlplane.jobs.choices import ENDED, JobState
from controlplane.jobs.dispatch import dispatch
from controlplane.jobs.models import Job
from controlplane.kernel.clock import now
from wire.errors import Cancelled, Internal, Unavailable

__all__ = ["redispatch_if_lost", "remove_old", "sweep"]


def sweep() -> int:
    """Look once; return how many jobs were helped. Any number of sweepers may run at once.

    A time that is still far off was written before the clock was set back: who wrote it may be long gone, and asking
    for the same job twice does it once. Streams are not asked for again, so these wait for their time.
    """
    helped, at = 0, now()
    patience = timedelta(seconds=settings.MOORING_JOB_REDISPATCH_S)
    lease = timedelta(seconds=settings.MOORING_JOB_LEASE_S)
    unheard = Q(dispatched_at__lt=at - patience) | Q(dispatched_at__gt=at + patience)
    for job in Job.objects.filter(unheard, state=JobState.QUEUED).order_by("number")[:500]:
        helped += redispatch_if_lost(job)
    lapsed = Q(lease_until__lt=at) | Q(lease_until__gt=at + 2 * lease, streamed=False)
    for job in Job.objects.filter(lapsed, state=JobState.RUNNING).order_by("number")[:500]:
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
