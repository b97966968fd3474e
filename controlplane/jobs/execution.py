"""Carry out one job in a worker: claim, run, end. Also the thread that keeps the leases of what this process runs."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid

from django.conf import settings
from django.db import DatabaseError

from controlplane.jobs import actions
from controlplane.jobs.runners import Run, runner_for
from controlplane.kernel.database import release_connections
from wire.errors import Internal, MooringError

__all__ = ["EngineRefusal", "LeaseKeeper", "leases", "run_job", "worker_name"]

logger = logging.getLogger(__name__)


class EngineRefusal(Exception):
    """The host's engine answered with an error: `error` describes it, `result` is its answer to pass on unchanged."""

    def __init__(self, error: MooringError, result: dict[str, object]) -> None:
        super().__init__(error.message)
        self.error = error
        self.result = result


def worker_name() -> str:
    """Return this process's name in job rows."""
    return _NAME


_NAME = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class LeaseKeeper:
    """Renews the leases of the jobs that this process runs, from one thread. `start` and `stop` are safe to repeat."""

    def __init__(self) -> None:
        self._runs: dict[uuid.UUID, threading.Event] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, uid: uuid.UUID, lost: threading.Event) -> None:
        """Keep the lease of `uid`; `lost` is set when another worker has it."""
        with self._lock:
            self._runs[uid] = lost
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="job-leases", daemon=True)
                self._thread.start()

    def release(self, uid: uuid.UUID) -> None:
        """Stop keeping it."""
        with self._lock:
            self._runs.pop(uid, None)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(settings.MOORING_JOB_LEASE_S / 3):
            with self._lock:
                runs = dict(self._runs)
            if not runs:
                continue
            try:
                mine = actions.renew_leases(_NAME, list(runs))
            except DatabaseError as error:
                logger.warning("jobs.leases_not_renewed error=%s", error)
                release_connections(failed=True)
                continue
            release_connections()
            for uid, lost in runs.items():
                if uid not in mine:
                    lost.set()


leases = LeaseKeeper()


def run_job(uid: uuid.UUID) -> None:
    """Carry the job out if it still waits. Never raises for a failure of the job: that is written in its row."""
    job = actions.claim(uid, _NAME)
    if job is None:
        logger.info("jobs.message_dropped job=%s", uid)
        return
    run = Run(uid=job.uid, epoch=job.epoch, kind=job.kind, title=job.title, host_id=job.host_id, request=job.request)
    leases.hold(job.uid, run.lost)
    try:
        result = runner_for(job.kind)(run)
    except EngineRefusal as refusal:
        actions.fail(job.uid, job.epoch, job.title, refusal.error, refusal.result)
    except MooringError as error:
        actions.fail(job.uid, job.epoch, job.title, error)
    except Exception:
        reference = uuid.uuid4().hex[:8]
        logger.exception("jobs.crashed job=%s reference=%s", uid, reference)
        actions.fail(job.uid, job.epoch, job.title, Internal(f"internal error (reference {reference})"))
    else:
        actions.succeed(job.uid, job.epoch, result)
    finally:
        leases.release(job.uid)
