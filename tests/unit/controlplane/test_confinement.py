"""Rights on a host behind a name: volumes bound to host paths, namespaces of other containers, ways into containers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import pytest
from django.test import Client

from controlplane.accounts.access import Action
from controlplane.accounts.actor import Actor
from controlplane.accounts.models import User
from controlplane.accounts.selectors import actor_for_user
from controlplane.audit.models import AuditEntry
from controlplane.engine_api.environment import Environment
from controlplane.engine_api.request import Request
from controlplane.engine_api.router import router
from controlplane.engine_api.routes import ROUTES, How
from controlplane.fleet.models import Host
from controlplane.gateway.calls import EngineAnswer
from controlplane.jobs import actions as jobs
from controlplane.orchestrator.actions import host_target, retry_job
from controlplane.orchestrator.confinement import check_body, check_way_into
from controlplane.workloads.guardrails import guard_of
from wire.errors import Forbidden, Unavailable

pytestmark = pytest.mark.django_db(transaction=True)

BOUND = {"type": "none", "o": "bind,ro", "device": "/etc"}
OBJECTS: dict[str, Any] = {
    "/volumes/plain": {"Options": None},
    "/volumes/memory": {"Options": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}},
    "/volumes/share": {"Options": {"type": "nfs", "device": ":/export", "o": "addr=10.0.0.1,rw"}},
    "/volumes/bound": {"Options": BOUND},
    "/volumes/disguised": {"Options": {"type": "tmpfs", "device": "/etc", "o": "bind"}},
    "/volumes/disk": {"Options": {"type": "ext4", "device": "/dev/vdb"}},
    # as an engine on a host with cgroups v1 says of every container
    "/containers/plain/json": {"Id": "1" * 64, "HostConfig": {"NetworkMode": "default", "CgroupnsMode": "host"}},
    "/containers/root/json": {"Id": "2" * 64, "HostConfig": {"Privileged": True, "NetworkMode": "default"}},
    "/containers/hostnet/json": {"Id": "3" * 64, "HostConfig": {"NetworkMode": "host"}},
    "/containers/behind/json": {"Id": "4" * 64, "HostConfig": {"NetworkMode": "container:hostnet"}},
    "/containers/mounts/json": {"Id": "5" * 64, "HostConfig": {"Binds": ["bound:/e"], "PidMode": ""}},
    "/exec/plain/json": {"ID": "plain", "ContainerID": "plain", "ProcessConfig": {"privileged": False}},
    "/exec/strong/json": {"ID": "strong", "ContainerID": "plain", "ProcessConfig": {"privileged": True}},
    "/exec/inside/json": {"ID": "inside", "ContainerID": "root", "ProcessConfig": {"privileged": False}},
}


class Engine:
    """A host's inspect answers in place of the gateway's client."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200

    async def request(self, host_id: uuid.UUID, method: str, path: str, **options: Any) -> EngineAnswer:
        self.asked.append(path)
        found = OBJECTS.get(path)
        return EngineAnswer(404 if found is None else self.status, [], orjson.dumps(found))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr("controlplane.orchestrator.confinement.client", lambda: engine)
    monkeypatch.setattr("controlplane.orchestrator.actions.client", lambda: engine)
    return engine


@pytest.fixture
def guest(member: User) -> Actor:
    return actor_for_user(member, method="token")


def create(actor: Actor, host: Host, host_config: dict[str, Any]) -> Any:
    body = {"Image": "busybox", "HostConfig": host_config}
    return asyncio.run(check_body(actor, "engine.container.create", body, host_target(host, "container", "", "web")))


@pytest.mark.parametrize("host_config", [
    {"Binds": ["bound:/e"]}, {"Binds": ["bound:/e:ro"]}, {"binds": ["plain:/p", "disguised:/e"]},
    {"Binds": ["disk:/e"]}, {"Mounts": [{"Type": "volume", "Source": "bound", "Target": "/e"}]},
    {"NetworkMode": "container:hostnet"}, {"NetworkMode": "container:behind"}, {"PidMode": "container:root"},
    {"PidMode": "container:mounts"}, {"IpcMode": "container:root"},
], ids=str)  # fmt: skip
def test_a_member_does_not_get_host_rights_by_a_name(
    host: Host, actor: Actor, guest: Actor, engine: Engine, host_config: dict[str, Any]
) -> None:
    with pytest.raises(Forbidden, match=r"may not do container\.unconfined"):
        create(guest, host, host_config)
    assert AuditEntry.objects.get().decision == "denied"
    assert "asks for" in AuditEntry.objects.get().detail
    assert create(actor, host, host_config)["HostConfig"] == host_config  # an admin is not even asked about


@pytest.mark.parametrize("host_config", [
    {"Binds": ["plain:/p", "memory:/m", "share:/s", "new:/n"]},
    {"Mounts": [{"Type": "volume", "Target": "/anonymous"}]},
    {"NetworkMode": "container:root"}, {"NetworkMode": "container:unknown"}, {"Binds": None},
], ids=str)  # fmt: skip
def test_ordinary_names_are_not_held_up(host: Host, guest: Actor, engine: Engine, host_config: dict[str, Any]) -> None:
    create(guest, host, host_config)
    assert not AuditEntry.objects.exists()


def test_what_was_looked_at_is_what_is_joined(host: Host, guest: Actor, engine: Engine) -> None:
    settled = create(guest, host, {"networkmode": "container:plain", "Memory": 1})
    assert settled == {"Image": "busybox", "HostConfig": {"networkmode": f"container:{'1' * 64}", "Memory": 1}}


def test_a_host_that_does_not_say_permits_nothing(host: Host, guest: Actor, engine: Engine) -> None:
    engine.status = 500
    with pytest.raises(Unavailable):
        create(guest, host, {"Binds": ["bound:/e"]})


@pytest.mark.parametrize(("what", "ref", "found"), [
    ("containers", "plain", "1" * 64), ("containers", "unknown", "unknown"), ("exec", "plain", "plain"),
    ("containers", "root", ""), ("containers", "mounts", ""), ("containers", "behind", ""), ("exec", "strong", ""),
    ("exec", "inside", ""),
])  # fmt: skip
def test_ways_into_containers(host: Host, guest: Actor, engine: Engine, what: str, ref: str, found: str) -> None:
    way = check_way_into(guest, ref, host_target(host, what, ref), what=what)
    if found:
        assert asyncio.run(way) == found
    else:
        with pytest.raises(Forbidden):
            asyncio.run(way)


def test_a_way_in_is_sent_on_by_the_id_that_was_checked() -> None:
    match = router.find("POST", "/containers/we b/exec")
    assert match is not None
    request = Request({}, None, None, None, match, Environment(uuid.uuid4(), "", uuid.uuid4()),  # type: ignore[arg-type]
                      "/containers/we b/exec", "/v1.45/containers/we%20b/exec?containers/x=1", "")  # fmt: skip
    request.settle_name("1" * 64)
    assert request.raw_path == f"/v1.45/containers/{'1' * 64}/exec?containers/x=1"
    assert request.match.name == "1" * 64


def test_a_member_does_not_get_an_admins_rights_by_a_retry(
    host: Host, actor: Actor, guest: Actor, engine: Engine, sent: list[uuid.UUID]
) -> None:
    for kind, body in (
        ("container.run", {"HostConfig": {"Privileged": True}}), ("engine.volume.create", {"DriverOpts": BOUND}),
        ("engine.container.update", {"Devices": [{"PathOnHost": "/dev/sda"}]}),
        ("engine.network.create", {"Driver": "macvlan", "Options": {"parent": "eth0"}}),
    ):  # fmt: skip
        request = {"path": "/x", "method": "POST", "body": orjson.dumps(body).decode()}
        job = jobs.submit(
            actor, Action.CONTAINER_CHANGE, host_target(host, "container", "", "web"), kind=kind, title="Run web",
            request=request,
        )  # fmt: skip
        jobs.cancel(job)
        job.refresh_from_db()
        with pytest.raises(Forbidden):
            retry_job(guest, job, request_id="")
        assert retry_job(actor, job, request_id="").retry_of == job


def test_the_dashboard_asks_at_the_same_door(
    host: Host, member: User, engine: Engine, client_of: Callable[..., Client], post: Callable[..., Any],
    sent: list[uuid.UUID],
) -> None:  # fmt: skip
    client = client_of(member)
    wanted = {"host": "fra1", "image": "busybox", "volumes": [{"source": "bound", "target": "/e"}]}
    assert post(client, "/api/v1/containers", wanted).status_code == 403
    public = {"host": "fra1", "name": "net", "subnet": "8.8.8.0/24"}
    assert post(client, "/api/v1/networks", public).status_code == 403
    assert sent == []
    assert post(client, "/api/v1/networks", {**public, "subnet": "10.9.0.0/24"}).status_code == 202


def test_every_body_that_has_a_guard_is_decoded() -> None:
    for pattern, route in ROUTES.items():
        if guard_of(route.kind) is not None:
            assert route.shape is not None, pattern
            assert route.how in (How.JOB, How.DIRECT), pattern
