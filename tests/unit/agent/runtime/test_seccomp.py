"""Seccomp rules as Docker makes them, and the cache of compiled filters."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from agent.runtime import seccomp, seccomp_data
from agent.runtime.seccomp import FilterCache, build_section
from wire.errors import Invalid

Rule = tuple[str, str, int | None, tuple[tuple[int, int, str], ...]]


def rules(section: seccomp.Section | None) -> set[Rule]:
    assert section is not None
    return {
        (name, rule["action"], rule.get("errnoRet"),
         tuple((a["index"], a["value"], a["op"]) for a in rule.get("args", ())))
        for rule in section["syscalls"]
        for name in rule["names"]
    }  # fmt: skip


def build(*capabilities: str, profile: str = "default", architecture: str = "amd64") -> set[Rule]:
    return rules(build_section(profile, capabilities, architecture=architecture, kernel=(6, 1)))


def allowed(name: str) -> Rule:
    return (name, "SCMP_ACT_ALLOW", None, ())


def test_namespaces_need_sys_admin() -> None:
    plain, admin = build(), build("CAP_SYS_ADMIN")
    assert ("clone", "SCMP_ACT_ALLOW", None, ((0, 0x7E020000, "SCMP_CMP_MASKED_EQ"),)) in plain
    assert ("clone3", "SCMP_ACT_ERRNO", 38, ()) in plain
    assert allowed("unshare") not in plain
    assert allowed("mount") not in plain
    assert {allowed("unshare"), allowed("clone"), allowed("clone3"), allowed("mount"), allowed("bpf")} <= admin
    assert not any(rule[0] == "clone3" and rule[1] == "SCMP_ACT_ERRNO" for rule in admin)


def test_every_capability_adds_its_calls_and_only_those() -> None:
    for capability, names in seccomp_data.BY_CAPABILITY.items():
        added = {rule[0] for rule in build(capability) - build()}
        assert added == {name for name in names if allowed(name) not in build()}, capability


def test_dangerous_calls_are_never_free() -> None:
    names = {rule[0] for rule in build() if not rule[3]}
    for name in ("kexec_load", "init_module", "io_uring_setup", "keyctl", "add_key", "userfaultfd", "mount", "setns",
                 "open_by_handle_at", "perf_event_open", "swapon", "reboot", "acct", "bpf", "pivot_root"):  # fmt: skip
        assert name not in names


def test_sockets_of_the_crypto_and_vm_families_are_refused() -> None:
    def may_open(family: int) -> bool:
        compare = {"SCMP_CMP_LT": family.__lt__, "SCMP_CMP_EQ": family.__eq__, "SCMP_CMP_GT": family.__gt__}
        return any(rule[0] == "socket" and all(compare[op](value) for _, value, op in rule[3]) for rule in build())

    assert [family for family in range(46) if not may_open(family)] == [38, 40]


def test_an_unconfined_container_has_no_section() -> None:
    assert build_section("unconfined", (), architecture="amd64", kernel=(6, 1)) is None


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        ({}, True),
        ({"includes": {"caps": ["CAP_A"]}}, True),
        ({"includes": {"caps": ["CAP_A", "CAP_B"]}}, False),
        ({"excludes": {"caps": ["CAP_B", "CAP_A"]}}, False),
        ({"includes": {"arches": ["amd64"]}}, True),
        ({"includes": {"arches": ["arm64"]}}, False),
        ({"excludes": {"arches": ["amd64"]}}, False),
        ({"includes": {"minKernel": "6.1"}}, True),
        ({"includes": {"minKernel": "6.2"}}, False),
        ({"excludes": {"minKernel": "5.10"}}, False),
    ],
)
def test_conditions_of_a_profile(rule: dict[str, object], applies: bool) -> None:
    document = {"defaultAction": "SCMP_ACT_KILL", "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW", **rule}]}
    assert (allowed("read") in build("CAP_A", profile=json.dumps(document))) is applies


def test_a_profile_keeps_what_it_says() -> None:
    document = {
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 3, "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "args": [{"index": 1}]}],
    }  # fmt: skip
    section = build_section(json.dumps(document), (), architecture="amd64", kernel=(6, 1))
    assert section == {
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 3, "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "args": [{"index": 1}]}],
    }  # fmt: skip


@pytest.mark.parametrize(
    "profile",
    [
        "{",
        "[]",
        '{"syscalls": [{"name": "a", "names": ["b"]}]}',
        '{"archMap": [1], "architectures": ["x"]}',
        '{"syscalls": [{"name": "a", "includes": {"minKernel": "new"}}]}',
    ],
)
def test_a_broken_profile_is_refused(profile: str) -> None:
    with pytest.raises(Invalid):
        build(profile=profile)


def test_a_filter_is_kept_by_everything_it_depends_on(tmp_path: Path) -> None:
    section, other = (
        build_section("default", caps, architecture="amd64", kernel=(6, 1)) for caps in ((), ("CAP_BPF",))
    )
    assert section is not None
    assert other is not None
    cache = FilterCache(tmp_path / "cache", "crun 1")
    key = cache.key(section)
    assert cache.find(key) is None
    program = bytes(range(16))
    cache.keep(key, program)
    again = FilterCache(tmp_path / "cache", "crun 1")
    assert again.find(key) == base64.b64encode(program).decode()
    assert again.find(cache.key(other)) is None
    assert FilterCache(tmp_path / "cache", "crun 2").key(section) != key


def test_a_damaged_or_odd_filter_is_not_used(tmp_path: Path) -> None:
    cache = FilterCache(tmp_path, "crun")
    cache.keep("a", b"123")
    assert cache.find("a") is None, "not a whole number of instructions"
    cache.keep("b", bytes(8))
    stored = tmp_path / "b.bpf"
    stored.write_bytes(stored.read_bytes()[:-1])
    assert FilterCache(tmp_path, "crun").find("b") is None


def test_the_section_beside_a_ready_filter_allows_nothing() -> None:
    assert seccomp.closed_section() == {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1}
