"""What this host is and how busy it is, read from /proc: cheap enough for every heartbeat."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["HostFacts", "Usage"]

Usage = Mapping[str, str | int | float | None]


class HostFacts:
    """Reads facts. `data` is a directory on the disk whose space matters."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._busy, self._total = _cpu_ticks()
        self._cpu_percent: float | None = None
        self._read_at = time.monotonic()
        self._fixed: dict[str, str | int | float | None] = {
            "os": _os_name(),
            "kernel": platform.release(),
            "architecture": platform.machine(),
            "hostname": platform.node(),
            "cpus": os.cpu_count() or 1,
        }

    def read(self) -> Usage:
        """Return the facts. `cpu_percent` is of all CPUs together since the previous reading of at least a second
        ago, None in the first second."""
        now = time.monotonic()
        if now - self._read_at >= 1:
            busy, total = _cpu_ticks()
            if total > self._total:
                self._cpu_percent = round(100 * (busy - self._busy) / (total - self._total), 1)
            self._busy, self._total, self._read_at = busy, total, now
        memory = _memory()
        disk = os.statvfs(self._data)
        return {
            **self._fixed,
            "cpu_percent": self._cpu_percent,
            "memory_bytes": memory["MemTotal"],
            "memory_used_bytes": memory["MemTotal"] - memory.get("MemAvailable", memory["MemFree"]),
            "disk_bytes": disk.f_blocks * disk.f_frsize,
            "disk_used_bytes": (disk.f_blocks - disk.f_bfree) * disk.f_frsize,
            "load_1m": round(os.getloadavg()[0], 2),
            "uptime_s": int(float(Path("/proc/uptime").read_text().split()[0])),
        }


def _cpu_ticks() -> tuple[int, int]:
    """(busy, total) clock ticks of all CPUs since boot."""
    with open("/proc/stat") as lines:
        values = [int(word) for word in lines.readline().split()[1:9]]
    idle = values[3] + values[4]
    return sum(values) - idle, sum(values)


def _memory() -> dict[str, int]:
    found: dict[str, int] = {}
    with open("/proc/meminfo") as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            if name in ("MemTotal", "MemFree", "MemAvailable"):
                found[name] = int(rest.split()[0]) * 1024
    return found


def _os_name() -> str:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            for line in Path(path).read_text().splitlines():
                if line.startswith("PRETTY_NAME="):
                    return line.partition("=")[2].strip().strip('"')
        except OSError:
            continue
    return "Linux"
