"""Control groups as files: which hierarchies the host has, where a process is in them, and what to do with its group.

Three layouts exist. `v2`: one tree at /sys/fs/cgroup. `v1`: one tree per controller. `hybrid`: v1 trees plus an unused
v2 tree at /sys/fs/cgroup/unified. In a hybrid layout a controller nobody mounted stays on the v2 tree; crun refuses to
run then, so such leftovers can be mounted as v1.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from agent.host import mounts

__all__ = ["UNIFIED", "Cgroup", "Hierarchy", "Layout", "leftover_controllers", "mount_leftovers", "read_layout"]

UNIFIED: Final = "unified"
"""Key of the v2 tree among a process's paths; v1 trees go by controller name, as `memory`."""

_CONTROLLERS: Final = frozenset(
    "cpu cpuacct cpuset memory devices freezer blkio pids hugetlb net_cls net_prio perf_event rdma misc".split()
)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted tree. `controllers` is empty for v2; a named v1 tree has its name (`name=systemd`)."""

    mountpoint: str
    root: str
    controllers: tuple[str, ...]
    unified: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The host's hierarchies, read once at start: they do not change under a running host."""

    hierarchies: tuple[Hierarchy, ...]

    @property
    def kind(self) -> Literal["v1", "hybrid", "v2"]:
        unified = any(h.unified for h in self.hierarchies)
        if all(h.unified for h in self.hierarchies):
            return "v2"
        return "hybrid" if unified else "v1"

    @property
    def version(self) -> int:
        """1 or 2: which files hold the limits."""
        return 2 if self.kind == "v2" else 1

    def directory(self, key: str, path: str) -> str | None:
        """Directory of cgroup `path` in the tree of a controller (or UNIFIED); None when there is no such tree."""
        for hierarchy in self.hierarchies:
            if (key == UNIFIED and hierarchy.unified) or key in hierarchy.controllers:
                relative = path.removeprefix(hierarchy.root) if hierarchy.root != "/" else path
                return f"{hierarchy.mountpoint}/{relative.strip('/')}"
        return None

    def cgroup_of(self, pid: int | str) -> Cgroup:
        """The groups a process is in, from /proc/PID/cgroup. Raises FileNotFoundError or ProcessLookupError."""
        directories: dict[str, str] = {}
        with open(f"/proc/{pid}/cgroup") as lines:
            for line in lines:
                _, names, path = line.rstrip("\n").split(":", 2)
                for key in names.split(",") if names else (UNIFIED,):
                    directory = self.directory(key, path)
                    if directory is not None:
                        directories[key] = directory
        return Cgroup(directories)


def read_layout(mountinfo_pid: int | str = "self") -> Layout:
    """Find the cgroup mounts."""
    found: dict[str, Hierarchy] = {}
    for mount in mounts.iter_mounts(mountinfo_pid):
        if mount.fstype == "cgroup2":
            found[mount.mountpoint] = Hierarchy(mount.mountpoint, mount.root, (), unified=True)
        elif mount.fstype == "cgroup":
            names = tuple(o for o in mount.super_options if o in _CONTROLLERS or o.startswith("name="))
            found[mount.mountpoint] = Hierarchy(mount.mountpoint, mount.root, names, unified=False)
    # Bind mounts of the same trees elsewhere (a nested container) come later and must not win.
    unique: dict[tuple[tuple[str, ...], bool], Hierarchy] = {}
    for hierarchy in found.values():
        unique.setdefault((hierarchy.controllers, hierarchy.unified), hierarchy)
    return Layout(tuple(unique.values()))


def leftover_controllers(layout: Layout) -> tuple[str, ...]:
    """Controllers still on the v2 tree of a hybrid host, which crun refuses to run with."""
    if layout.kind != "hybrid":
        return ()
    unified = next(h.mountpoint for h in layout.hierarchies if h.unified)
    return tuple(Path(unified, "cgroup.controllers").read_text().split())


def mount_leftovers(layout: Layout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Mount each leftover controller as a v1 tree beside the others; returns (mounted, refused). Safe to repeat.

    The kernel refuses (EBUSY) while a group of the v2 tree uses the controller.
    """
    mounted: list[str] = []
    refused: list[str] = []
    base = Path(next((h.mountpoint for h in layout.hierarchies if not h.unified), "/sys/fs/cgroup/x")).parent
    for controller in leftover_controllers(layout):
        target = base / controller
        try:
            target.mkdir(exist_ok=True)
            mounts.mount("cgroup", target, "cgroup", data=controller)
            mounted.append(controller)
        except OSError:
            with suppress(OSError):
                target.rmdir()
            refused.append(controller)
    return tuple(mounted), tuple(refused)


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One container's group: a directory per tree it is in."""

    directories: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        return 1 if any(key != UNIFIED for key in self.directories) else 2

    def read(self, key: str, name: str) -> str | None:
        """Content of a file of controller `key` (on v2 any key means the one tree); None when it is not there."""
        directory = self.directories.get(key) or self.directories.get(UNIFIED)
        if directory is None:
            return None
        try:
            with open(f"{directory}/{name}") as handle:
                return handle.read()
        except OSError:
            return None

    def write(self, key: str, name: str, text: str) -> None:
        """Write a file of controller `key`; nothing when there is none."""
        if directory := self.directories.get(key) or self.directories.get(UNIFIED):
            with suppress(FileNotFoundError):
                Path(directory, name).write_text(text)

    def read_number(self, key: str, name: str) -> int | None:
        """The same as a number; None for `max` or when it is not there."""
        text = self.read(key, name)
        try:
            return None if text is None else int(text)
        except ValueError:
            return None

    def read_pairs(self, key: str, name: str) -> dict[str, int]:
        """A flat-keyed file (`memory.stat`); empty when it is not there."""
        pairs: dict[str, int] = {}
        for line in (self.read(key, name) or "").splitlines():
            word, _, value = line.partition(" ")
            with suppress(ValueError):
                pairs[word] = int(value)
        return pairs

    def oom_kills(self) -> int:
        """How many processes of the group the kernel killed for want of memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return self.read_pairs("memory", name).get("oom_kill", 0)

    def pids(self) -> list[int]:
        """Every process in the group and below, from the tree that surely holds them all."""
        found: list[int] = []
        for directory in self._walk(self._main()):
            with suppress(OSError), open(f"{directory}/cgroup.procs") as handle:
                found += [int(line) for line in handle]
        return found

    def _main(self) -> str:
        for key in ("pids", "memory", "freezer", UNIFIED):
            if key in self.directories:
                return self.directories[key]
        return next(iter(self.directories.values()), "")

    @staticmethod
    def _walk(directory: str) -> Iterator[str]:
        for path, _, _ in os.walk(directory):
            yield path

    def kill(self) -> int:
        """SIGKILL everything in it; returns how many were found. A forking group needs several rounds: see `empty`."""
        if not self._main():
            return 0
        if self.version == 2:
            with suppress(OSError):  # since Linux 5.14: atomic, also against forks
                Path(self._main(), "cgroup.kill").write_text("1")
                return len(self.pids())
        pids = self.pids()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if pids and "freezer" in self.directories:
            for directory in self._walk(self.directories["freezer"]):
                with suppress(OSError):  # in v1 not even SIGKILL ends who is frozen; the root group has no state
                    Path(directory, "freezer.state").write_text("THAWED")
        return len(pids)

    async def empty(self, timeout_s: float = 10.0) -> bool:
        """Kill until nothing is left; False when something (uninterruptible, say) stays."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        pause_s = 0.001
        while self.kill():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.1)
        return True

    async def set_frozen(self, frozen: bool, timeout_s: float = 10.0) -> bool:
        """Freeze or thaw; returns whether the kernel got there in time (a failed freeze is thawed again).

        A v1 group can stay in FREEZING for ever: a thread inside execve(2) waits, unfreezably, for its siblings to die,
        and they are frozen already (runc's multi-threaded init is such a process for a moment). Only a thaw lets them
        go, so a freeze that has not succeeded is taken back and asked again, with longer and longer breaths between.
        """
        if self.version == 1:
            event, wanted, thawed = "freezer.state", "FROZEN" if frozen else "THAWED", "THAWED"
            command, asked = "freezer.state", wanted
        else:
            event, wanted, thawed = "cgroup.events", f"frozen {int(frozen)}", "0"
            command, asked = "cgroup.freeze", str(int(frozen))
        file = Path(self.directories.get("freezer") or self._main(), command)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        file.write_text(asked)
        pause_s, patience_s = 0.0005, 0.02
        asked_at = loop.time()
        while wanted not in (state := self.read("freezer", event) or ""):
            now = loop.time()
            if not state:
                return False  # the group is gone: its last process has ended
            if now > deadline:
                if frozen:
                    file.write_text(thawed)
                return False
            if frozen and self.version == 1 and now - asked_at > patience_s:
                file.write_text(thawed)
                await asyncio.sleep(patience_s / 2)
                file.write_text(asked)
                asked_at, pause_s, patience_s = loop.time(), 0.0005, min(patience_s * 2, 0.5)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.05)
        return True

    def is_frozen(self) -> bool:
        """Whether it is frozen now."""
        if self.version == 1:
            return (self.read("freezer", "freezer.state") or "").strip() in ("FROZEN", "FREEZING")
        return (self.read(UNIFIED, "cgroup.freeze") or "").strip() == "1"

    def remove(self) -> list[str]:
        """Remove the (empty) group from every tree; returns what could not be removed. Safe to repeat.

        The caller has emptied it: a group with processes is refused by the kernel (EBUSY).
        """
        stuck: list[str] = []
        for directory in dict.fromkeys(self.directories.values()):
            for path in sorted(self._walk(directory), key=len, reverse=True):
                try:
                    os.rmdir(path)
                except FileNotFoundError:
                    continue
                except OSError:
                    stuck.append(path)
        return stuck
