"""A container's cgroup files as `StatsSample`, in the names Docker's API uses for each version."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Final

from agent.host.cgroups import UNIFIED, Cgroup
from agent.ports.runtime import StatsSample

__all__ = ["read_stats"]

_TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_UNLIMITED_V1: Final = 1 << 62

Blkio = dict[str, Sequence[tuple[int, int, str, int]]]

_MEMORY_V1: Final = frozenset(
    "active_anon active_file cache dirty hierarchical_memory_limit hierarchical_memsw_limit inactive_anon "
    "inactive_file mapped_file pgfault pgmajfault pgpgin pgpgout rss rss_huge unevictable writeback".split()
)
_BLKIO_V1: Final = (
    ("io_service_bytes_recursive", "io_service_bytes_recursive", "throttle.io_service_bytes"),
    ("io_serviced_recursive", "io_serviced_recursive", "throttle.io_serviced"),
    ("io_queue_recursive", "io_queued_recursive", ""),
    ("io_service_time_recursive", "io_service_time_recursive", ""),
    ("io_wait_time_recursive", "io_wait_time_recursive", ""),
    ("io_merged_recursive", "io_merged_recursive", ""),
    ("io_time_recursive", "time_recursive", ""),
    ("sectors_recursive", "sectors_recursive", ""),
)
"""Docker's name, the file of a scheduler that keeps such counts (BFQ's `bfq.`, CFQ's none), the throttle layer's."""


def read_stats(cgroup: Cgroup) -> StatsSample:
    """Read every file once. Files that are not there give zero or None, as the port says."""
    return _read_v1(cgroup) if cgroup.version == 1 else _read_v2(cgroup)


def _read_v1(cgroup: Cgroup) -> StatsSample:
    ticks = cgroup.read_pairs("cpuacct", "cpuacct.stat")
    throttling = cgroup.read_pairs("cpu", "cpu.stat")
    limit = cgroup.read_number("memory", "memory.limit_in_bytes")
    percpu = (cgroup.read("cpuacct", "cpuacct.usage_percpu") or "").split()
    return StatsSample(
        read_at=time.time(),
        cpu_total_ns=cgroup.read_number("cpuacct", "cpuacct.usage") or 0,
        cpu_user_ns=ticks.get("user", 0) * _TICK_NS,
        cpu_system_ns=ticks.get("system", 0) * _TICK_NS,
        percpu_ns=tuple(int(value) for value in percpu),
        throttled_periods=throttling.get("nr_throttled", 0),
        throttling_periods=throttling.get("nr_periods", 0),
        throttled_time_ns=throttling.get("throttled_time", 0),
        memory_usage_bytes=cgroup.read_number("memory", "memory.usage_in_bytes") or 0,
        memory_max_usage_bytes=cgroup.read_number("memory", "memory.max_usage_in_bytes"),
        memory_limit_bytes=None if limit is None or limit > _UNLIMITED_V1 else limit,
        memory_failcnt=cgroup.read_number("memory", "memory.failcnt"),
        memory_stats=_memory_v1(cgroup.read_pairs("memory", "memory.stat")),
        pids_current=cgroup.read_number("pids", "pids.current") or 0,
        pids_limit=cgroup.read_number("pids", "pids.max"),
        blkio=_blkio_v1(cgroup),
        cgroup_version=1,
    )


def _memory_v1(found: Mapping[str, int]) -> dict[str, int]:
    """The counts Docker knows; newer kernels have more."""
    return {name: value for name, value in found.items() if name.removeprefix("total_") in _MEMORY_V1}


def _blkio_v1(cgroup: Cgroup) -> Blkio:
    made: Blkio = {}
    for name, scheduler, throttle in _BLKIO_V1:
        files = [f"blkio.{scheduler}", f"blkio.bfq.{scheduler}"] + ([f"blkio.{throttle}"] if throttle else [])
        made[name] = next((rows for rows in (_rows(cgroup.read("blkio", file)) for file in files) if rows), ())
    return made


def _rows(text: str | None) -> Sequence[tuple[int, int, str, int]]:
    """Lines `8:0 Read 123` or `8:0 123`; the line `Total 123` is over all devices and left out, as Docker does."""
    rows: list[tuple[int, int, str, int]] = []
    for line in (text or "").splitlines():
        device, *rest = line.split()
        major, _, minor = device.partition(":")
        if not minor or not rest:
            continue
        rows.append((int(major), int(minor), rest[0] if len(rest) == 2 else "", int(rest[-1])))
    return rows


def _read_v2(cgroup: Cgroup) -> StatsSample:
    cpu = cgroup.read_pairs(UNIFIED, "cpu.stat")
    memory = cgroup.read_pairs(UNIFIED, "memory.stat")
    events = cgroup.read_pairs(UNIFIED, "memory.events")
    return StatsSample(
        read_at=time.time(),
        cpu_total_ns=cpu.get("usage_usec", 0) * 1000,
        cpu_user_ns=cpu.get("user_usec", 0) * 1000,
        cpu_system_ns=cpu.get("system_usec", 0) * 1000,
        percpu_ns=(),
        throttled_periods=cpu.get("nr_throttled", 0),
        throttling_periods=cpu.get("nr_periods", 0),
        throttled_time_ns=cpu.get("throttled_usec", 0) * 1000,
        memory_usage_bytes=cgroup.read_number(UNIFIED, "memory.current") or 0,
        memory_max_usage_bytes=None,
        memory_limit_bytes=cgroup.read_number(UNIFIED, "memory.max"),
        memory_failcnt=events.get("oom"),
        memory_stats=memory,
        pids_current=cgroup.read_number(UNIFIED, "pids.current") or 0,
        pids_limit=cgroup.read_number(UNIFIED, "pids.max"),
        blkio=_blkio_v2(cgroup),
        cgroup_version=2,
    )


def _blkio_v2(cgroup: Cgroup) -> Mapping[str, Sequence[tuple[int, int, str, int]]]:
    """`io.stat`: `8:0 rbytes=1 wbytes=2 rios=3 …`. Docker shows bytes only, operations in lower case."""
    rows: list[tuple[int, int, str, int]] = []
    for line in (cgroup.read(UNIFIED, "io.stat") or "").splitlines():
        device, *fields = line.split()
        major, _, minor = device.partition(":")
        values = dict(field.split("=", 1) for field in fields if "=" in field)
        for key, operation in (("rbytes", "read"), ("wbytes", "write")):
            if key in values:
                rows.append((int(major), int(minor), operation, int(values[key])))
    return {"io_service_bytes_recursive": rows}
