"""What this kernel and its cgroups can limit, read once: the flags of `docker info` and the warnings of create."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["SysInfo", "parse_cpu_list", "read_sysinfo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SysInfo:
    """Docker's names for the features; `online_cpus` and `online_mems` are what a cpuset may ask for."""

    cgroup_version: int
    memory_limit: bool
    swap_limit: bool
    memory_reservation: bool
    memory_swappiness: bool
    oom_kill_disable: bool
    kernel_memory_tcp: bool
    cpu_cfs: bool
    cpu_shares: bool
    cpu_realtime: bool
    cpuset: bool
    pids_limit: bool
    blkio_weight: bool
    blkio_weight_device: bool
    blkio_throttle: bool
    ipv4_forwarding: bool
    bridge_nf_iptables: bool
    bridge_nf_ip6tables: bool
    cpu_count: int
    online_cpus: str
    online_mems: str


@cache
def read_sysinfo() -> SysInfo:
    """Read /sys/fs/cgroup and /proc; the answer does not change while the machine is up."""
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return _read_v2() if unified else _read_v1()


def _read_v1() -> SysInfo:
    root = Path("/sys/fs/cgroup")

    def has(controller: str, *names: str) -> bool:
        return any((root / controller / name).exists() for name in names)

    return SysInfo(
        cgroup_version=1,
        memory_limit=has("memory", "memory.limit_in_bytes"),
        swap_limit=has("memory", "memory.memsw.limit_in_bytes"),
        memory_reservation=has("memory", "memory.soft_limit_in_bytes"),
        memory_swappiness=has("memory", "memory.swappiness"),
        oom_kill_disable=has("memory", "memory.oom_control"),
        kernel_memory_tcp=has("memory", "memory.kmem.tcp.limit_in_bytes"),
        cpu_cfs=has("cpu", "cpu.cfs_quota_us"),
        cpu_shares=has("cpu", "cpu.shares"),
        cpu_realtime=has("cpu", "cpu.rt_period_us"),
        cpuset=has("cpuset", "cpuset.cpus"),
        pids_limit=(root / "pids").is_dir(),
        blkio_weight=has("blkio", "blkio.weight", "blkio.bfq.weight"),
        blkio_weight_device=has("blkio", "blkio.weight_device", "blkio.bfq.weight_device"),
        blkio_throttle=has("blkio", "blkio.throttle.read_bps_device"),
        online_cpus=_read("/sys/fs/cgroup/cpuset/cpuset.cpus") or _read("/sys/devices/system/cpu/online"),
        online_mems=_read("/sys/fs/cgroup/cpuset/cpuset.mems") or _read("/sys/devices/system/node/online") or "0",
        **_kernel(),  # type: ignore[arg-type]
    )


def _read_v2() -> SysInfo:
    controllers = set(_read("/sys/fs/cgroup/cgroup.controllers").split())
    memory, cpu, io = "memory" in controllers, "cpu" in controllers, "io" in controllers
    return SysInfo(
        cgroup_version=2,
        memory_limit=memory,
        swap_limit=memory and "SwapTotal" in _read("/proc/meminfo"),
        memory_reservation=memory,
        memory_swappiness=False,
        oom_kill_disable=False,
        kernel_memory_tcp=False,
        cpu_cfs=cpu,
        cpu_shares=cpu,
        cpu_realtime=False,
        cpuset="cpuset" in controllers,
        pids_limit="pids" in controllers,
        blkio_weight=io,
        blkio_weight_device=io,
        blkio_throttle=io,
        online_cpus=_read("/sys/fs/cgroup/cpuset.cpus.effective") or _read("/sys/devices/system/cpu/online"),
        online_mems=_read("/sys/fs/cgroup/cpuset.mems.effective") or "0",
        **_kernel(),  # type: ignore[arg-type]
    )


def _kernel() -> dict[str, object]:
    return {
        "ipv4_forwarding": _read("/proc/sys/net/ipv4/ip_forward") == "1",
        "bridge_nf_iptables": _read("/proc/sys/net/bridge/bridge-nf-call-iptables") == "1",
        "bridge_nf_ip6tables": _read("/proc/sys/net/bridge/bridge-nf-call-ip6tables") == "1",
        "cpu_count": len(os.sched_getaffinity(0)),
    }


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text().strip()
    return ""


def parse_cpu_list(text: str) -> set[int]:
    """`0-2,7` as numbers; ValueError when it is not of that form."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(text)
        numbers.update(range(int(first), int(last or first) + 1))
        if dash and int(last) < int(first):
            raise ValueError(text)
    return numbers
