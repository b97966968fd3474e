"""A root file system of one static BusyBox and the spec Docker would make for it, for tests of the real runtimes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from agent.ports.runtime import MountSpec, ProcessSpec, SandboxSpec

__all__ = ["CAPABILITIES", "MOUNTS", "busybox_spec", "make_rootfs"]

BUSYBOX: Final = Path("/bin/busybox")
_APPLETS: Final = (
    "sh cat echo sleep true false ls ps id stty env seq head yes dd kill tty mknod unshare wc hostname touch mount "
    "grep find readlink"
).split()

CAPABILITIES: Final = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
        "AUDIT_WRITE"
    ).split()
)


def _mount(destination: str, fstype: str, source: str, options: str) -> MountSpec:
    return MountSpec(destination=destination, type=fstype, source=source, options=tuple(options.split(",")))


MOUNTS: Final = (
    _mount("/proc", "proc", "proc", "nosuid,noexec,nodev"),
    _mount("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
    _mount("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
    _mount("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
    _mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev"),
    _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
    _mount("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=67108864"),
)
_MASKED: Final = (
    "/proc/asound /proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats "
    "/proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap"
).split()
_READ_ONLY: Final = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()


def make_rootfs(root: Path) -> Path:
    """A root with BusyBox and the directories an init layer guarantees."""
    for name in ("bin", "dev", "proc", "sys", "etc", "tmp", "root", "sbin"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for applet in _APPLETS:
        os.symlink("busybox", root / "bin" / applet)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    return root


def busybox_spec(container_id: str, bundle: Path, rootfs: Path) -> SandboxSpec:
    """A container as `docker run busybox` would have it, without a network."""
    process = ProcessSpec(args=("true",), env=("PATH=/bin:/sbin", "HOSTNAME=lab"), capabilities=CAPABILITIES)
    return SandboxSpec(
        id=container_id,
        bundle=bundle,
        rootfs=rootfs,
        process=process,
        hostname="lab",
        mounts=MOUNTS,
        namespaces={"pid": None, "network": None, "ipc": None, "uts": None},
        masked_paths=tuple(_MASKED),
        readonly_paths=tuple(_READ_ONLY),
    )
