"""A restarted agent brings every row to what the host has."""

from __future__ import annotations

import json
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


def _rewrite(store: MemoryStore, container_id: str, status: str, **changes: Any) -> None:
    """Make the row what an agent killed at that moment left."""
    row = store.table(TABLE).find(container_id)
    assert row is not None
    record = msgspec.json.decode(row, type=Record)
    record.state.status = status
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


async def test_after_a_reboot_always_means_always(tmp_path: Path) -> None:
    store = MemoryStore()
    async with open_rig(tmp_path, store=store) as rig:
        ref = await _create(rig, "web", "sleep", "1000", HostConfig={"RestartPolicy": {"Name": "always"}})
        other = await _create(rig, "db", "sleep", "1000", HostConfig={"RestartPolicy": {"Name": "unless-stopped"}})
    _rewrite(store, ref, "exited", started_once=True, stopped_by_user=True, boot_id="another boot")
    _rewrite(store, other, "exited", started_once=True, stopped_by_user=True, boot_id="another boot")
    async with open_rig(tmp_path, store=store) as rig:
        started = rig.engine.events(filters={"container": [ref], "event": ["start"]})
        if (await rig.engine.inspect(ref))["State"]["Status"] != "running":
            await anext(started)
        assert (await rig.engine.inspect(ref))["State"]["Status"] == "running"
        assert (await rig.engine.inspect(other))["State"]["Status"] == "exited"


async def test_answers_under_an_operation_key_survive(tmp_path: Path) -> None:
    store = MemoryStore()
    async with open_rig(tmp_path, store=store) as rig:
        await _create(rig, "web", "true")
        await rig.engine.rename("web", "shop", operation="job-7")
    async with open_rig(tmp_path, store=store) as rig:
        await rig.engine.rename("web", "shop", operation="job-7")
        assert (await rig.engine.list(all=True))[0]["Names"] == ["/shop"]
