"""What of this host a container engine could leave behind, as comparable sets.

A test takes a snapshot before and asserts that nothing is new afterwards. Only what carries one of the given marks (a
directory, an instance's short id) counts, so that other programs of the machine may go on working meanwhile.
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
    cgroups: frozenset[str]

    def added_since(self, before: HostState) -> dict[str, list[str]]:
        """What is here now and was not before, by kind; empty when nothing is."""
        return {
            field.name: sorted(new)
            for field in fields(self)
            if (new := getattr(self, field.name) - getattr(before, field.name))
        }


def snapshot(*marks: str) -> HostState:
    """Read the host. `marks` are parts of the names (command lines, paths, links, tables, cgroups) that are ours."""

    def ours(text: str) -> bool:
        return any(mark in text for mark in marks)

    return HostState(
        processes=frozenset(filter(ours, _processes())),
        mounts=frozenset(filter(ours, _mount_points())),
        links=frozenset(filter(ours, _links())),
        tables=frozenset(filter(ours, _output("nft", "list", "tables").splitlines())),
        cgroups=frozenset(filter(ours, _cgroups())),
    )


def wait_until_unchanged(before: HostState, *marks: str, limit_s: float = 60) -> dict[str, list[str]]:
    """What is still new when the limit is reached; returns an empty dict as soon as nothing is."""
    deadline = time.monotonic() + limit_s
    while (added := snapshot(*marks).added_since(before)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return added


def _processes() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if (entry / "comm").read_text().strip() in _MONITORS:
                found.append(f"{entry.name} {command}")
    return found


def _mount_points() -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _links() -> list[str]:
    return [entry.name for entry in Path("/sys/class/net").iterdir()]


def _cgroups() -> list[str]:
    roots = [Path("/sys/fs/cgroup"), *(p for p in Path("/sys/fs/cgroup").glob("*") if p.is_dir())]
    return [str(group) for root in roots for group in root.glob("mooring-*") if group.is_dir()]


def _output(*command: str) -> str:
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return ""
