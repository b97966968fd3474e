"""Examines this host: what the kernel, its control groups, file systems and programs allow, and what follows from it.

Each check looks at the thing itself and never fails: what cannot be read is a finding.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from agent.host import cgroups, kernel
from agent.host.findings import Finding

__all__ = ["examine"]

_OLDEST_KERNEL: Final = (5, 10)
_LOW_DISK_BYTES: Final = 2 * 1024**3
_CAP_SYS_ADMIN, _CAP_NET_ADMIN = 21, 12


def examine(data: Path) -> list[Finding]:
    """Return everything found, worst first. `data` is the agent's data directory (or where it would be)."""
    order = {"error": 0, "warning": 1, "info": 2}
    found: list[Finding] = []
    for check in (_rights, _kernel, _cgroups, _programs, _file_systems, _networking, _confinement):
        found += _guarded(check)
    found += _guarded(lambda: _disk(data))
    return sorted(found, key=lambda finding: order[finding.severity])


def _guarded(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except (OSError, ValueError, StopIteration) as error:
        name = getattr(check, "__name__", "check").strip("_")
        return [
            Finding(
                code=f"unreadable-{name}",
                severity="warning",
                title=f"The check of {name} could not be made",
                detail=str(error),
            )
        ]


def _rights() -> Iterator[Finding]:
    effective = 0
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            effective = int(line.split()[1], 16)
    missing = [
        name
        for name, number in (("CAP_SYS_ADMIN", _CAP_SYS_ADMIN), ("CAP_NET_ADMIN", _CAP_NET_ADMIN))
        if not effective >> number & 1
    ]
    if os.geteuid() != 0 or missing:
        yield Finding(
            code="not-root",
            severity="error",
            title="The agent has not the rights to run containers",
            detail=f"uid {os.geteuid()}" + (f", without {' and '.join(missing)}" if missing else ""),
            next="run the agent as root, outside a container or in a privileged one",
        )


def _kernel() -> Iterator[Finding]:
    version = kernel.kernel_version()
    if version < _OLDEST_KERNEL:
        yield Finding(
            code="old-kernel",
            severity="error",
            title=f"Linux {version[0]}.{version[1]} is too old",
            detail="pidfds, the mount calls and overlay options that are used came by Linux 5.10",
            next="install a newer kernel",
        )


def _cgroups() -> Iterator[Finding]:
    layout = cgroups.read_layout()
    if not layout.hierarchies:
        yield Finding(
            code="no-cgroups",
            severity="error",
            title="No control groups are mounted",
            detail="limits, freezing and the killing of a container's processes need them",
            next="mount them: systemd does, or the package cgroupfs-mount",
        )
        return
    yield Finding(code="cgroup-layout", severity="info", title=f"Control groups: {layout.kind}")
    leftover = cgroups.leftover_controllers(layout)
    if leftover:
        yield Finding(
            code="cgroup-leftover",
            severity="warning",
            title=f"Controllers on the v2 tree of a hybrid host: {', '.join(leftover)}",
            detail="crun refuses to run then; the agent mounts them as v1 at its start when it can, else it uses runc",
            next="boot with systemd.unified_cgroup_hierarchy=1 for a pure v2 host",
        )
    needed = ("memory", "cpu", "pids")
    missing = [name for name in needed if not _has_controller(layout, name)]
    if missing:
        yield Finding(
            code="cgroup-controllers",
            severity="warning",
            title=f"Control group controllers are missing: {', '.join(missing)}",
            detail="the limits of the same names are accepted and have no effect",
            next="add cgroup_enable=memory swapaccount=1 to the kernel's command line" if "memory" in missing else "",
        )


def _has_controller(layout: cgroups.Layout, name: str) -> bool:
    if layout.kind != "v2":
        return layout.directory(name, "/") is not None
    root = layout.directory(cgroups.UNIFIED, "/")
    return root is not None and name in Path(root, "cgroup.controllers").read_text().split()


def _programs() -> Iterator[Finding]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"
    if shutil.which("conmon", path=path) is None:
        yield Finding(
            code="no-conmon", severity="error", title="conmon is not installed",
            detail="it holds each container's terminal and output while the agent restarts",
            next="install the package conmon",
        )  # fmt: skip
    runtimes = [name for name in ("crun", "runc") if shutil.which(name, path=path)]
    if not runtimes:
        yield Finding(
            code="no-runtime", severity="error", title="No OCI runtime is installed",
            next="install the package crun (or runc)",
        )  # fmt: skip
    elif "crun" not in runtimes:
        yield Finding(
            code="no-crun", severity="warning", title="crun is not installed",
            detail="runc starts containers about three times slower", next="install the package crun",
        )  # fmt: skip


def _file_systems() -> Iterator[Finding]:
    known = kernel.filesystems()
    modules = Path(f"/lib/modules/{os.uname().release}/kernel/fs")
    if "overlay" not in known and not (modules / "overlayfs").exists():
        yield Finding(
            code="no-overlay", severity="error", title="The kernel has no overlay file system",
            detail="container file systems are made of it", next="modprobe overlay, or another kernel",
        )  # fmt: skip
    if "erofs" not in known and not (modules / "erofs").exists():
        yield Finding(
            code="no-erofs", severity="info", title="The kernel has no EROFS",
            detail="image layers are unpacked instead of mounted: pulls take longer",
        )  # fmt: skip


def _networking() -> Iterator[Finding]:
    if ctypes.util.find_library("nftables") is None and not any(
        directory.glob("libnftables.so.1*") for directory in _library_directories()
    ):
        yield Finding(
            code="no-nftables", severity="error", title="libnftables is not installed",
            detail="networks and published ports are nftables rules", next="install the package nftables",
        )  # fmt: skip


def _library_directories() -> list[Path]:
    roots = (Path("/usr/lib"), Path("/lib"), Path("/usr/lib64"))
    return [*(root for root in roots if root.is_dir()), *Path("/usr/lib").glob("*-linux-gnu*")]


def _confinement() -> Iterator[Finding]:
    if not kernel.seccomp_filter_available():
        yield Finding(
            code="no-seccomp", severity="warning", title="The kernel takes no seccomp filters",
            detail="containers may make every system call", next="use a kernel with CONFIG_SECCOMP_FILTER",
        )  # fmt: skip
    if not kernel.apparmor_enabled():
        yield Finding(
            code="no-apparmor", severity="info", title="AppArmor is not enabled",
            detail="containers are confined by namespaces, capabilities and seccomp only",
        )  # fmt: skip


def _disk(data: Path) -> Iterator[Finding]:
    place = next(path for path in (data, *data.parents) if path.exists())
    disk = os.statvfs(place)
    free_bytes = disk.f_bavail * disk.f_frsize
    if free_bytes < _LOW_DISK_BYTES:
        yield Finding(
            code="low-disk", severity="warning", title=f"Only {free_bytes // 1024**2} MiB are free at {place}",
            detail="pulls and builds will fail", next="remove images nobody uses (docker image prune) or add space",
        )  # fmt: skip
