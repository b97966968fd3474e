"""The OCI configuration made of a sandbox spec."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from agent.ports.runtime import Device, ProcessSpec, Resources, Rlimit, SandboxSpec, Throttle
from agent.runtime.spec import (
    INIT_PATH,
    build_config,
    build_process,
    build_resources,
    parse_device_rule,
)
from wire.errors import Invalid


def spec(**changes: Any) -> SandboxSpec:
    made = SandboxSpec(
        id="1" * 64, bundle=Path("/run/b"), rootfs=Path("/var/r"), process=ProcessSpec(args=("sh", "-c", "true"))
    )
    return dataclasses.replace(made, **changes)


def config(made: SandboxSpec, **options: Any) -> dict[str, Any]:
    return build_config(made, **{"cgroups_path": "/p/1", "cgroup_version": 1, "seccomp": None, **options})


def test_a_process_with_everything() -> None:
    process = ProcessSpec(
        args=("id",), env=("A=b",), cwd="/w", uid=5, gid=6, additional_gids=(7,), tty=True, console_rows=3,
        console_columns=4, capabilities=("CAP_KILL",), ambient_capabilities=("CAP_KILL",), no_new_privileges=True,
        rlimits=(Rlimit(name="nofile", soft=1, hard=2),), oom_score_adj=0, apparmor_profile="p", umask=0o22,
    )  # fmt: skip
    assert build_process(process) == {
        "terminal": True,
        "user": {"uid": 5, "gid": 6, "additionalGids": [7], "umask": 0o22},
        "args": ["id"],
        "env": ["A=b"],
        "cwd": "/w",
        "capabilities": {
            name: ["CAP_KILL"] for name in ("bounding", "effective", "permitted", "inheritable", "ambient")
        },
        "noNewPrivileges": True,
        "consoleSize": {"height": 3, "width": 4},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}],
        "oomScoreAdj": 0,
        "apparmorProfile": "p",
    }


def test_no_capability_is_inherited_by_default() -> None:
    held = build_process(ProcessSpec(args=("id",), capabilities=("CAP_KILL",)))["capabilities"]
    assert "inheritable" not in held
    assert "ambient" not in held


def test_names_live_in_their_namespace() -> None:
    made = config(spec(hostname="h", domainname="d", namespaces={"uts": None, "network": "/run/ns", "mount": None}))
    assert made["hostname"] == "h"
    assert made["linux"]["sysctl"] == {"kernel.domainname": "d"}
    assert made["linux"]["namespaces"] == [{"type": "mount"}, {"type": "uts"}, {"type": "network", "path": "/run/ns"}]
    hosts = config(spec(hostname="h", domainname="d"))
    assert "hostname" not in hosts
    assert "sysctl" not in hosts["linux"]


def test_no_hook_and_no_annotation_of_its_own() -> None:
    assert {"hooks", "annotations"}.isdisjoint(config(spec()))
    given = {"a": "b", "run.oci.seccomp_bpf_data": "x"}
    assert config(spec(annotations=given), annotations={"c": "d"})["annotations"] == {"a": "b", "c": "d"}


def test_devices_are_refused_but_for_dockers_six() -> None:
    rules = config(spec(device_cgroup_rules=("c 42:* rmw",)))["linux"]["resources"]["devices"]
    assert rules[0] == {"allow": False, "access": "rwm"}
    allowed = [(r["type"], r["major"], r.get("minor"), r["access"]) for r in rules[1:] if r["allow"]]
    assert allowed == [("c", ma, mi, "rwm") for ma, mi in ((1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1))] + [
        ("c", 42, None, "rmw")
    ]
    assert {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"} in rules


def test_a_device_is_made_and_allowed_as_asked() -> None:
    made = config(spec(devices=(Device(host_path="/dev/null", container_path="/dev/mine", permissions="r"),)))["linux"]
    (device,) = made["devices"]
    assert (device["path"], device["type"], device["major"], device["minor"]) == ("/dev/mine", "c", 1, 3)
    assert {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"} in made["resources"]["devices"]


def test_a_privileged_container_has_every_device() -> None:
    made = config(spec(all_devices=True))["linux"]
    paths = {device["path"] for device in made["devices"]}
    assert {"/dev/null", "/dev/zero"} <= paths
    assert not any(path.startswith(("/dev/pts/", "/dev/shm/", "/dev/mqueue/")) for path in paths)
    assert made["resources"]["devices"] == [{"allow": True, "access": "rwm"}]


@pytest.mark.parametrize("path", ["/dev/nosuch", "/etc/hostname"])
def test_what_is_no_device_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="error gathering device information while adding custom device"):
        config(spec(devices=(Device(host_path=path, container_path="/dev/x"),)))


def test_a_directory_stands_for_the_devices_in_it(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=f'custom device "{tmp_path}": not a device node'):
        config(spec(devices=(Device(host_path=str(tmp_path), container_path="/dev/x"),)))
    with pytest.raises(Invalid, match='custom device "": no such file or directory'):
        config(spec(devices=(Device(host_path="", container_path="/dev/x"),)))
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(Invalid, match="not a device node"):
        config(spec(devices=(Device(host_path=str(tmp_path), container_path="/dev/x"),)))


@pytest.mark.parametrize(
    "text", ["", "c", "x 1:2 r", "c 1 r", "c 1:b r", "c 1:2 ", "c 1:2 rx", "c 1:2 r w", "c 1:2:3 r"]
)
def test_a_bad_device_rule_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_device_rule(text)
    assert caught.value.message == f"invalid device cgroup rule format: '{text}'"


def test_limits() -> None:
    limits = Resources(
        memory_bytes=100, memory_swap_bytes=-1, memory_reservation_bytes=50, memory_swappiness=0, oom_kill_disable=True,
        nano_cpus=1_500_000_000, cpu_shares=10, cpuset_cpus="0-1", pids_limit=-1, blkio_weight=300,
    )  # fmt: skip
    assert build_resources(limits, 1) == {
        "memory": {"limit": 100, "reservation": 50, "swap": -1, "swappiness": 0, "disableOOMKiller": True},
        "cpu": {"shares": 10, "period": 100_000, "quota": 150_000, "cpus": "0-1"},
        "blockIO": {"weight": 300},
    }
    assert build_resources(limits, 2)["memory"] == {"limit": 100, "reservation": 50, "swap": -1}
    assert "swap" not in build_resources(limits, 1, swap_accounting=False)["memory"]
    assert build_resources(Resources(), 2) == {}


def test_a_throttle_names_its_device_by_number() -> None:
    made = build_resources(Resources(blkio_read_bps=(Throttle(path="/dev/null", rate=7),)), 1)
    assert made == {"blockIO": {"throttleReadBpsDevice": [{"major": 1, "minor": 3, "rate": 7}]}}
    with pytest.raises(Invalid, match="no such file or directory"):
        build_resources(Resources(blkio_write_iops=(Throttle(path="/dev/nosuch", rate=7),)), 1)


def test_an_init_wraps_the_command() -> None:
    made = config(spec(init=True), init_binary=Path("/usr/bin/tini-static"))
    assert made["process"]["args"] == [INIT_PATH, "--", "sh", "-c", "true"]
    (mount,) = made["mounts"]
    assert (mount["destination"], mount["source"], mount["options"]) == (
        INIT_PATH,
        "/usr/bin/tini-static",
        ["bind", "ro"],
    )
    with pytest.raises(Invalid, match="install the package tini"):
        config(spec(init=True))
