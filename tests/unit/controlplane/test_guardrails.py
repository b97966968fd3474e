"""What a member may not ask for, in every spelling Docker accepts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.audit.models import AuditEntry
from controlplane.fleet.models import Host
from controlplane.workloads.guardrails import (
    build_unconfined_reasons,
    exec_unconfined_reasons,
    network_unconfined_reasons,
    unconfined_reasons,
    volume_unconfined_reasons,
)
from wire.engine.containers import CreateRequest
from wire.engine.shape import decode

UNCONFINED: list[dict[str, Any]] = [
    {"Privileged": True}, {"privileged": True}, {"NetworkMode": "host"}, {"PidMode": "host"}, {"IpcMode": "host"},
    {"UTSMode": "host"}, {"UsernsMode": "host"}, {"CgroupnsMode": "host"}, {"Binds": ["/:/host"]},
    {"Binds": ["/var/run/docker.sock:/s:ro"]}, {"Mounts": [{"Type": "bind", "Source": "/etc", "Target": "/e"}]},
    {"Mounts": [{"Type": "volume", "Target": "/e", "VolumeOptions": {"DriverConfig": {
        "Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}}}]},
    {"CapAdd": ["SYS_ADMIN"]}, {"CapAdd": ["ALL"]}, {"CapAdd": ["CAP_SYS_PTRACE"]},
    {"Devices": [{"PathOnHost": "/dev/sda"}]}, {"DeviceCgroupRules": ["a *:* rwm"]},
    {"SecurityOpt": ["seccomp=unconfined"]}, {"SecurityOpt": ["apparmor:unconfined"]}, {"CgroupParent": "/"},
    {"Sysctls": {"kernel.shm": "1"}}, {"MaskedPaths": []}, {"ReadonlyPaths": []},
    {"VolumesFrom": ["other"]},
]  # fmt: skip
CONFINED: list[dict[str, Any]] = [
    {}, {"Privileged": False, "NetworkMode": "default"}, {"Binds": ["data:/data:ro"]}, {"CapDrop": ["ALL"]},
    {"CapAdd": ["NET_BIND_SERVICE", "cap_chown"]}, {"SecurityOpt": ["no-new-privileges:true"]},
    {"Mounts": [{"Type": "tmpfs", "Target": "/t"}, {"Type": "volume", "Source": "data", "Target": "/d"}]},
    {"NetworkMode": "container:abc", "Memory": 1 << 20},
    {"MaskedPaths": None}, {"MaskedPaths": ["/proc/acpi"]}, {"Devices": [], "Sysctls": {}},
]  # fmt: skip


@pytest.mark.parametrize("host_config", UNCONFINED, ids=str)
def test_unconfined_is_seen(host_config: dict[str, Any]) -> None:
    assert unconfined_reasons({"Image": "busybox", "HostConfig": host_config})
    assert unconfined_reasons({"hostconfig": host_config})


@pytest.mark.parametrize("host_config", UNCONFINED, ids=str)
def test_it_is_seen_in_the_very_value_that_is_sent(host_config: dict[str, Any]) -> None:
    typed = decode(msgspec.json.encode({"Image": "busybox", "HostConfig": host_config}), CreateRequest)
    assert unconfined_reasons(msgspec.to_builtins(typed))
    assert unconfined_reasons(msgspec.json.decode(msgspec.json.encode(typed)))


@pytest.mark.parametrize("host_config", CONFINED, ids=str)
def test_ordinary_containers_are_not_hindered(host_config: dict[str, Any]) -> None:
    assert unconfined_reasons({"Image": "busybox", "HostConfig": host_config}) == []
    typed = decode(msgspec.json.encode({"Image": "busybox", "HostConfig": host_config}), CreateRequest)
    assert unconfined_reasons(msgspec.to_builtins(typed)) == []


def test_other_doors() -> None:
    assert exec_unconfined_reasons({"Privileged": True})
    assert not exec_unconfined_reasons({"Cmd": ["sh"]})
    assert volume_unconfined_reasons({"DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}})
    assert not volume_unconfined_reasons({"DriverOpts": {"type": "tmpfs", "device": "tmpfs"}})
    assert not volume_unconfined_reasons({"driveropts": {"type": "tmpfs", "device": "x", "o": "size=1m,noexec,uid=1"}})
    for words in ("bind", "ro,bind", "rbind", "size=1m,remount"):  # to mount(2) these are no new file system
        assert volume_unconfined_reasons({"DriverOpts": {"type": "tmpfs", "device": "/etc", "o": words}})
    assert not volume_unconfined_reasons({"Name": "data", "DriverOpts": None})
    assert build_unconfined_reasons({"networkmode": ["host"]})
    assert build_unconfined_reasons({"networkmode": ["container:web"]})
    assert not build_unconfined_reasons({"networkmode": ["default"], "t": ["x"]})


@pytest.mark.parametrize(("body", "reason"), [
    ({"Name": "a"}, ""), ({"Driver": "bridge", "Options": {"com.docker.network.driver.mtu": "1400"}}, ""),
    ({"IPAM": {"Config": [{"Subnet": "172.28.0.0/16"}, {"Subnet": "fd00:1::/64"}]}}, ""),
    ({"IPAM": {"Config": [{"Subnet": "nonsense"}]}}, ""),
    ({"driver": "macvlan", "options": {"parent": "eth0"}}, "network driver macvlan"),
    ({"Options": {"com.docker.network.bridge.name": "br0"}}, "a bridge of the host"),
    ({"ConfigOnly": True, "Options": {"com.docker.network.bridge.name": "br0"}}, "a bridge of the host"),
    ({"ipam": {"config": [{"subnet": "10.0.0.0/24"}, {"subnet": "8.8.8.0/24"}]}}, "public subnet 8.8.8.0/24"),
    ({"IPAM": {"Config": [{"Subnet": "0.0.0.0/1"}]}}, "public subnet 0.0.0.0/1"),
], ids=str)  # fmt: skip
def test_networks_stay_on_their_own_bridge(body: dict[str, Any], reason: str) -> None:
    assert network_unconfined_reasons(body) == ([reason] if reason else [])


@pytest.mark.django_db(transaction=True)  # the guard writes from a thread of its own
def test_the_dashboard_has_the_same_guard_rails(
    host: Host, admin: User, member: User, client_of: Callable[..., Client], post: Callable[..., Any],
    sent: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("controlplane.orchestrator.actions.client", lambda: SimpleNamespace(run=asyncio.run))
    wanted = {"host": "fra1", "image": "busybox", "volumes": [{"source": "/etc", "target": "/e"}]}
    refused = post(client_of(member), "/api/v1/containers", wanted)
    assert refused.status_code == 403
    assert sent == []
    assert AuditEntry.objects.get(decision="denied").detail.startswith("permission denied")
    assert post(client_of(admin), "/api/v1/containers", wanted).status_code == 202
    anonymous = {**wanted, "volumes": [{"source": "", "target": "/e"}]}
    assert post(client_of(member), "/api/v1/containers", anonymous).status_code == 202
    assert AuditEntry.objects.filter(action="container.change", decision="allowed").count() == 2


def test_a_bad_item_of_a_list_is_named_by_its_place(
    admin: User, client_of: Callable[..., Client], post: Callable[..., Any]
) -> None:
    refused = post(client_of(admin), "/api/v1/containers", {"image": "busybox", "env": ["A=b", {}]})
    assert refused.status_code == 400
    assert refused.json()["error"]["fields"] == {"env": {"1": ["Not a valid string."]}}
