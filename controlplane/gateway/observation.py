"""Follow what one host tells: a snapshot, then its numbered events, for as long as the tunnel is up.

Published on the kernel's bus from a database thread, in order, for `workloads` to mirror. A gap in the numbers means a
new snapshot; a new tunnel, as after a restart of the agent, begins with one.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from controlplane.fleet.actions import record_report
from controlplane.gateway.links import Link
from controlplane.kernel import bus
from controlplane.kernel.database import in_thread
from wire.errors import MooringError, Unavailable
from wire.net.calls import call

__all__ = ["HostNews", "HostObjects", "HostSnapshot", "observe"]

logger = logging.getLogger(__name__)
RETRY_S = 1.0
BATCH_WAIT_S = 0.1  # a `docker run --rm` is a handful of events: told as one
BATCH_LIMIT = 200
SILENCE_LIMIT_S = 20.0  # the agent writes a heartbeat every 5 s
REPORT_EVERY_S = 10.0
INSPECTS_AT_ONCE = 16
_LISTS = {"image": "/images/json", "network": "/networks", "volume": "/volumes"}


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    """Everything the host has, at sequence number `state["seq"]`."""

    host_id: uuid.UUID
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HostNews:
    """Numbered changes, oldest first: `{"seq", "event", "container"}`; none is only a sign of life."""

    host_id: uuid.UUID
    lines: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class HostObjects:
    """A whole list of one kind (`image`, `network`, `volume`), read again because an event named it."""

    host_id: uuid.UUID
    kind: str
    items: list[dict[str, Any]]


async def observe(link: Link) -> None:
    """Follow the host until cancelled; what goes wrong is logged and begun anew."""
    while True:
        try:
            await _follow(link)
        except (MooringError, TimeoutError) as error:
            if link.session.closed:
                return
            logger.warning("observation.interrupted host=%s error=%s", link.name, error)
        except Exception:
            if link.session.closed:
                return
            logger.exception("observation.failed host=%s", link.name)
        await asyncio.sleep(RETRY_S)


async def _get(link: Link, path: str) -> Any:
    async with asyncio.timeout(30), call(link.session, "GET", path) as answer:
        body = await answer.read()
    if answer.status != 200:
        raise Unavailable(f"{path} answered {answer.status}")
    return orjson.loads(body)


async def _follow(link: Link) -> None:
    state = await _get(link, "/mooring/v1/state")
    await _add_details(link, state.get("containers") or [])
    await in_thread(_apply_snapshot, link.host_id, state)
    loop = asyncio.get_running_loop()
    sequence, reported_at = int(state.get("seq", 0)), loop.time()
    async with call(link.session, "GET", f"/mooring/v1/events?after={sequence}") as answer:
        if answer.status != 200:
            raise Unavailable(f"events answered {answer.status}")
        async for lines in _batches(answer.chunks()):
            numbered = [line for line in lines if "seq" in line and line.get("event") is not None]
            for line in numbered:
                if int(line["seq"]) != sequence + 1:
                    logger.info("observation.gap host=%s after=%d got=%s", link.name, sequence, line["seq"])
                    return
                sequence += 1
            await _add_details(link, [line["container"] for line in numbered if line.get("container")])
            await in_thread(bus.publish, HostNews(link.host_id, numbered))
            for kind in {kind for line in numbered if (kind := _changed_list(line["event"]))}:
                await _refresh(link, kind)
            facts = next((line["facts"] for line in reversed(lines) if line.get("facts")), None)
            if facts is not None and loop.time() - reported_at > REPORT_EVERY_S:
                reported_at = loop.time()
                await in_thread(_report, link.host_id, {"facts": facts})


def _changed_list(event: dict[str, Any]) -> str | None:
    """Return the kind whose list `event` changes; None for containers and for what is only use (connect, mount)."""
    kind = str(event.get("Type"))
    if kind not in _LISTS or event.get("Action") in ("connect", "disconnect", "mount", "unmount"):
        return None
    return kind


async def _add_details(link: Link, containers: list[dict[str, Any]]) -> None:
    """Put each container's inspect answer beside its list item as `Details`: times, exit code, health, restarts."""
    gate = asyncio.Semaphore(INSPECTS_AT_ONCE)

    async def add(item: dict[str, Any]) -> None:
        async with gate, call(link.session, "GET", f"/containers/{item['Id']}/json") as answer:
            if answer.status == 200:  # 404: gone since; its event follows
                item["Details"] = orjson.loads(await answer.read())

    async with asyncio.TaskGroup() as group:
        for item in {item["Id"]: item for item in containers}.values():
            group.create_task(add(item))


async def _refresh(link: Link, kind: str) -> None:
    items = await _get(link, _LISTS[kind])
    if kind == "volume":
        items = items.get("Volumes") or []
    await in_thread(bus.publish, HostObjects(link.host_id, kind, items))


async def _batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the lines of a JSON-lines stream, those that come close together in one list."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=64)

    async def read() -> None:
        try:
            async for chunk in chunks:
                await queue.put(chunk)
        except MooringError:
            pass
        finally:
            await queue.put(None)

    reader = asyncio.create_task(read())
    buffer = b""
    try:
        while True:
            async with asyncio.timeout(SILENCE_LIMIT_S):
                chunk = await queue.get()
            await asyncio.sleep(BATCH_WAIT_S)
            ended = chunk is None
            buffer += chunk or b""
            while not queue.empty():
                more = queue.get_nowait()
                ended = ended or more is None
                buffer += more or b""
            whole, _, buffer = buffer.rpartition(b"\n")
            lines = [orjson.loads(line) for line in whole.split(b"\n") if line.strip()]
            for at in range(0, len(lines), BATCH_LIMIT):
                yield lines[at : at + BATCH_LIMIT]
            if ended:
                raise Unavailable("the host ended its event stream")
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


def _apply_snapshot(host_id: uuid.UUID, state: dict[str, Any]) -> None:
    _report(host_id, state)
    bus.publish(HostSnapshot(host_id, state))


def _report(host_id: uuid.UUID, state: dict[str, Any]) -> None:
    facts = dict(state.get("facts") or {})
    usage_names = ("memory_used_bytes", "cpu_percent", "disk_used_bytes", "load_1m", "uptime_s")
    usage = {name: facts.pop(name) for name in usage_names if name in facts}
    doctor = state.get("doctor")
    findings = doctor.get("findings", []) if isinstance(doctor, dict) else doctor
    record_report(
        host_id,
        facts=facts or None,
        usage=usage or None,
        findings=[_finding(item) for item in findings] if isinstance(findings, list) else None,
        version=_agent_version(state.get("version") or {}),
        runtime=str((state.get("info") or {}).get("DefaultRuntime") or "") or None,
    )


def _finding(item: Any) -> dict[str, str]:
    told = item if isinstance(item, dict) else {"title": str(item)}
    return {name: str(told.get(name) or "") for name in ("code", "severity", "title", "detail", "next")}


def _agent_version(version: Mapping[str, Any]) -> str | None:
    """The agent's own version; `Version` at the top is that of the Docker Engine it answers like."""
    for component in version.get("Components") or ():
        if component.get("Name") == "mooring":
            return str(component.get("Version") or "") or None
    return None
