"""`/ws/jobs/<id>`: a job's output lines as they come, and its state when it changes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any, ClassVar

from controlplane.accounts.access import Action, Target, authorise
from controlplane.jobs.choices import ENDED
from controlplane.jobs.models import Job
from controlplane.jobs.selectors import get_job, list_lines
from controlplane.kernel.clock import rfc3339
from controlplane.kernel.database import in_thread
from controlplane.streams.consumer import StreamConsumer
from controlplane.streams.hints import hub
from wire.errors import Invalid

__all__ = ["JobConsumer"]

REREAD_S = 2.0
GATHER_S = 0.05


class JobConsumer(StreamConsumer):
    """See the module docstring."""

    action: ClassVar[Action] = Action.JOB_READ

    async def prepare(self) -> None:
        """Find the job and authorise."""
        job = await in_thread(get_job, self.actor.organisation_id, self.scope["url_route"]["kwargs"]["job_id"])
        authorise(self.actor, self.action, Target("job", str(job.uid), job.title, job.organisation_id, job.host_id))
        self._uid: uuid.UUID = job.uid
        after = self.param("after", "0")
        if not after.isdecimal() or len(after) > 12:
            raise Invalid("after must be a number")
        self._after = int(after)

    async def stream(self) -> None:
        """Send lines and states until the job has ended and all is sent."""
        changed = asyncio.Event()
        hub().watch_job(str(self._uid), changed)
        shown: dict[str, Any] | None = None
        try:
            while True:
                changed.clear()
                state, lines, done = await in_thread(self._read)
                if lines:
                    await self.send_json({"lines": lines})
                if state != shown:
                    await self.send_json(state)
                    shown = state
                if done:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REREAD_S):
                        await changed.wait()
                    await asyncio.sleep(GATHER_S)
        finally:
            hub().unwatch_job(str(self._uid), changed)

    def _read(self) -> tuple[dict[str, Any], list[dict[str, Any]], bool]:
        job = Job.objects.defer("request").get(uid=self._uid)
        rows = list_lines(job, self._after)
        if rows:
            self._after = rows[-1].n
        lines = [{"n": row.n, "at": rfc3339(row.at), "stream": row.stream, "text": row.text} for row in rows]
        state = {"state": job.state, "progress": job.progress, "error": job.error}
        return state, lines, job.state in ENDED and self._after >= job.line_count
