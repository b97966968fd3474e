"""`stats`: readings of the container's cgroups in Docker's shape, one each second, with the reading before."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from agent.engine.clock import ZERO_TIME, rfc3339_nano
from agent.engine.container import Container
from agent.engine.context import Context
from agent.ports.runtime import StatsSample
from wire.errors import MooringError, NotFound

__all__ = ["sample_document", "stats"]

_INTERVAL_S: Final = 1.0
_BLKIO: Final = (
    "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
    "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
)  # fmt: skip
_CLOCK_TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


async def stats(
    ctx: Context, ref: str, *, stream: bool = True, one_shot: bool = False
) -> AsyncIterator[dict[str, Any]]:
    """Without `stream` one document: two readings a second apart, or with `one_shot` a single one at once. With it, one
    each second, zeroes while the container does not run, until it is gone."""
    container = ctx.containers.resolve(ref)
    return _stream(ctx, container, stream=stream, one_shot=one_shot)


async def _stream(ctx: Context, container: Container, *, stream: bool, one_shot: bool) -> AsyncIterator[dict[str, Any]]:
    before: dict[str, Any] | None = None
    while True:
        now = await _read(ctx, container)
        if not stream and not one_shot and before is None and now is not None:
            before = now
            await asyncio.sleep(_INTERVAL_S)
            continue
        yield sample_document(container, now, before, named=not one_shot)
        if not stream or one_shot:
            return
        before = now
        await asyncio.sleep(_INTERVAL_S)
        if ctx.containers.find(container.id) is not container:
            return


async def _read(ctx: Context, container: Container) -> dict[str, Any] | None:
    """The parts of one reading; None while it does not run."""
    if not container.has_process:
        return None
    try:
        sample = await ctx.runtime.stats(container.id)
    except (NotFound, MooringError):
        return None
    return {
        "read": rfc3339_nano(int(sample.read_at * 1e9)),
        "sample": sample,
        "cpu": _cpu(sample),
        "networks": dict(ctx.networking.interface_counters(container.id)),
    }


def sample_document(
    container: Container, now: Mapping[str, Any] | None, before: Mapping[str, Any] | None, *, named: bool = True
) -> dict[str, Any]:
    """One answer. A single reading has no name and id in it, as with 26.1."""
    document: dict[str, Any] = {
        "read": now["read"] if now else ZERO_TIME,
        "preread": before["read"] if before else ZERO_TIME,
        "pids_stats": _pids(now["sample"]) if now else {},
        "blkio_stats": _blkio(now["sample"] if now else None),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": now["cpu"] if now else _no_cpu(),
        "precpu_stats": before["cpu"] if before else _no_cpu(),
        "memory_stats": _memory(now["sample"]) if now else {},
    }
    if named:
        document |= {"name": f"/{container.name}", "id": container.id}
    if now and now["networks"]:
        document["networks"] = now["networks"]
    return document


def _pids(sample: StatsSample) -> dict[str, int]:
    document = {"current": sample.pids_current}
    if sample.pids_limit:
        document["limit"] = sample.pids_limit
    return document


def _blkio(sample: StatsSample | None) -> dict[str, Any]:
    if sample is None:
        return dict.fromkeys(_BLKIO)
    empty: Any = [] if sample.cgroup_version == 1 else None
    return {name: _entries(sample.blkio.get(name, ())) or empty for name in _BLKIO}


def _entries(values: Sequence[tuple[int, int, str, int]]) -> list[dict[str, Any]]:
    return [{"major": major, "minor": minor, "op": op, "value": value} for major, minor, op, value in values]


def _no_cpu() -> dict[str, Any]:
    return {
        "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


def _cpu(sample: StatsSample) -> dict[str, Any]:
    usage: dict[str, Any] = {"total_usage": sample.cpu_total_ns}
    if sample.percpu_ns:
        usage["percpu_usage"] = list(sample.percpu_ns)
    usage |= {"usage_in_kernelmode": sample.cpu_system_ns, "usage_in_usermode": sample.cpu_user_ns}
    return {
        "cpu_usage": usage,
        "system_cpu_usage": _system_cpu_ns(),
        "online_cpus": os.cpu_count() or 1,
        "throttling_data": {
            "periods": sample.throttling_periods,
            "throttled_periods": sample.throttled_periods,
            "throttled_time": sample.throttled_time_ns,
        },
    }


def _system_cpu_ns() -> int:
    """CPU time of the whole machine: the first seven columns of /proc/stat."""
    with open("/proc/stat", "rb") as file:
        words = file.readline().split()
    return sum(int(word) for word in words[1:8]) * _CLOCK_TICK_NS


def _memory(sample: StatsSample) -> dict[str, Any]:
    document: dict[str, Any] = {"usage": sample.memory_usage_bytes}
    if sample.memory_max_usage_bytes is not None:
        document["max_usage"] = sample.memory_max_usage_bytes
    document["stats"] = dict(sorted(sample.memory_stats.items()))
    if sample.memory_failcnt:
        document["failcnt"] = sample.memory_failcnt
    limit = sample.memory_limit_bytes
    total = _memory_total_bytes()
    document["limit"] = total if limit is None or limit > total else limit
    return document


@cache
def _memory_total_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0
