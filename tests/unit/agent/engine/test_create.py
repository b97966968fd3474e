"""What `create` accepts and how it refuses, against answers recorded from Docker Engine 26.1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.engine import settle, validate_resources
from agent.engine.sysinfo import SysInfo
from tests.fakes.rig import Rig
from wire.engine.containers import CreateRequest
from wire.engine.shape import decode
from wire.errors import Conflict, MooringError
from wire.httpstatus import status_of

_GOLDEN = [
    json.loads(line) for line in (Path(__file__).parents[3] / "golden" / "create_26_1.jsonl").read_text().splitlines()
]

# What that engine's host could limit: the answers follow from it, and the host of this test may be another.
_RECORDED_ON = SysInfo(
    cgroup_version=1, memory_limit=True, swap_limit=True, memory_reservation=True, memory_swappiness=True,
    oom_kill_disable=True, kernel_memory_tcp=True, cpu_cfs=True, cpu_shares=True, cpu_realtime=True, cpuset=True,
    pids_limit=True, blkio_weight=False, blkio_weight_device=False, blkio_throttle=True, ipv4_forwarding=True,
    bridge_nf_iptables=True, bridge_nf_ip6tables=True, cpu_count=2, online_cpus="0-1", online_mems="0",
)  # fmt: skip


def _request(**fields: Any) -> CreateRequest:
    return decode(json.dumps({"Image": "busybox", "Cmd": ["true"], **fields}).encode(), CreateRequest)


async def _answer(rig: Rig, body: dict[str, Any]) -> dict[str, Any]:
    try:
        container_id, warnings = await rig.engine.create("", decode(json.dumps(body).encode(), CreateRequest))
    except MooringError as error:
        return {"body": body, "status": status_of(error), "message": error.message}
    await rig.engine.remove(container_id, force=True, volumes=True)
    return {"body": body, "status": 201, "warnings": list(warnings)}


async def test_every_recorded_request_is_answered_as_docker_does(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (settle, validate_resources):
        monkeypatch.setattr(module, "read_sysinfo", lambda: _RECORDED_ON)
    different = [(answer, row) for row in _GOLDEN if (answer := await _answer(rig, row["body"])) != row]
    assert different == []


async def test_a_profile_that_cannot_be_enforced_is_reported(rig: Rig) -> None:
    """A departure from Docker, which says nothing."""
    _, warnings = await rig.engine.create("", _request(HostConfig={"SecurityOpt": ["apparmor=foo"]}))
    assert warnings == ["AppArmor is not enabled on this host. The profile foo is not enforced."]


async def test_a_refused_create_leaves_nothing(rig: Rig) -> None:
    before = len(rig.volumes.list())
    with pytest.raises(MooringError):
        await rig.engine.create("web", _request(Volumes={"/data": {}}, HostConfig={"VolumesFrom": ["nope"]}))
    assert await rig.engine.list(all=True) == []
    assert len(rig.volumes.list()) == before
    await rig.engine.create("web", _request())


async def test_a_name_is_taken_once(rig: Rig) -> None:
    first, _ = await rig.engine.create("web", _request())
    with pytest.raises(Conflict, match=rf'"/web" is already in use by container "{first}"'):
        await rig.engine.create("/web", _request())


async def test_an_operation_key_makes_one_container(rig: Rig) -> None:
    first = await rig.engine.create("", _request(), operation="job-1")
    assert await rig.engine.create("", _request(), operation="job-1") == (first[0], [])
    assert len(await rig.engine.list(all=True)) == 1


async def test_ids_resolve_by_unique_prefix_only(rig: Rig) -> None:
    ids = [(await rig.engine.create("", _request()))[0] for _ in range(17)]
    inspected = await rig.engine.inspect(ids[0][:12])
    assert inspected["Id"] == ids[0]
    shared = next(digit for digit in "0123456789abcdef" if sum(item.startswith(digit) for item in ids) > 1)
    with pytest.raises(MooringError, match=r"[Mm]ultiple IDs found with provided prefix"):
        await rig.engine.inspect(shared)
