"""Jobs whose streams this process hands through: how they ended is told inside the stream."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.accounts.actor import Actor
from controlplane.audit.models import AuditEntry
from controlplane.engine_api.changes import run_streamed
from controlplane.engine_api.environment import Environment
from controlplane.engine_api.request import Request
from controlplane.engine_api.router import router
from controlplane.fleet.models import Host
from controlplane.jobs.models import Job
from controlplane.kernel.database import in_thread
from controlplane.web_api.shapes.overview import overview_dict

pytestmark = pytest.mark.django_db(transaction=True)
FAILED = b'{"errorDetail":{"code":1,"message":"The command returned a non-zero code: 1"},"error":"The command"}\r\n'


@pytest.mark.parametrize(("status", "chunks", "state", "why"), [
    (200, [b'{"stream":"Step 1/1"}\r\n', b'{"stream":"Successfully built"}\r\n'], "succeeded", ""),
    (200, [b'{"stream":"Step 1/1"}\r\n' + FAILED], "failed", "The command returned a non-zero code: 1"),
    (200, [FAILED[:30], FAILED[30:]], "failed", "The command returned a non-zero code: 1"),
    (200, [b'{"stream":"' + b"x" * 200_000 + b'"}\r\n', FAILED], "failed", "The command returned a non-zero code: 1"),
    (200, [b'{"error":"denied"}'], "failed", "denied"), (200, [b"no JSON {"], "succeeded", ""),
    (404, [b'{"message":"no such image"}'], "failed", "no such image"),
])  # fmt: skip
async def test_a_job_ends_as_its_stream_says(
    host: Host, actor: Actor, monkeypatch: pytest.MonkeyPatch, status: int, chunks: list[bytes], state: str, why: str
) -> None:
    sent: list[bytes] = []

    async def pieces() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    @contextlib.asynccontextmanager
    async def call(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(status=status, headers=[], find_header=lambda name: None, chunks=pieces)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    monkeypatch.setattr("controlplane.engine_api.passing.client", lambda: SimpleNamespace(call=call))
    match = router.find("POST", "/build")
    assert match is not None
    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"1")], "query_string": b"t=made"}
    environment = Environment(host.pk, host.name, host.organisation_id)
    await run_streamed(Request(scope, receive, send, actor, match, environment, "/build", "/build", uuid.uuid4().hex))
    assert b"".join(sent) == b"".join(chunks)  # passed on as it came
    job = await in_thread(Job.objects.get)
    assert (job.state, (job.error or {}).get("why", "")) == (state, why)
    entry = await in_thread(AuditEntry.objects.select_related("outcome").get, job_id=job.uid)
    assert entry.outcome.result == state
    assert (await in_thread(overview_dict, actor.organisation_id))["attention"] == []
