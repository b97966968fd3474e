"""`/ws/stats`: one reading of a container's use each second, in plain numbers."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from controlplane.accounts.access import Action
from controlplane.gateway.calls import client
from controlplane.kernel.clock import now, rfc3339
from controlplane.streams.consumer import StreamConsumer
from wire.httpstatus import error_for_status

__all__ = ["StatsConsumer", "reading"]


class StatsConsumer(StreamConsumer):
    """See the module docstring."""

    action: ClassVar[Action] = Action.CONTAINER_READ

    async def prepare(self) -> None:
        """Find the host and authorise."""
        self._host_id, self._container = await self.container_params()

    async def stream(self) -> None:
        """Relay readings until the container stops."""
        path = f"/containers/{quote(self._container, safe='')}/stats?stream=1"
        async with client().call(self._host_id, "GET", path) as answer:
            if answer.status != 200:
                raise error_for_status(answer.status, f"No such container: {self._container}")
            buffer = b""
            async for chunk in answer.chunks():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        await self.send_json(reading(orjson.loads(line)))


def reading(stats: dict[str, Any]) -> dict[str, Any]:
    """Return Docker's stats document as the dashboard's numbers, computed as the docker client does."""
    cpu, before = stats.get("cpu_stats") or {}, stats.get("precpu_stats") or {}
    used = _number(cpu, "cpu_usage", "total_usage") - _number(before, "cpu_usage", "total_usage")
    system = _number(cpu, "system_cpu_usage") - _number(before, "system_cpu_usage")
    cpus = _number(cpu, "online_cpus") or 1
    memory = stats.get("memory_stats") or {}
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0)) or 0
    usage = memory.get("usage") or 0
    networks = (stats.get("networks") or {}).values()
    blocks = (stats.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    read_at = stats.get("read")
    return {
        "t": read_at if read_at and not str(read_at).startswith("0001") else rfc3339(now()),
        "cpu_percent": round(used / system * cpus * 100, 2) if used > 0 and system > 0 else 0.0,
        "memory_bytes": usage - cache if cache < usage else usage,
        "memory_limit_bytes": memory.get("limit") or 0,
        "rx_bytes": sum(network.get("rx_bytes", 0) for network in networks),
        "tx_bytes": sum(network.get("tx_bytes", 0) for network in networks),
        "read_bytes": sum(item.get("value", 0) for item in blocks if str(item.get("op", "")).lower() == "read"),
        "write_bytes": sum(item.get("value", 0) for item in blocks if str(item.get("op", "")).lower() == "write"),
        "pids": _number(stats.get("pids_stats") or {}, "current"),
    }


def _number(value: Any, *path: str) -> int:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return int(value or 0)
