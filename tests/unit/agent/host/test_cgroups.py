"""Layouts and groups, on directories and mount tables made for the test."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.host import cgroups, mounts
from agent.host.cgroups import Cgroup, Hierarchy, Layout


def v1(mountpoint: Path | str, *controllers: str, root: str = "/") -> Hierarchy:
    return Hierarchy(str(mountpoint), root, controllers, unified=False)


def v2(mountpoint: Path | str, root: str = "/") -> Hierarchy:
    return Hierarchy(str(mountpoint), root, (), unified=True)


@pytest.mark.parametrize(
    ("hierarchies", "kind", "version"),
    [((v2("/c"),), "v2", 2), ((v1("/m", "memory"),), "v1", 1), ((v1("/m", "memory"), v2("/u")), "hybrid", 1)],
)
def test_kinds(hierarchies: tuple[Hierarchy, ...], kind: str, version: int) -> None:
    assert (Layout(hierarchies).kind, Layout(hierarchies).version) == (kind, version)


def test_directories_follow_the_mounts_root() -> None:
    layout = Layout((v1("/c/cpu,cpuacct", "cpu", "cpuacct"), v1("/c/memory", "memory", root="/docker/x"), v2("/c/u")))
    assert layout.directory("cpuacct", "/mooring/1") == "/c/cpu,cpuacct/mooring/1"
    assert layout.directory("memory", "/docker/x/mooring/1") == "/c/memory/mooring/1"
    assert layout.directory(cgroups.UNIFIED, "/mooring/1") == "/c/u/mooring/1"
    assert layout.directory("pids", "/") is None


def test_the_layout_is_read_from_mountinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    def mount(point: str, fstype: str, *options: str) -> mounts.Mount:
        return mounts.Mount(1, 1, "/", point, ("rw",), fstype, "cgroup", ("rw", *options), ())

    table = [
        mount("/", "ext4"), mount("/c/cpu,cpuacct", "cgroup", "cpu", "cpuacct"),
        mount("/c/systemd", "cgroup", "xattr", "name=systemd"),
        mount("/c/unified", "cgroup2", "nsdelegate"), mount("/nested/cpu", "cgroup", "cpu", "cpuacct"),
    ]  # fmt: skip
    monkeypatch.setattr(mounts, "iter_mounts", lambda pid: iter(table))
    layout = cgroups.read_layout()
    assert layout == Layout(
        (v1("/c/cpu,cpuacct", "cpu", "cpuacct"), v1("/c/systemd", "name=systemd"), v2("/c/unified"))
    )


def test_leftovers_are_only_a_hybrid_hosts(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("hugetlb rdma\n")
    assert cgroups.leftover_controllers(Layout((v1("/m", "memory"), v2(tmp_path)))) == ("hugetlb", "rdma")
    assert cgroups.leftover_controllers(Layout((v2(tmp_path),))) == ()


def group(path: Path, *pids: int, **files: str) -> Path:
    path.mkdir(parents=True)
    (path / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)
    return path


def test_pids_are_those_of_the_whole_tree(tmp_path: Path) -> None:
    group(tmp_path / "g", 10, 11)
    group(tmp_path / "g" / "child", 12)
    assert sorted(Cgroup({"unified": str(tmp_path / "g")}).pids()) == [10, 11, 12]


def test_a_group_that_is_nobodys_has_no_pids_and_no_directory() -> None:
    assert Cgroup({}).pids() == []
    assert Cgroup({}).kill() == 0
    assert Cgroup({}).remove() == []


async def test_freezing_version_2_waits_for_the_event(tmp_path: Path) -> None:
    directory = group(tmp_path / "g", cgroup__freeze="0", cgroup__events="populated 1\nfrozen 0\n")
    cgroup = Cgroup({"unified": str(directory)})
    freezing = asyncio.create_task(cgroup.set_frozen(True))
    await asyncio.sleep(0.02)
    assert (directory / "cgroup.freeze").read_text() == "1"
    assert not freezing.done()
    (directory / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    assert await freezing
    assert cgroup.is_frozen()


async def test_a_group_that_does_not_freeze_is_thawed(tmp_path: Path) -> None:
    directory = group(tmp_path / "g", cgroup__freeze="0", cgroup__events="populated 1\nfrozen 0\n")
    assert not await Cgroup({"unified": str(directory)}).set_frozen(True, timeout_s=0.01)
    assert (directory / "cgroup.freeze").read_text() == "0"


async def test_freezing_version_1_asks_again_while_it_is_stuck(tmp_path: Path) -> None:
    directory = group(tmp_path / "g", freezer__state="THAWED")
    cgroup = Cgroup({"freezer": str(directory)})
    assert await cgroup.set_frozen(True)
    assert (directory / "freezer.state").read_text() == "FROZEN"
    assert cgroup.is_frozen()


def test_version_1_tells_oom_kills(tmp_path: Path) -> None:
    directory = group(tmp_path / "g", memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert Cgroup({"memory": str(directory)}).oom_kills() == 2


def test_a_group_that_is_nowhere_is_killed_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Cgroup({}).kill() == 0
    assert list(tmp_path.iterdir()) == []


def test_who_is_frozen_in_version_1_is_thawed_to_be_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(cgroups.os, "kill", lambda pid, _: killed.append(pid))
    group(tmp_path / "g")
    child = group(tmp_path / "g" / "child", 12, freezer__state="FROZEN")
    assert Cgroup({"freezer": str(tmp_path / "g")}).kill() == 1
    assert killed == [12]
    assert (child / "freezer.state").read_text() == "THAWED"
