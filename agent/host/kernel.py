"""Facts about this host's kernel, each asked of the kernel itself; nothing is inferred from a distribution's name."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from pathlib import Path

__all__ = [
    "apparmor_enabled", "boot_id", "capabilities_known", "filesystems", "kernel_version", "oci_architecture",
    "seccomp_filter_available", "selinux_enabled",
]  # fmt: skip


def kernel_version() -> tuple[int, int]:
    """(major, minor) of the running kernel."""
    match = re.match(r"(\d+)\.(\d+)", platform.release())
    return (int(match[1]), int(match[2])) if match else (0, 0)


def boot_id() -> str:
    """Changes at every boot: a pid noted under another boot id means nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def filesystems() -> frozenset[str]:
    """File systems the kernel has now (one in an unloaded module is not among them)."""
    return frozenset(line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines())


def seccomp_filter_available() -> bool:
    """Whether the kernel takes seccomp filters."""
    with suppress(OSError):
        return "kill_process" in Path("/proc/sys/kernel/seccomp/actions_avail").read_text()
    return False


def apparmor_enabled() -> bool:
    """Whether AppArmor confines anything here."""
    with suppress(OSError):
        return Path("/sys/module/apparmor/parameters/enabled").read_text().strip() == "Y"
    return False


def selinux_enabled() -> bool:
    """Whether SELinux is enforcing or permissive."""
    return os.path.exists("/sys/fs/selinux/enforce")


def capabilities_known() -> int:
    """The highest capability number of this kernel."""
    return int(Path("/proc/sys/kernel/cap_last_cap").read_text())


def oci_architecture() -> str:
    """Go's name of this machine's architecture, as images and Docker use it."""
    machine = platform.machine()
    names = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386", "ppc64le": "ppc64le"}
    return names.get(machine, machine)
