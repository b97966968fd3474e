"""A job is done once, whatever is lost or delivered twice."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from controlplane.accounts.access import Action, Target
from controlplane.accounts.actor import Actor
from controlplane.audit.models import AuditEntry
from controlplane.jobs import actions, runners
from controlplane.jobs.choices import JobState
from controlplane.jobs.execution import EngineRefusal, run_job
from controlplane.jobs.models import Job, JobLine
from controlplane.jobs.sweeping import sweep
from controlplane.kernel.clock import now
from wire.errors import Cancelled, Conflict, NotFound

pytestmark = pytest.mark.django_db(transaction=True)


def _submit(actor: Actor, **more: Any) -> Job:
    target = Target("container", "abc", "web", actor.organisation_id)
    request = {"method": "POST", "path": "/x", "body": "SECRET=1"}
    return actions.submit(
        actor, Action.CONTAINER_CHANGE, target, kind="test.do", title="Do web", request=request, **more
    )


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """Jobs carried out by a runner that only notes them."""
    ran: list[uuid.UUID] = []

    def runner(run: runners.Run) -> dict[str, Any]:
        ran.append(run.uid)
        return {"status": 204, "value": None}

    monkeypatch.setitem(runners._runners, "test", runner)
    return ran


def test_submitting_writes_job_and_audit_entry_and_sends_only_the_id(actor: Actor, sent: list[uuid.UUID]) -> None:
    job = _submit(actor)
    assert sent == [job.uid]
    entry = AuditEntry.objects.get(job_id=job.uid)
    assert (entry.actor_name, entry.action, entry.decision) == ("ada", "container.change", "allowed")
    assert not hasattr(entry, "outcome")


def test_a_doubled_message_is_done_once(actor: Actor, sent: list[uuid.UUID], done: list[uuid.UUID]) -> None:
    job = _submit(actor)
    for _ in range(3):
        run_job(job.uid)
    assert done == [job.uid]
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert AuditEntry.objects.get(job_id=job.uid).outcome.result == "succeeded"


def test_a_message_without_a_row_is_dropped(done: list[uuid.UUID]) -> None:
    run_job(uuid.uuid4())
    assert done == []


def test_success_forgets_the_request(actor: Actor, sent: list[uuid.UUID], done: list[uuid.UUID]) -> None:
    job = _submit(actor)
    run_job(job.uid)
    assert Job.objects.get(uid=job.uid).request == {}


def test_a_lost_message_is_sent_again(actor: Actor, sent: list[uuid.UUID]) -> None:
    job = _submit(actor)
    assert sweep() == 0
    Job.objects.update(dispatched_at=now() - timedelta(minutes=1))
    assert sweep() == 1
    assert sent == [job.uid, job.uid]
    assert sweep() == 0


def test_a_lost_worker_hands_over_and_its_late_result_does_not_count(actor: Actor, sent: list[uuid.UUID]) -> None:
    job = _submit(actor)
    first = actions.claim(job.uid, "w1")
    assert first is not None
    assert actions.claim(job.uid, "w2") is None
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    assert sweep() == 1
    second = actions.claim(job.uid, "w2")
    assert second is not None
    assert second.epoch == first.epoch + 1
    assert not actions.succeed(job.uid, first.epoch, {"value": "late"})
    assert actions.renew_leases("w1", [job.uid]) == set()
    assert actions.succeed(job.uid, second.epoch, {"value": "good"})
    assert Job.objects.get(uid=job.uid).result == {"value": "good"}


def test_a_clock_that_was_set_back_holds_nothing_up(actor: Actor, sent: list[uuid.UUID]) -> None:
    job = _submit(actor)
    Job.objects.update(dispatched_at=now() + timedelta(hours=1))
    assert sweep() == 1
    assert actions.claim(job.uid, "w1") is not None
    assert sweep() == 0
    Job.objects.update(lease_until=now() + timedelta(hours=1))
    assert sweep() == 1
    assert actions.claim(job.uid, "w2") is not None
    streamed = _submit(actor, streamed_by="asgi")
    Job.objects.filter(uid=streamed.uid).update(lease_until=now() + timedelta(hours=1))
    assert sweep() == 0


def test_a_poison_job_is_parked_after_three_workers(actor: Actor, sent: list[uuid.UUID]) -> None:
    job = _submit(actor)
    for _ in range(3):
        assert actions.claim(job.uid, "w") is not None
        Job.objects.update(lease_until=now() - timedelta(seconds=1))
        sweep()
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.error["why"] == "its worker was lost three times"


def test_a_streamed_job_whose_process_died_is_interrupted_not_repeated(actor: Actor, sent: list[uuid.UUID]) -> None:
    job = _submit(actor, streamed_by="asgi")
    assert sent == []
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    sweep()
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.error["code"] == "unavailable"
    with pytest.raises(NotFound):
        actions.retry(actor, job)


def test_the_engines_refusal_is_kept_to_pass_on(
    actor: Actor, sent: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def runner(run: runners.Run) -> dict[str, Any]:
        raise EngineRefusal(NotFound("No such container: web"), {"status": 404, "body": "{}"})

    monkeypatch.setitem(runners._runners, "test", runner)
    job = _submit(actor)
    run_job(job.uid)
    job.refresh_from_db()
    assert (job.state, job.result["status"]) == (JobState.FAILED, 404)
    assert job.error["message"] == "No such container: web"
    again = actions.retry(actor, job)
    assert again.request == job.request
    assert sent[-1] == again.uid


def test_a_crash_of_a_runner_is_internal_with_a_reference(
    actor: Actor, sent: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def runner(run: runners.Run) -> dict[str, Any]:
        raise ZeroDivisionError

    monkeypatch.setitem(runners._runners, "test", runner)
    job = _submit(actor)
    run_job(job.uid)
    job.refresh_from_db()
    assert job.error["code"] == "internal"
    assert "reference" in job.error["message"]


def test_cancelling_a_queued_job_ends_it_and_a_running_one_is_told(actor: Actor, sent: list[uuid.UUID]) -> None:
    queued, running = _submit(actor), _submit(actor)
    claimed = actions.claim(running.uid, "w")
    assert claimed is not None
    actions.cancel(queued)
    actions.cancel(running)
    assert Job.objects.get(uid=queued.uid).state == JobState.CANCELLED
    assert actions.is_cancel_requested(running.uid, claimed.epoch)
    actions.fail(running.uid, claimed.epoch, "Do web", Cancelled("cancelled"))
    assert Job.objects.get(uid=running.uid).state == JobState.CANCELLED
    with pytest.raises(Conflict):
        actions.cancel(running)


def test_output_lines_are_numbered_without_gaps(actor: Actor, sent: list[uuid.UUID]) -> None:
    job = _submit(actor)
    actions.append_lines(job.uid, [("stdout", "a"), ("stderr", "b")])
    actions.append_lines(job.uid, [])
    actions.append_lines(job.uid, [("stdout", "c")])
    assert list(JobLine.objects.order_by("n").values_list("n", "text")) == [(1, "a"), (2, "b"), (3, "c")]


def test_audit_entries_cannot_be_changed(actor: Actor, sent: list[uuid.UUID]) -> None:
    _submit(actor)
    entry = AuditEntry.objects.get()
    entry.actor_name = "eve"
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()
    with pytest.raises(DatabaseError, match="append-only"):
        AuditEntry.objects.update(actor_name="eve")


def test_a_clients_create_is_not_kept_once_it_failed(actor: Actor, sent: list[uuid.UUID]) -> None:
    target = Target("container", "", "web", actor.organisation_id)
    request = {"method": "POST", "path": "/containers/create", "body": '{"Env": ["PASSWORD=hunter2"]}'}
    job = actions.submit(
        actor, Action.CONTAINER_CHANGE, target, kind="engine.container.create", title="Create", request=request
    )
    claimed = actions.claim(job.uid, "w")
    assert claimed is not None
    actions.fail(job.uid, claimed.epoch, "Create", NotFound("No such image: x"))
    assert "hunter2" not in str(Job.objects.filter(uid=job.uid).values().get())
