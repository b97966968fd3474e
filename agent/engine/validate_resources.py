"""Checks of limits, for create and update. Texts, order and roundings are Docker Engine's (Linux)."""

from __future__ import annotations

from agent.engine.sysinfo import SysInfo, parse_cpu_list, read_sysinfo
from wire.engine.containers import HostConfig, Resources
from wire.errors import Invalid

__all__ = ["MINIMUM_MEMORY_BYTES", "check_resources"]

MINIMUM_MEMORY_BYTES = 6 * 1024 * 1024  # less and the runtime itself cannot start in it
_KERNEL = "Your kernel does not support"


def check_resources(asked: HostConfig | Resources, *, update: bool, info: SysInfo | None = None) -> list[str]:
    """Check and normalise in place; returns warnings for what is dropped. Invalid with Docker's text.

    `info` stands for the kernel in tests."""
    kernel = info or read_sysinfo()
    warnings: list[str] = []
    _check_realtime(asked, kernel)
    _check_memory(asked, kernel, warnings, update)
    _check_pids(asked, kernel, warnings, update)
    _check_cpu(asked, kernel, warnings)
    _check_cpuset(asked, kernel, warnings)
    _check_blkio(asked, kernel, warnings)
    if asked.cpu_percent:
        warnings.append("linux does not support CPU percent. Percent discarded.")
        asked.cpu_percent = 0
    return warnings


def _check_realtime(asked: HostConfig | Resources, kernel: SysInfo) -> None:
    period, runtime = asked.cpu_realtime_period, asked.cpu_realtime_runtime
    if (period or runtime) and not kernel.cpu_realtime:
        raise Invalid(f"{_KERNEL} CPU real-time scheduler")
    if period and runtime > period:
        raise Invalid("cpu real-time runtime cannot be higher than cpu real-time period")


def _check_memory(asked: HostConfig | Resources, kernel: SysInfo, warnings: list[str], update: bool) -> None:
    if asked.memory and not kernel.memory_limit:
        warnings.append(f"{_KERNEL} memory limit capabilities or the cgroup is not mounted. Limitation discarded.")
        asked.memory, asked.memory_swap = 0, -1
    if asked.memory and asked.memory < MINIMUM_MEMORY_BYTES:
        raise Invalid("Minimum memory limit allowed is 6MB")
    if asked.memory > 0 and asked.memory_swap != -1 and not kernel.swap_limit:
        warnings.append(f"{_KERNEL} swap limit capabilities or the cgroup is not mounted. Memory limited without swap.")
        asked.memory_swap = -1
    if asked.memory > 0 and 0 < asked.memory_swap < asked.memory:
        raise Invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
    if asked.memory == 0 and asked.memory_swap > 0 and not update:
        raise Invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
    if asked.memory_swappiness == -1:  # docker run sends it always
        asked.memory_swappiness = None
    if asked.memory_swappiness is not None and not kernel.memory_swappiness:
        warnings.append(
            f"{_KERNEL} memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded."
        )
        asked.memory_swappiness = None
    if asked.memory_swappiness is not None and not 0 <= asked.memory_swappiness <= 100:
        raise Invalid(f"Invalid value: {asked.memory_swappiness}, valid memory swappiness range is 0-100")
    if asked.memory_reservation and not kernel.memory_reservation:
        warnings.append(f"{_KERNEL} memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.")
        asked.memory_reservation = 0
    if asked.memory_reservation and asked.memory_reservation < MINIMUM_MEMORY_BYTES:
        raise Invalid("Minimum memory reservation allowed is 6MB")
    if 0 < asked.memory < asked.memory_reservation:
        raise Invalid("Minimum memory limit can not be less than memory reservation limit, see usage")
    if asked.oom_kill_disable and not kernel.oom_kill_disable:
        warnings.append(f"{_KERNEL} OomKillDisable. OomKillDisable discarded.")
        asked.oom_kill_disable = None
    if asked.oom_kill_disable and not asked.memory:
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        )


def _check_pids(asked: HostConfig | Resources, kernel: SysInfo, warnings: list[str], update: bool) -> None:
    if asked.pids_limit is None:
        return
    if asked.pids_limit and not kernel.pids_limit:
        warnings.append(f"{_KERNEL} PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.")
        asked.pids_limit = None
    elif asked.pids_limit <= 0:
        # Of an update this lifts the limit, and 0 is what inspect shows then; of a create it asks for nothing.
        asked.pids_limit = 0 if update and kernel.pids_limit else None


def _check_cpu(asked: HostConfig | Resources, kernel: SysInfo, warnings: list[str]) -> None:
    if asked.nano_cpus and asked.cpu_period:
        raise Invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if asked.nano_cpus and asked.cpu_quota:
        raise Invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if asked.nano_cpus and not kernel.cpu_cfs:
        raise Invalid(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted"
        )
    if asked.nano_cpus < 0 or asked.nano_cpus > kernel.cpu_count * 1_000_000_000:
        raise Invalid(
            f"Range of CPUs is from 0.01 to {kernel.cpu_count}.00, as there are only {kernel.cpu_count} CPUs available"
        )
    if asked.cpu_shares and not kernel.cpu_shares:
        warnings.append(f"{_KERNEL} CPU shares or the cgroup is not mounted. Shares discarded.")
        asked.cpu_shares = 0
    if (asked.cpu_period or asked.cpu_quota) and not kernel.cpu_cfs:
        warnings.append(f"{_KERNEL} CPU CFS scheduler. Period and quota discarded.")
        asked.cpu_period = asked.cpu_quota = 0
    if asked.cpu_period and not 1000 <= asked.cpu_period <= 1_000_000:
        raise Invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < asked.cpu_quota < 1000:
        raise Invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")


def _check_cpuset(asked: HostConfig | Resources, kernel: SysInfo, warnings: list[str]) -> None:
    if (asked.cpuset_cpus or asked.cpuset_mems) and not kernel.cpuset:
        warnings.append(f"{_KERNEL} cpuset or the cgroup is not mounted. Cpuset discarded.")
        asked.cpuset_cpus = asked.cpuset_mems = ""
    for what, shown, wanted, online in (
        ("cpus", "CPUs", asked.cpuset_cpus, kernel.online_cpus),
        ("mems", "memory nodes", asked.cpuset_mems, kernel.online_mems),
    ):
        if not wanted:
            continue
        try:
            numbers = parse_cpu_list(wanted)
        except ValueError as error:
            raise Invalid(f"Invalid value {wanted} for cpuset {what}: invalid format: {wanted}") from error
        if not numbers <= parse_cpu_list(online):
            raise Invalid(f"Requested {shown} are not available - requested {wanted}, available: {online}")


def _check_blkio(asked: HostConfig | Resources, kernel: SysInfo, warnings: list[str]) -> None:
    if asked.blkio_weight and not kernel.blkio_weight:
        warnings.append(f"{_KERNEL} Block I/O weight or the cgroup is not mounted. Weight discarded.")
        asked.blkio_weight = 0
    if asked.blkio_weight and not 10 <= asked.blkio_weight <= 1000:
        raise Invalid("Range of blkio weight is from 10 to 1000")
    if asked.blkio_weight_device and not kernel.blkio_weight_device:
        warnings.append(f"{_KERNEL} Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.")
        asked.blkio_weight_device = []
    if kernel.blkio_throttle:
        return
    for name, shown in (
        ("blkio_device_read_bps", "Block read limit in bytes per second"),
        ("blkio_device_write_bps", "Block write limit in bytes per second"),
        ("blkio_device_read_iops", "Block read limit in IO per second"),
        ("blkio_device_write_iops", "Block write limit in IO per second"),
    ):
        if getattr(asked, name):
            warnings.append(f"{_KERNEL} {shown} or the cgroup is not mounted. {shown} discarded.")
            setattr(asked, name, [])
