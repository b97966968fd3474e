"""From the dashboard's words to the engine's, progress lines to a number, and where a container goes."""

from __future__ import annotations

import asyncio
import time
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.fleet.actions import link_down, link_up
from controlplane.fleet.models import Host
from controlplane.gateway import runner
from controlplane.gateway.errors import HostUnreachable
from controlplane.orchestrator.engine_requests import container_action, create_body, pull_path, split_reference
from controlplane.orchestrator.placement import choose_host, default_host
from controlplane.orchestrator.runners import PullProgress
from controlplane.workloads.models import Container
from wire.engine.containers import CreateRequest
from wire.engine.shape import decode, encode
from wire.errors import Invalid, MooringError, Unavailable
from wire.net.mux import StreamReset


@pytest.mark.parametrize(("action", "params", "method", "path", "body"), [
    ("start", {}, "POST", "/containers/abc/start", None),
    ("stop", {"timeout_s": 3}, "POST", "/containers/abc/stop?t=3", None),
    ("stop", {"timeout_s": None}, "POST", "/containers/abc/stop", None),
    ("kill", {"signal": "HUP"}, "POST", "/containers/abc/kill?signal=HUP", None),
    ("remove", {"force": True, "volumes": False}, "DELETE", "/containers/abc?force=1&v=0", None),
    ("rename", {"name": "a b"}, "POST", "/containers/abc/rename?name=a+b", None),
    ("update", {"memory_bytes": 1 << 20}, "POST", "/containers/abc/update", {"Memory": 1 << 20, "MemorySwap": -1}),
    ("update", {"restart_policy": {"name": "always"}}, "POST", "/containers/abc/update",
     {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}),
])  # fmt: skip
def test_actions_become_engine_requests(action: str, params: Any, method: str, path: str, body: Any) -> None:
    request = container_action("abc", "web", action, params)
    assert (request.method, request.path, request.body) == (method, path, body)
    assert "web" in request.title


def test_actions_without_their_parameters_are_refused() -> None:
    for action in ("rename", "update", "explode"):
        with pytest.raises(Invalid):
            container_action("abc", "web", action, {})


def test_the_form_becomes_a_body_the_engine_accepts() -> None:
    body = create_body({
        "image": "nginx", "command": ["-g", "x"], "env": ["A=1"], "memory_bytes": 1 << 20, "hostname": "h",
        "ports": [{"container_port": 80, "host_port": 8080}, {"container_port": 80, "host_ip": "::1"}],
        "volumes": [{"source": "data", "target": "/d", "read_only": True}, {"source": "", "target": "/anon"}],
        "restart_policy": {"name": "on-failure", "max_retry": 3},
    })  # fmt: skip
    typed = decode(encode(body), CreateRequest)
    assert typed.cmd == ["-g", "x"]
    assert body["HostConfig"]["Binds"] == ["data:/d:ro"]
    assert body["Volumes"] == {"/anon": {}}
    assert body["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": ""}]
    }
    assert body["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}


@pytest.mark.parametrize(("text", "name", "tag"), [
    ("nginx", "nginx", "latest"), ("nginx:1", "nginx", "1"), ("reg:5000/a/b", "reg:5000/a/b", "latest"),
    ("reg:5000/a/b:2", "reg:5000/a/b", "2"), ("a@sha256:1", "a", "sha256:1"),
])  # fmt: skip
def test_references_are_split_as_the_client_does(text: str, name: str, tag: str) -> None:
    assert split_reference(text) == (name, tag)
    assert pull_path("a:1") == "/images/create?fromImage=a&tag=1"


def test_progress_is_told_once_per_state_and_never_goes_back() -> None:
    progress, seen = PullProgress(), []
    for current in (10, 50, 100):
        detail = {"current": current, "total": 100}
        progress.feed({"status": "Downloading", "id": "a", "progressDetail": detail})
        seen.append(progress.fraction)
    progress.feed({"status": "Pull complete", "id": "a"})
    assert seen == [0.1, 0.5, 1.0]
    assert progress.lines == ["a: Downloading", "a: Pull complete"]
    with pytest.raises(MooringError, match="denied"):
        progress.feed({"error": "x", "errorDetail": {"message": "denied"}})


def test_the_emptiest_reachable_open_host_is_chosen(host: Host) -> None:
    other = Host.objects.create(organisation=host.organisation, name="nyc1")
    link_up(other.pk, host.link_epoch)
    Container.objects.create(host=host, container_id="a", name="a", state="running")
    Container.objects.create(host=other, container_id="b", name="b", state="exited")
    assert choose_host(host.organisation_id) == other
    Host.objects.filter(pk=other.pk).update(schedulable=False)
    assert choose_host(host.organisation_id) == host
    link_down(host.pk, host.link_epoch, left=False)
    with pytest.raises(Unavailable):
        choose_host(host.organisation_id)


def test_the_default_environment_is_the_first_host_and_stays_it_while_it_is_away(host: Host) -> None:
    never = Host.objects.create(organisation=host.organisation, name="never")
    Host.objects.filter(pk=never.pk).update(created_at="2020-01-01T00:00:00Z")
    other = Host.objects.create(organisation=host.organisation, name="a-later-one")
    link_up(other.pk, host.link_epoch)
    assert default_host(host.organisation_id) == host
    link_down(host.pk, host.link_epoch, left=False)
    assert default_host(host.organisation_id) == host
    Host.objects.update(removed_at="2026-01-01T00:00:00Z")
    with pytest.raises(Unavailable, match="no host has joined yet"):
        default_host(host.organisation_id)


def test_a_body_is_announced_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update's body is optional to Docker: without a length the agent did not look for one, and changed nothing."""
    sent: dict[str, Any] = {}

    class Client:
        def request(self, *what: Any, **how: Any) -> Any:
            sent.update(how)
            return SimpleNamespace(status=200)

    monkeypatch.setattr(runner, "run_cancellably", lambda run, attempt: attempt(Client()))
    run: Any = SimpleNamespace(host_id=uuid.uuid4(), operation_key=lambda step: "key")
    runner.ask_host(run, "POST", "/containers/web/update", body='{"PidsLimit": 7}')
    assert {("content-type", "application/json"), ("content-length", "16")} <= set(sent["headers"])
    runner.ask_host(run, "POST", "/containers/web/start")
    assert [name for name, _ in sent["headers"]] == [runner.OPERATION_HEADER]


@pytest.mark.parametrize(
    ("failures", "retry_for_s"),
    [([StreamReset("reset"), HostUnreachable("no tunnel")], 60.0), ([StreamReset("reset")], 0.0)],
    ids=["the host takes long to dial in again", "it broke late"],
)
def test_what_a_host_may_have_done_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, failures: list[Exception], retry_for_s: float
) -> None:
    """How long it is asked counts from when the way there broke, not from when the job began."""
    outcomes: list[object] = [*failures, "answer"]

    def outcome(run: Any, future: object) -> object:
        time.sleep(0.01)
        if isinstance(said := outcomes.pop(0), Exception):
            raise said
        return said

    monkeypatch.setattr(runner, "start_client_thread", lambda: SimpleNamespace(loop="a loop"))
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", lambda coroutine, loop: None)
    monkeypatch.setattr(runner, "_wait", outcome)
    monkeypatch.setattr(runner, "RETRY_EVERY_S", 0)
    monkeypatch.setattr(runner, "RETRY_FOR_S", retry_for_s)
    monkeypatch.setattr(runner, "UNREACHABLE_FOR_S", 0.0)
    run: Any = SimpleNamespace(host_id=None, is_cancelled=lambda: False)
    attempt: Any = lambda client: None  # noqa: E731
    assert runner.run_cancellably(run, attempt) == "answer"
