"""HostConfig's limits as the runtime port takes them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from agent.ports.runtime import Resources, Rlimit, Throttle
from wire.engine.containers import HostConfig, ThrottleDevice, Ulimit
from wire.engine.containers import Resources as Asked
from wire.errors import Internal

__all__ = ["build_resources", "build_rlimits"]


def build_resources(asked: HostConfig | Asked) -> Resources:
    """Limits in the port's words; 0 and None both mean not limited. Internal, as Docker, for a negative share."""
    if asked.cpu_shares < 0:
        raise Internal("shares: invalid argument")
    return Resources(
        memory_bytes=asked.memory or None,
        memory_swap_bytes=asked.memory_swap or None,
        memory_reservation_bytes=asked.memory_reservation or None,
        memory_swappiness=asked.memory_swappiness,
        oom_kill_disable=bool(asked.oom_kill_disable),
        nano_cpus=asked.nano_cpus or None,
        cpu_shares=asked.cpu_shares or None,
        cpu_period_us=asked.cpu_period or None,
        cpu_quota_us=asked.cpu_quota or None,
        cpu_rt_period_us=asked.cpu_realtime_period or None,
        cpu_rt_runtime_us=asked.cpu_realtime_runtime or None,
        cpuset_cpus=asked.cpuset_cpus or None,
        cpuset_mems=asked.cpuset_mems or None,
        pids_limit=asked.pids_limit or None,
        blkio_weight=asked.blkio_weight or None,
        blkio_read_bps=_throttles(asked.blkio_device_read_bps),
        blkio_write_bps=_throttles(asked.blkio_device_write_bps),
        blkio_read_iops=_throttles(asked.blkio_device_read_iops),
        blkio_write_iops=_throttles(asked.blkio_device_write_iops),
    )


def _throttles(devices: Iterable[ThrottleDevice] | None) -> tuple[Throttle, ...]:
    return tuple(Throttle(path=item.path, rate=item.rate) for item in devices or ())


def build_rlimits(ulimits: Iterable[Ulimit] | None) -> tuple[Rlimit, ...]:
    """-1 is unlimited, which the kernel spells as all ones."""
    return tuple(
        Rlimit(name=item.name, soft=item.soft % (1 << 64), hard=item.hard % (1 << 64)) for item in ulimits or ()
    )
