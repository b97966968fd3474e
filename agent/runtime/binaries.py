"""The programs on this host: OCI runtime, monitor, init. Found once at start, each asked for its version."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.host import spawn
from wire.errors import MooringError, PreconditionFailed

__all__ = ["INIT_PACKAGE", "Binary", "Programs", "find_init", "find_programs", "known_faults", "takes_rro"]

_SEARCH: Final = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_INITS: Final = ("tini-static", "docker-init", "catatonit", "tini")
INIT_PACKAGE: Final = "tini"

_FAULTS: Final = (
    ("crun", (1, 28), "CVE-2026-47766", "a hostile image may make device nodes outside its root (fixed in 1.28)"),
    (
        "runc",
        (1, 1, 12),
        "CVE-2024-21626",
        "a leaked descriptor lets an image reach the host's files (fixed in 1.1.12)",
    ),
    ("runc", (1, 1, 14), "CVE-2024-45310", "empty files can be made outside the root (fixed in 1.1.14)"),
    ("runc", (1, 2, 8), "CVE-2025-31133", "masked paths can be redirected (fixed in 1.2.8)"),
)
"""(runtime, first good version, advisory, what). Distributions repair without changing the number, so these are
findings for people, not refusals; what we rely on against them is listed beside each finding."""


@dataclass(frozen=True, slots=True)
class Binary:
    """One program: absolute path, version as it says, commit when it says one."""

    name: str
    path: str
    version: str
    commit: str = ""
    features: frozenset[str] = frozenset()

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers, for comparing."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])


@dataclass(frozen=True, slots=True)
class Programs:
    """What is used, and what else is there."""

    runtime: Binary
    monitor: Binary
    init: Path | None
    problems: tuple[str, ...] = ()
    features: str = ""  # what the runtime tells of itself, one line of JSON


def _find(name: str) -> str | None:
    if os.path.isabs(name):
        return name if os.access(name, os.X_OK) else None
    return next((f"{d}/{name}" for d in _SEARCH if os.access(f"{d}/{name}", os.X_OK)), None)


def find_init() -> Path | None:
    """A statically linked init that can be shown to any container, None when there is none.

    A dynamically linked one would need the container's own C library, so it is not taken.
    """
    for name in _INITS:
        path = _find(name)
        if path is not None and _is_static(path):
            return Path(path)
    return None


def _is_static(path: str) -> bool:
    """Whether an ELF file names no program interpreter (PT_INTERP, type 3)."""
    with open(path, "rb") as handle:
        head = handle.read(4096)
    if head[:4] != b"\x7fELF" or head[4] != 2:
        return False
    table = int.from_bytes(head[32:40], "little")
    size, count = int.from_bytes(head[54:56], "little"), int.from_bytes(head[56:58], "little")
    starts = (table + size * index for index in range(count))
    return all(int.from_bytes(head[start : start + 4], "little") != 3 for start in starts)


async def _probe(name: str) -> Binary | None:
    path = _find(name)
    if path is None:
        return None
    try:
        said = (await spawn.run([path, "--version"], timeout_s=10)).check().stdout.decode(errors="replace")
    except MooringError:
        return None
    version = re.search(r"version:? ([0-9][^\s,]*)", said)
    commit = re.search(r"commit:? ([0-9A-Za-z.+~-]+)", said)
    base = os.path.basename(path)
    features = frozenset(word[1:] for word in said.split() if re.fullmatch(r"\+[A-Z0-9_]+", word))
    return Binary(base, path, version[1] if version else "unknown", commit[1] if commit else "", features)


async def _features(runtime: Binary) -> str:
    """The runtime's `features`, "" of one that is too old for it."""
    try:
        result = (await spawn.run([runtime.path, "features"], timeout_s=10)).check()
        return json.dumps(json.loads(result.stdout), separators=(",", ":"))
    except (MooringError, ValueError):
        return ""


async def find_programs(choice: str, *, crun_usable: bool = True) -> Programs:
    """Choose the runtime: `auto` is crun, else runc. `crun_usable` is false on a host whose cgroups crun refuses.

    Raises PreconditionFailed naming the packages when something needed is missing.
    """
    problems: list[str] = []
    monitor = await _probe("conmon")
    if monitor is None:
        raise PreconditionFailed("conmon is not installed (package conmon)")
    wanted = ("crun", "runc") if choice == "auto" else (choice,)
    runtime: Binary | None = None
    for name in wanted:
        if name == "crun" and not crun_usable and choice == "auto":
            problems.append("crun cannot run with a controller left on the v2 cgroup tree; using runc")
            continue
        runtime = await _probe(name)
        if runtime is not None:
            break
    if runtime is None:
        raise PreconditionFailed(f"no OCI runtime found: install {' or '.join(wanted)}")
    if runtime.name == "runc" and choice == "auto" and crun_usable:
        problems.append("crun is not installed: containers start about three times slower with runc")
    init = find_init()
    if init is None:
        problems.append(f"no static init program for --init: install the package {INIT_PACKAGE}")
    return Programs(runtime, monitor, init, tuple(problems), await _features(runtime))


def known_faults(binary: Binary) -> list[tuple[str, str]]:
    """(advisory, what) whose repair is newer than this version's number."""
    name = "crun" if "crun" in binary.name else "runc" if "runc" in binary.name else binary.name
    return [(cve, what) for fault, fixed, cve, what in _FAULTS if fault == name and binary.number < fixed]


def takes_rro(runtime: Binary) -> bool:
    """Whether a mount may say `rro` (read-only with everything mounted below): crun from 1.8, runc from 1.1.

    By version, because crun 1.8 has no `features` to ask for."""
    return runtime.number >= ((1, 8) if "crun" in runtime.name else (1, 1))
