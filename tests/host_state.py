"""What of this host a container engine could leave behind, as comparable sets.

A test takes a snapshot before and asserts that nothing is new afterwards. Only things of the kinds we make are looked
at (our process names, mounts below our directories, our links, tables, cgroups), so that other programs of the machine
may go on working meanwhile.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import dataclass, fields
from pathlib import Path

__all__ = ["HostState", "snapshot", "wait_until_unchanged"]

_MONITORS = ("conmon", "crun", "runc", "tini", "docker-init")


@dataclass(frozen=True)
class HostState:
    """Everything that is on the host now; each field is a set of readable descriptions."""

    processes: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    tables: frozenset[str]
    namespaces: frozenset[str]
    cgroups: frozenset[str]

    def added_since(self, before: HostState) -> dict[str, list[str]]:
        """What is here now and was not before, by kind; empty when nothing is."""
        return {
            field.name: sorted(new)
            for field in fields(self)
            if (new := getattr(self, field.name) - getattr(before, field.name))
        }


def snapshot(scope: str = "mooring") -> HostState:
    """Read the host. `scope` is a part of the names (paths, tables, cgroups) that count as ours."""
    return HostState(
        processes=frozenset(_processes(scope)),
        mounts=frozenset(line for line in _mount_points() if scope in line),
        links=frozenset(name for name in _links() if name.startswith(("mo", "veth"))),
        tables=frozenset(line for line in _output("nft", "list", "tables").splitlines() if scope in line),
        namespaces=frozenset(line for line in _mount_points() if "netns" in line and scope in line),
        cgroups=frozenset(_cgroups(scope)),
    )


def wait_until_unchanged(before: HostState, limit_s: float = 20, scope: str = "mooring") -> dict[str, list[str]]:
    """What is still new when the limit is reached; returns an empty dict as soon as nothing is."""
    deadline = time.monotonic() + limit_s
    while (added := snapshot(scope).added_since(before)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return added


def _processes(scope: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            name = (entry / "comm").read_text().strip()
            if name in _MONITORS and scope in command:
                found.append(f"{entry.name} {command}")
    return found


def _mount_points() -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _links() -> list[str]:
    return [entry.name for entry in Path("/sys/class/net").iterdir()]


def _cgroups(scope: str) -> list[str]:
    roots = [Path("/sys/fs/cgroup"), *(p for p in Path("/sys/fs/cgroup").glob("*") if p.is_dir())]
    return [str(group) for root in roots for group in root.glob(f"*{scope}*") if group.is_dir()]


def _output(*command: str) -> str:
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return ""
