"""Corners where Docker Engine 26.1 was found to answer otherwise; what is expected is what it does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agent.engine.clock import parse_timestamp
from agent.engine.health import probe_command
from agent.engine.signals import parse_signal
from agent.engine.system import backing_filesystem
from agent.ports.runtime import Resources
from tests.fakes.rig import Rig
from wire.engine.containers import CommitRequest, CreateRequest, Healthcheck, UpdateRequest
from wire.engine.execs import ExecCreateRequest
from wire.engine.shape import decode
from wire.errors import Conflict, Internal, Invalid, MooringError, NotFound


async def _create(rig: Rig, name: str, *cmd: str, **fields: Any) -> str:
    body = {"Image": "busybox", "Cmd": list(cmd) or ["sleep", "1000"], **fields}
    return (await rig.engine.create(name, decode(json.dumps(body).encode(), CreateRequest)))[0]


async def _run(rig: Rig, name: str, *cmd: str, **fields: Any) -> str:
    container_id = await _create(rig, name, *cmd, **fields)
    await rig.engine.start(name)
    return container_id


def _told(rig: Rig) -> list[str]:
    return [str(event["Action"]) for _, event in rig.engine._ctx.events._ring if event["Type"] == "container"]


async def test_an_exec_that_has_ended_cannot_be_resized(rig: Rig) -> None:
    await _run(rig, "web")
    ended = await rig.engine.exec_create("web", ExecCreateRequest(cmd=["true"]))
    unstarted = await rig.engine.exec_create("web", ExecCreateRequest(cmd=["true"]))
    await rig.engine.exec_start(ended, detach=True)
    while rig.engine.exec_inspect(ended)["Running"]:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    with pytest.raises(NotFound, match=f"process does not exist {ended}: not found"):
        await rig.engine.exec_resize(ended, 10, 10)
    await rig.engine.stop("web", timeout_s=0)
    with pytest.raises(Conflict, match="is not running"):
        await rig.engine.exec_resize(ended, 10, 10)
    with pytest.raises(NotFound, match=f"No such exec instance: {unstarted}"):
        rig.engine.exec_inspect(unstarted)


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ({"Links": ["nosuch"]}, "could not get container for nosuch"),
        ({"Links": [":alias"]}, 'could not get container for : invalid name or ID supplied: ""'),
        ({"SecurityOpt": ["bad"]}, 'invalid --security-opt 1: "bad"'),
        ({"Binds": ["/:/"]}, "destination can't be '/'"),
        ({"Binds": ["v:/x"], "Tmpfs": {"/x": ""}}, "Duplicate mount point: /x"),
        ({"VolumesFrom": ["nosuch"]}, "No such container: nosuch"),
    ],
)
async def test_a_create_refused_after_its_id_is_given_out_tells_of_its_end(
    rig: Rig, host: dict[str, Any], text: str
) -> None:
    with pytest.raises(MooringError) as refused:
        await _create(rig, "web", HostConfig=host)
    assert text in refused.value.message
    assert _told(rig) == ["destroy"]
    await _create(rig, "web")  # the name is free


async def test_a_create_refused_before_tells_nothing(rig: Rig) -> None:
    for host, text in (
        ({"Tmpfs": {"/x/..": ""}}, "invalid specification: destination can't be '/'"),
        ({"Mounts": [{"Type": "bind", "Source": "/nosuch", "Target": "/x"}]}, "bind source path does not exist"),
        ({"PortBindings": {"80-82/tcp": [{"HostPort": "90-92"}]}}, 'invalid port specification: "80-82"'),
        ({"LogConfig": {"Config": {"mode": "non-blocking", "max-buffer-size": "x"}}}, "invalid size: 'x'"),
    ):
        with pytest.raises(Invalid, match=text):
            await _create(rig, "web", HostConfig=host)
    assert _told(rig) == []


async def test_what_a_container_without_image_tells_names_none(rig: Rig) -> None:
    await _create(rig, "web", Image="")
    _, event = rig.engine._ctx.events._ring[-1]
    assert event["Actor"]["Attributes"] == {"name": "web"}


async def test_mounts_of_another_container_have_no_mode(rig: Rig) -> None:
    await _create(rig, "db", HostConfig={"Binds": ["data:/data:nocopy", "/tmp:/tmp:ro"]})
    await _create(rig, "web", HostConfig={"VolumesFrom": ["db"]})
    shown = (await rig.engine.inspect("web"))["Mounts"]
    assert [(item["Destination"], item["Mode"], item["RW"]) for item in shown] == [
        ("/data", "", True), ("/tmp", "", False),
    ]  # fmt: skip


@pytest.mark.parametrize("signal", ["-1", "65"])
async def test_a_signal_there_is_not_is_told_whether_it_runs_or_not(rig: Rig, signal: str) -> None:
    await _create(rig, "web")
    with pytest.raises(Invalid, match=f"the linux daemon does not support signal {signal}"):
        await rig.engine.kill("web", signal=signal)


async def test_a_signal_wakes_what_is_paused(rig: Rig) -> None:
    await _run(rig, "web")
    await rig.engine.pause("web")
    await rig.engine.kill("web", signal="USR2")
    assert _told(rig)[-2:] == ["kill", "unpause"]
    assert (await rig.engine.inspect("web"))["State"]["Paused"] is False
    await rig.engine.pause("web")
    await rig.engine.kill("web")
    assert _told(rig)[-2:] == ["kill", "die"]


async def test_memory_is_held_against_the_swap_limit_as_numbers(rig: Rig) -> None:
    await _create(rig, "web")
    await rig.engine.update("web", UpdateRequest(memory_swap=-1))
    with pytest.raises(Internal, match="Memory limit should be smaller than already set memoryswap limit"):
        await rig.engine.update("web", UpdateRequest(memory=1 << 26))
    await rig.engine.update("web", UpdateRequest(memory_swap=1 << 26))
    with pytest.raises(Invalid, match="You should always set the Memory limit when using Memoryswap limit"):
        await rig.engine.start("web")


async def test_an_update_the_kernel_refuses_is_told_all_the_same(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(container_id: str, resources: Resources) -> None:
        raise Internal("no")

    await _run(rig, "web")
    monkeypatch.setattr(rig.runtime, "update", refuse)
    with pytest.raises(Internal):
        await rig.engine.update("web", UpdateRequest(memory=1 << 26, memory_swap=1 << 27))
    assert _told(rig)[-1] == "update"


async def test_only_a_running_containers_ports_are_open(rig: Rig) -> None:
    await _create(rig, "web", ExposedPorts={"80/tcp": {}})
    assert await rig.engine.list(all=True, filters={"expose": ["80"]}) == []
    await rig.engine.start("web")
    assert len(await rig.engine.list(all=True, filters={"expose": ["80"]})) == 1


async def test_the_host_name_of_the_hosts_uts_namespace_is_not_configured(rig: Rig) -> None:
    container_id = await _create(rig, "web", HostConfig={"UTSMode": "host"})
    assert (await rig.engine.inspect("web"))["Config"].hostname == container_id[:12]


async def test_a_commit_checks_ports_and_names_the_command(rig: Rig) -> None:
    await _create(rig, "web", "-c", "true", Entrypoint=["sh"])
    with pytest.raises(Invalid, match="Invalid containerPort: x"):
        await rig.engine.commit(CommitRequest(container="web", changes=["EXPOSE x"]))
    image = await rig.engine.commit(CommitRequest(container="web"))
    assert (await rig.engine.image_history(image))[0]["CreatedBy"] == "-c true"


async def test_out_of_memory_is_told_at_once_and_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = asyncio.Event()

    async def oom(container_id: str) -> None:
        await killed.wait()

    monkeypatch.setattr(rig.runtime, "oom", oom)
    await _run(rig, "web", HostConfig={"Memory": 1 << 26})
    killed.set()
    while "oom" not in _told(rig):  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    state = (await rig.engine.inspect("web"))["State"]
    assert (state["OOMKilled"], state["Running"]) == (True, True)
    await rig.engine.stop("web", timeout_s=0)
    assert _told(rig).count("oom") == 1


async def test_a_link_is_a_name_of_the_linked_container(rig: Rig) -> None:
    await _run(rig, "db")
    await _run(rig, "web", HostConfig={"Links": ["db:store"]})
    listed = await rig.engine.list(all=True)
    assert sorted(item["Names"] for item in listed) == [["/db", "/web/store"], ["/web"]]
    assert (await rig.engine.inspect("web/store"))["Name"] == "/db"
    await rig.engine.stop("web", timeout_s=0)
    await rig.engine.remove("db", force=True)
    with pytest.raises(Internal, match="Cannot link to a non running container: /db AS /web/store"):
        await rig.engine.start("web")
    with pytest.raises(NotFound):
        await rig.engine.inspect("web/store")


async def test_nobody_joins_its_own_network(rig: Rig) -> None:
    await _create(rig, "web", HostConfig={"NetworkMode": "container:web"})
    with pytest.raises(Conflict, match="cannot join own network"):
        await rig.engine.start("web")


async def test_what_info_says_of_runtimes_and_disk(rig: Rig) -> None:
    info = await rig.engine.info()
    assert set(info["Runtimes"]) >= {"runc", "io.containerd.runc.v2"}
    assert info["DriverStatus"][0] == ["Backing Filesystem", backing_filesystem(rig.config.data)]
    assert backing_filesystem(Path("/proc/self")) == "proc"


async def test_a_container_of_a_child_descends_from_its_parents_image(rig: Rig) -> None:
    await _create(rig, "base")
    await rig.engine.commit(CommitRequest(container="base", repo="child", tag="1"))
    await _create(rig, "leaf", Image="child:1")
    found = await rig.engine.list(all=True, filters={"ancestor": ["busybox"]})
    assert sorted(item["Names"] for item in found) == [["/base"], ["/leaf"]]


def test_a_shells_probe_may_have_no_or_many_words() -> None:
    assert probe_command(Healthcheck(test=["CMD-SHELL"])) == ["/bin/sh", "-c"]
    assert probe_command(Healthcheck(test=["CMD-SHELL", "a", "b"])) == ["/bin/sh", "-c", "a", "b"]


def test_numbers_that_are_none() -> None:
    assert parse_signal("-1") == -1
    for text, wrong in (("1.x", "x"), ("x", "x"), ("y.1", "y")):
        with pytest.raises(Invalid, match=f'parsing "{wrong}": invalid syntax'):
            parse_timestamp(text)
