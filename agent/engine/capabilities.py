"""Capabilities: the kernel's names, Docker's default set, and the sums of --cap-add, --cap-drop and --privileged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from wire.errors import Invalid

__all__ = ["ALL", "DEFAULT", "capabilities_for", "normalise_capabilities"]

ALL = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
        "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
        "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
        "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    ).split()
)
"""In the kernel's order (linux/capability.h)."""

DEFAULT = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
        "AUDIT_WRITE"
    ).split()
)
"""Docker's fourteen (docs.docker.com, runtime privilege and Linux capabilities)."""


@cache
def _known_here() -> tuple[str, ...]:
    """Those of `ALL` that this kernel has and we may give: our own bounding set."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("CapBnd:"):
                bounding = int(line.split()[1], 16)
                return tuple(name for bit, name in enumerate(ALL) if bounding >> bit & 1)
    return ALL


def normalise_capabilities(field: str, names: Iterable[str]) -> list[str]:
    """Upper case with `CAP_`; ALL stays ALL. Invalid with Docker's text for an unknown one."""
    normal: list[str] = []
    for given in names:
        name = given.upper()
        if name in ("ALL", "CAP_ALL"):
            normal.append("ALL")
            continue
        if not name.startswith("CAP_"):
            name = f"CAP_{name}"
        if name not in ALL:
            raise Invalid(f'invalid {field}: unknown capability: "{name}"')
        if name not in _known_here():
            why = "capability not supported by your kernel or not available in the current environment"
            raise Invalid(f'invalid {field}: {why}: "{name}"')
        normal.append(name)
    return normal


def capabilities_for(add: Sequence[str], drop: Sequence[str], *, privileged: bool) -> tuple[str, ...]:
    """The set a process gets, by Docker's sums: drop from the default set, then add; `add ALL` starts full."""
    if privileged:
        return _known_here()
    added, dropped = normalise_capabilities("CapAdd", add), normalise_capabilities("CapDrop", drop)
    if "ALL" in added:
        chosen: Sequence[str] = [name for name in _known_here() if name not in dropped]
    elif "ALL" in dropped:
        chosen = added
    else:
        chosen = [name for name in DEFAULT if name not in dropped] + added
    return tuple(dict.fromkeys(chosen))
