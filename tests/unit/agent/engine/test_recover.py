"""A restarted agent brings every row to what the host has."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.engine.container import TABLE
from agent.engine.record import Record
from agent.runtime.fake import FakeRuntime
from tests.fakes.rig import Rig, open_rig
from tests.fakes.store import MemoryStore
from wire.engine.containers import CreateRequest
from wire.engine.shape import decode


async def _create(rig: Rig, name: str, *cmd: str, **fields: Any) -> str:
    body = {"Image": "busybox", "Cmd": list(cmd), **fields}
    return (await rig.engine.create(name, decode(json.dumps(body).encode(), CreateRequest)))[0]


def _rewrite(store: MemoryStore, container_id: str, status: str, *, code: int = 0, **changes: Any) -> None:
    """Make the row what an agent killed at that moment left."""
    row = store.table(TABLE).find(container_id)
    assert row is not None
    record = msgspec.json.decode(row, type=Record)
    record.state.status, record.state.exit_code = status, code
    for name, value in changes.items():
        setattr(record, name, value)
    store.table(TABLE).rows[container_id] = msgspec.json.encode(record)


class _Surviving(FakeRuntime):
    """Containers that an earlier agent left running."""

    async def recover(self, container_id: str, bundle: Path) -> int | None:
        return self._containers[container_id].init.pid if container_id in self._containers else None

    async def close(self) -> None:
        pass


async def test_a_running_container_is_taken_up_with_its_process(tmp_path: Path) -> None:
    store, runtime = MemoryStore(), _Surviving()
    async with open_rig(tmp_path, store=store, runtime=runtime) as rig:
        ref = await _create(rig, "web", "sleep", "1000")
        await rig.engine.start(ref)
        pid = (await rig.engine.inspect(ref))["State"]["Pid"]
    async with open_rig(tmp_path, store=store, runtime=runtime) as rig:
        state = (await rig.engine.inspect("web"))["State"]
        assert (state["Status"], state["Pid"]) == ("running", pid)
        await rig.engine.stop("web", timeout_s=0)
        assert (await rig.engine.inspect("web"))["State"]["Status"] == "exited"
    await FakeRuntime.close(runtime)


async def test_a_check_that_told_nothing_yet_goes_on(tmp_path: Path) -> None:
    store, runtime = MemoryStore(), _Surviving()
    check = {"Test": ["CMD", "true"], "Interval": 3_600_000_000_000}
    async with open_rig(tmp_path, store=store, runtime=runtime) as rig:
        await rig.engine.start(await _create(rig, "web", "sleep", "1000", Healthcheck=check))
    async with open_rig(tmp_path, store=store, runtime=runtime) as rig:
        assert (await rig.engine.inspect("web"))["State"]["Health"]["Status"] == "starting"
        await rig.engine.stop("web", timeout_s=0)
    await FakeRuntime.close(runtime)


@pytest.mark.parametrize(
    ("status", "before", "expected"),
    [("starting", False, "created"), ("starting", True, "exited"), ("running", True, "exited")],
)
async def test_a_row_without_a_process_goes_back(tmp_path: Path, status: str, before: bool, expected: str) -> None:
    store = MemoryStore()
    async with open_rig(tmp_path, store=store) as rig:
        ref = await _create(rig, "web", "true")
    _rewrite(store, ref, status, started_once=before, boot_id="another boot")
    async with open_rig(tmp_path, store=store) as rig:
        assert (await rig.engine.inspect(ref))["State"]["Status"] == expected
        await rig.engine.start(ref)


async def test_a_removal_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    store = MemoryStore()
    async with open_rig(tmp_path, store=store) as rig:
        ref = await _create(rig, "web", "true")
    _rewrite(store, ref, "removing")
    async with open_rig(tmp_path, store=store) as rig:
        assert await rig.engine.list(all=True) == []
        await _create(rig, "web", "true")
    assert store.table(TABLE).find(ref) is None


_BY_USER = {"stopped_by_user": True}
# what Docker Engine 26.1 made of such containers, after a power loss and after an orderly restart alike
_AFTER_A_START = [
    ("always", "exited", 0, {}, True), ("always", "exited", 137, _BY_USER, True),
    ("always", "running", 0, {}, True), ("always", "paused", 0, {}, True),
    ("always", "created", 0, {"started_once": False}, False),
    ("unless-stopped", "exited", 0, {}, True), ("unless-stopped", "exited", 137, _BY_USER, False),
    ("unless-stopped", "running", 0, {}, True), ("unless-stopped", "running", 0, _BY_USER, False),
    ("on-failure", "exited", 0, {}, False), ("on-failure", "exited", 7, _BY_USER, True),
    ("on-failure", "running", 0, {}, True), ("on-failure", "restarting", 3, {}, True),
    ("on-failure:2", "exited", 3, {"restart_count": 2}, False),
    ("no", "exited", 3, {}, False), ("no", "running", 0, {}, False),
]  # fmt: skip


@pytest.mark.parametrize("boot", ["another boot", None])
@pytest.mark.parametrize(("policy", "status", "code", "changes", "runs"), _AFTER_A_START)
async def test_restart_policies_when_the_agent_starts(
    tmp_path: Path, policy: str, status: str, code: int, changes: dict[str, Any], runs: bool, boot: str | None
) -> None:
    store = MemoryStore()
    name, _, tries = policy.partition(":")
    host = {"RestartPolicy": {"Name": name, "MaximumRetryCount": int(tries or 0)}}
    async with open_rig(tmp_path, store=store) as rig:
        ref = await _create(rig, "web", "sleep", "1000", HostConfig=host)
        await rig.engine.start(ref)
        await rig.engine.stop(ref, timeout_s=0)
    left = {"started_once": True, "stopped_by_user": False, **changes, **({"boot_id": boot} if boot else {})}
    _rewrite(store, ref, status, code=code, **left)
    async with open_rig(tmp_path, store=store) as rig:
        started = rig.engine.events(filters={"container": [ref], "event": ["start"]})
        if runs and (await rig.engine.inspect(ref))["State"]["Status"] != "running":
            await anext(started)
        seen = await rig.engine.inspect(ref)
        assert seen["State"]["Running"] == runs
        assert seen["RestartCount"] == left.get("restart_count", 0)
        if status == "running" and not runs:
            assert (seen["State"]["Status"], seen["State"]["ExitCode"]) == ("exited", 255)


async def test_a_host_that_goes_down_stops_what_runs_and_starts_it_again(tmp_path: Path) -> None:
    """Each by its own signal and with its own time, as by `docker stop`, but nobody has asked for it."""
    store = MemoryStore()
    policies = {"kept": "always", "unless": "unless-stopped", "retried": "on-failure", "one-off": "no"}
    async with open_rig(tmp_path, store=store) as rig:
        for name, policy in policies.items():
            body = {"HostConfig": {"RestartPolicy": {"Name": policy}}, "StopSignal": "SIGUSR1", "StopTimeout": 0}
            await rig.engine.start(await _create(rig, name, "sleep", "1000", **body))
        await rig.engine.start(
            await _create(rig, "gone", "sleep", "1000", StopTimeout=0, HostConfig={"AutoRemove": True})
        )
        before = time.time()
        await rig.engine.stop_all(limit_s=60)
        for name in policies:
            state = (await rig.engine.inspect(name))["State"]
            assert (state["Status"], state["ExitCode"]) == ("exited", 137)
        told = rig.engine.events(since=f"{before - 1:.6f}", until=f"{time.time():.6f}", filters={"container": ["kept"]})
        assert [event["Action"] async for event in told][-4:] == ["kill", "kill", "stop", "die"]
    async with open_rig(tmp_path, store=store) as rig:
        running = {f"/{name}" for name, policy in policies.items() if policy != "no"}
        starts = rig.engine.events(since=str(int(before)), filters={"event": ["start"]})
        while {container["Names"][0] for container in await rig.engine.list()} != running:
            await anext(starts)
        assert len(await rig.engine.list(all=True)) == len(policies)  # the one to be removed is


async def test_answers_under_an_operation_key_survive(tmp_path: Path) -> None:
    store = MemoryStore()
    async with open_rig(tmp_path, store=store) as rig:
        await _create(rig, "web", "true")
        await rig.engine.rename("web", "shop", operation="job-7")
    async with open_rig(tmp_path, store=store) as rig:
        await rig.engine.rename("web", "shop", operation="job-7")
        assert (await rig.engine.list(all=True))[0]["Names"] == ["/shop"]
