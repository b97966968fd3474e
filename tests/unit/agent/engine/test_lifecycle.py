"""Start to removal: states, exit codes, events in order, waits, restart policies."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn

import pytest

from agent.engine import exits
from agent.ports.runtime import Resources
from tests.fakes.rig import Rig
from wire.engine.containers import CreateRequest, HostConfig, UpdateRequest
from wire.engine.execs import ExecCreateRequest
from wire.engine.shape import decode
from wire.errors import Conflict, Internal, Invalid, NotFound, NotModified


async def _create(rig: Rig, name: str, *cmd: str, **fields: Any) -> str:
    body = {"Image": "busybox", "Cmd": list(cmd), **fields}
    return (await rig.engine.create(name, decode(json.dumps(body).encode(), CreateRequest)))[0]


async def _state(rig: Rig, ref: str) -> dict[str, Any]:
    state: dict[str, Any] = (await rig.engine.inspect(ref))["State"]
    return state


async def _until(rig: Rig, ref: str, status: str) -> None:
    async def reached() -> bool:
        return bool((await _state(rig, ref))["Status"] == status)

    while not await reached():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def _told(rig: Rig) -> list[str]:
    return [f"{event['Type']} {event['Action']}" for _, event in rig.engine._ctx.events._ring]


async def test_a_run_is_told_in_dockers_order(rig: Rig) -> None:
    await _create(rig, "web", "sh", "-c", "exit 3")
    waiting = rig.engine.wait("web", "next-exit")
    await rig.engine.start("web")
    status, error = await waiting
    assert (status.code, error) == (3, "")
    state = await _state(rig, "web")
    assert (state["Status"], state["ExitCode"], state["Running"], state["Pid"]) == ("exited", 3, False, 0)
    await rig.engine.remove("web")
    assert _told(rig)[-6:] == [
        "container create", "network connect", "container start", "network disconnect", "container die",
        "container destroy",
    ]  # fmt: skip
    with pytest.raises(NotFound, match="No such container: web"):
        await rig.engine.inspect("web")


async def test_removed_while_its_end_is_being_taken_in(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is gone: that is no container that runs, and no state of ours is told."""
    reached, go_on, release = asyncio.Event(), asyncio.Event(), exits.release

    async def held(*arguments: Any) -> None:
        reached.set()
        await go_on.wait()
        await release(*arguments)

    monkeypatch.setattr(exits, "release", held)
    await rig.engine.start(await _create(rig, "web", "true"))
    await reached.wait()
    removal = asyncio.create_task(rig.engine.remove("web"))
    await asyncio.sleep(0)
    go_on.set()
    await removal
    assert await rig.engine.list(all=True) == []


async def test_a_start_that_fails_waits_for_the_other_half(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its network must not come into being after everything was given back."""
    await _create(rig, "web", "true")
    told: list[str] = []
    make, close = rig.networking.open_sandbox, rig.networking.close_sandbox

    async def mount(_: str) -> NoReturn:
        raise Internal("no mount")

    async def open_slowly(container_id: str, **options: Any) -> Any:
        for _ in range(20):
            await asyncio.sleep(0)
        told.append("opened")
        return await make(container_id, **options)

    async def close_it(container_id: str) -> None:
        told.append("closed")
        await close(container_id)

    monkeypatch.setattr(rig.images, "mount", mount)
    monkeypatch.setattr(rig.networking, "open_sandbox", open_slowly)
    monkeypatch.setattr(rig.networking, "close_sandbox", close_it)
    with pytest.raises(Internal, match="no mount"):
        await rig.engine.start("web")
    assert told == ["opened", "closed"]


async def test_stop_is_a_no_op_when_already_exited(rig: Rig) -> None:
    await _create(rig, "web", "true")
    with pytest.raises(NotModified):
        await rig.engine.stop("web")
    await rig.engine.start("web")
    await rig.engine.wait("web")
    with pytest.raises(NotModified):
        await rig.engine.stop("web")


async def test_stop_signals_and_then_kills(rig: Rig) -> None:
    await _create(rig, "web", "sleep", "1000")
    await rig.engine.start("web")
    with pytest.raises(NotModified):
        await rig.engine.start("web")
    with pytest.raises(Conflict, match="container is running: stop the container before removing or force remove"):
        await rig.engine.remove("web")
    await rig.engine.stop("web", timeout_s=0)
    assert (await _state(rig, "web"))["ExitCode"] in (137, 143)
    told = _told(rig)
    assert told[-1] == "container die"
    assert "container stop" in told


async def test_removed_is_answered_when_an_auto_remove_container_is_gone(rig: Rig) -> None:
    await _create(rig, "web", "sh", "-c", "exit 4", HostConfig={"AutoRemove": True}, Volumes={"/data": {}})
    waiting = rig.engine.wait("web", "removed")
    await rig.engine.start("web")
    status, error = await waiting
    assert (status.code, error) == (4, "")
    assert await rig.engine.list(all=True) == []
    assert rig.volumes.list() == []


async def test_an_auto_remove_container_that_cannot_start_is_removed_whatever_went_wrong(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`docker run --rm` waits for that; a kernel's refusal is an OSError, not one of our errors."""

    async def refused(container_id: str) -> NoReturn:
        raise OSError(22, "fsconfig: Invalid argument", "overlay")

    monkeypatch.setattr(rig.images, "mount", refused)
    await _create(rig, "web", "true", HostConfig={"AutoRemove": True})
    waiting = rig.engine.wait("web", "removed")
    with pytest.raises(OSError, match="Invalid argument"):
        await rig.engine.start("web")
    await asyncio.wait_for(waiting, 60)
    assert await rig.engine.list(all=True) == []


async def test_the_restart_policy_counts_and_gives_up(rig: Rig) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 1}
    await _create(rig, "web", "sh", "-c", "exit 5", HostConfig={"RestartPolicy": policy})
    await rig.engine.start("web")
    await _until(rig, "web", "exited")
    document = await rig.engine.inspect("web")
    assert (document["RestartCount"], document["State"]["ExitCode"]) == (1, 5)


async def test_a_container_stopped_by_its_user_is_not_restarted(rig: Rig) -> None:
    await _create(rig, "web", "sleep", "1000", HostConfig={"RestartPolicy": {"Name": "always"}})
    await rig.engine.start("web")
    await rig.engine.stop("web", timeout_s=0)
    assert (await _state(rig, "web"))["Status"] == "exited"
    await asyncio.sleep(0.15)
    assert (await _state(rig, "web"))["Status"] == "exited"


async def test_a_failed_start_leaves_the_reason_and_no_leftovers(rig: Rig) -> None:
    rig.runtime.create_failures["nosuchprogram"] = Invalid("executable file not found in $PATH", exit_code=127)
    await _create(rig, "web", "nosuchprogram", HostConfig={"PortBindings": {"80/tcp": [{"HostPort": "18080"}]}})
    with pytest.raises(Invalid, match="executable file not found"):
        await rig.engine.start("web")
    state = await _state(rig, "web")
    assert (state["Status"], state["ExitCode"]) == ("created", 127)
    assert "executable file not found" in state["Error"]
    other = {"PortBindings": {"80/tcp": [{"HostPort": "18080"}]}}
    await _create(rig, "next", "sleep", "1000", HostConfig=other)
    await rig.engine.start("next")


async def test_pausing_and_renaming(rig: Rig) -> None:
    await _create(rig, "web", "sleep", "1000")
    await rig.engine.start("web")
    await rig.engine.pause("web")
    with pytest.raises(Conflict, match="is already paused"):
        await rig.engine.pause("web")
    assert (await rig.engine.list())[0]["Status"].endswith("(Paused)")
    await rig.engine.rename("web", "shop")
    await rig.engine.unpause("shop")
    with pytest.raises(NotFound):
        await rig.engine.inspect("web")
    assert (await _state(rig, "shop"))["Status"] == "running"


async def test_an_execs_exit_code_is_known_before_its_stream_ends(rig: Rig) -> None:
    await _create(rig, "web", "sleep", "1000")
    await rig.engine.start("web")
    exec_id = await rig.engine.exec_create(
        "web", ExecCreateRequest(cmd=["sh", "-c", "exit 7"], attach_stdout=True, attach_stderr=True)
    )
    session = await rig.engine.exec_start(exec_id)
    assert session is not None
    async for _ in session.output():
        pass
    document = rig.engine.exec_inspect(exec_id)
    assert (document["Running"], document["ExitCode"]) == (False, 7)
    await session.close()
    with pytest.raises(Conflict, match="has already run"):
        await rig.engine.exec_start(exec_id)


async def test_a_client_that_attached_before_the_start_sees_everything(rig: Rig) -> None:
    await _create(rig, "web", "echo", "hello")
    session = await rig.engine.attach("web", stdout=True, stderr=True, stream=True)
    await rig.engine.start("web")
    assert b"".join([data async for _, data in session.output()]) == b"hello\n"
    await session.close()


async def test_list_and_snapshot_plus_events_agree(rig: Rig) -> None:
    """A reader that has a snapshot and applies the numbered events ends where a fresh snapshot is."""
    await _create(rig, "one", "sleep", "1000")
    snapshot = {item["Id"]: item["State"] for item in await rig.engine.list(all=True)}
    after = rig.engine.sequence
    await rig.engine.start("one")
    two = await _create(rig, "two", "true")
    await rig.engine.remove("one", force=True)
    stream = rig.engine.numbered_events(after)
    while after < rig.engine.sequence:
        after, event = await anext(stream)
        actor = event["Actor"]["ID"]
        if event["Type"] == "container":
            found = await rig.engine.list(all=True, filters={"id": [actor]})
            if found:
                snapshot[actor] = found[0]["State"]
            else:
                snapshot.pop(actor, None)
    await stream.aclose()  # type: ignore[attr-defined]
    assert snapshot == {two: "created"}


async def test_an_update_to_zero_lifts_the_limit_of_processes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one limit that Docker lets go of; the runtime has to be told, and a 0 for the others changes nothing."""
    told: list[Resources] = []

    async def remember(container_id: str, resources: Resources) -> None:
        told.append(resources)

    await _create(rig, "web", "sleep", "9", HostConfig={"PidsLimit": 50, "NanoCpus": 500_000_000})
    await rig.engine.start("web")
    monkeypatch.setattr(rig.runtime, "update", remember)
    await rig.engine.update("web", decode(b'{"PidsLimit": 0, "NanoCpus": 0}', UpdateRequest))
    host: HostConfig = (await rig.engine.inspect("web"))["HostConfig"]
    assert (host.pids_limit, host.nano_cpus) == (0, 500_000_000)
    assert (told[0].pids_limit, told[0].nano_cpus) == (-1, 500_000_000)


async def test_a_client_that_attaches_as_the_process_ends_does_not_wait_for_the_next_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CLI looks at the state before and after it attaches, and both times it still says running."""
    await _create(rig, "web", "true")
    gate, release = asyncio.Event(), exits.release

    async def held(*arguments: Any) -> None:
        await gate.wait()
        await release(*arguments)

    monkeypatch.setattr(exits, "release", held)
    container = rig.engine._ctx.containers.resolve("web")
    await rig.engine.start("web")
    while container.record.state.status != "ending":  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    session = await rig.engine.attach("web", stdout=True, stderr=True, stream=True)
    assert (await _state(rig, "web"))["Status"] == "running"
    async with asyncio.timeout(60):
        assert [chunk async for chunk in session.output()] == []
    gate.set()
    await rig.engine.wait("web")


async def test_what_nobody_probes_counts_as_unhealthy(rig: Rig) -> None:
    check = {"Test": ["CMD", "true"], "Interval": 3_600_000_000_000}
    await _create(rig, "web", "sleep", "1000", Healthcheck=check)
    await rig.engine.start("web")
    assert (await _state(rig, "web"))["Health"]["Status"] == "starting"
    await rig.engine.pause("web")
    assert (await _state(rig, "web"))["Health"]["Status"] == "unhealthy"
    await rig.engine.unpause("web")
    await rig.engine.restart("web", timeout_s=0)
    assert (await _state(rig, "web"))["Health"]["Status"] == "starting"
    await rig.engine.kill("web")
    assert (await _state(rig, "web"))["Health"]["Status"] == "unhealthy"
    assert not [action for action in _told(rig) if "health_status" in action]


async def test_namespaces_of_others_are_kept_by_id(rig: Rig) -> None:
    peer = await _create(rig, "peer", "sleep", "1000")
    await _create(rig, "web", "true", HostConfig={"PidMode": "container:peer", "NetworkMode": "container:peer"})
    host = (await rig.engine.inspect("web"))["HostConfig"]
    assert (host.pid_mode, host.network_mode) == (f"container:{peer}", f"container:{peer}")


async def test_a_container_whose_network_is_disabled_is_on_none(rig: Rig) -> None:
    await _create(rig, "web", "sleep", "1000", NetworkDisabled=True, HostConfig={"PublishAllPorts": True})
    await rig.engine.start("web")
    settings = (await rig.engine.inspect("web"))["NetworkSettings"]
    assert (settings["Networks"], settings["SandboxID"], settings["IPAddress"]) == ({}, "", "")
    assert "network connect" not in _told(rig)


async def test_details_of_a_log_are_escaped_and_hold_the_tag(rig: Rig) -> None:
    options = {"labels": "a", "env-regex": "^FO", "tag": "{{.Name}}/{{.ImageName}}"}
    log = {"Type": "json-file", "Config": options}
    await _create(
        rig, "web", "echo", "hi", Labels={"a": "b c", "d": "e"}, Env=["FOO=1", "BAR=2"], HostConfig={"LogConfig": log}
    )
    waiting = rig.engine.wait("web", "next-exit")
    await rig.engine.start("web")
    await waiting
    _, chunks = await rig.engine.logs("web", stdout=True, stderr=True, details=True)
    assert b"".join([chunk async for chunk in chunks])[8:] == b"FOO=1,a=b+c,tag=web%2Fbusybox hi\n"


UNKNOWN_FIELD = 'template: log-tag:1:2: executing "log-tag" at <.Nope>: can\'t evaluate field Nope in type *logger.Info'


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tag": "{{.Nope}}"}, UNKNOWN_FIELD),
        ({"tag": "{{.Name"}, "template: log-tag:1: unclosed action"),
        ({"env-regex": "("}, "error parsing regexp: missing closing ): `(`"),
    ],
)  # fmt: skip
async def test_log_options_that_mean_nothing_are_told_at_the_start(rig: Rig, options: dict[str, str], why: str) -> None:
    await _create(rig, "web", "true", HostConfig={"LogConfig": {"Type": "json-file", "Config": options}})
    with pytest.raises(Internal) as refused:
        await rig.engine.start("web")
    assert refused.value.message == f"failed to create task for container: failed to initialize logging driver: {why}"
