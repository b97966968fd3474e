"""Mooring's own calls beside the Engine API: what the control plane needs to mirror a host.

`GET /mooring/v1/state` is a snapshot with the number of the newest event in it; `GET /mooring/v1/events?after=SEQ` goes
on from there: JSON lines `{"seq", "event", "container"}`, where `container` is the list item after the event, or null
when it is gone or the event is of something else. A heartbeat line `{"seq", "facts"}` comes every five seconds. When
`after` is no longer kept the answer is 412: take a new snapshot. Logs for viewers come with cursors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from agent.api.backends import Backends
from agent.api.request import JSON, Request

__all__ = ["doctor", "events", "logs", "state"]

_HEARTBEAT_S = 5.0


async def state(backends: Backends, request: Request) -> None:
    engine = backends.engine
    # The number first: an event between it and the lists is then seen twice, which does no harm, and never missed.
    sequence = engine.sequence
    report = await backends.doctor()
    containers, images, networks, volumes = await asyncio.gather(
        engine.list(all=True), engine.image_list(), engine.network_list(), engine.volume_list()
    )
    await request.answer_json(
        {
            "seq": sequence,
            "containers": containers,
            "images": images,
            "networks": networks,
            "volumes": volumes["Volumes"] or [],
            "info": await engine.info(),
            "version": await engine.version(),
            "doctor": report,
            "facts": backends.facts(),
        }
    )


async def events(backends: Backends, request: Request) -> None:
    text = request.text("after")
    stream = backends.engine.numbered_events(request.number("after") if text else None)
    await request.stream_json(_with_heartbeats(backends, stream))


async def _with_heartbeats(
    backends: Backends, stream: AsyncIterator[tuple[int, dict[str, Any]]]
) -> AsyncIterator[dict[str, Any]]:
    coming: asyncio.Future[tuple[int, dict[str, Any]]] | None = None
    clock = asyncio.get_running_loop().time
    heartbeat_at = clock() + _HEARTBEAT_S
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(stream))
            await asyncio.wait((coming,), timeout=max(0, heartbeat_at - clock()))
            if clock() >= heartbeat_at:  # on a busy host too: it carries the load
                heartbeat_at = clock() + _HEARTBEAT_S
                yield {"seq": backends.engine.sequence, "facts": backends.facts()}
                continue
            if not coming.done():
                continue
            try:
                sequence, event = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield {"seq": sequence, "event": event, "container": await _container_of(backends, event)}
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _next(stream: AsyncIterator[tuple[int, dict[str, Any]]]) -> tuple[int, dict[str, Any]]:
    return await anext(stream)


async def _container_of(backends: Backends, event: dict[str, Any]) -> dict[str, Any] | None:
    if event.get("Type") == "container":
        container_id = event["Actor"]["ID"]
    elif event.get("Type") == "network":
        container_id = event["Actor"].get("Attributes", {}).get("container", "")
    else:
        container_id = ""
    if not container_id:
        return None
    found = await backends.engine.list(all=True, filters={"id": [container_id]})
    return found[0] if found else None


async def doctor(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.doctor())


async def logs(backends: Backends, request: Request) -> None:
    """JSON lines `{"c": cursor, "t": time in ns, "s": 1 stdout | 2 stderr, "l": text}`, several to a chunk.

    `cursor` resumes after the line that carried it, without a gap or a repeat; it wins over `tail`.
    """
    follow = request.flag("follow")
    lines = await backends.engine.log_lines(
        request.name, cursor=request.text("cursor"), tail=request.text("tail", "all"), follow=follow
    )
    await request.stream(lines, JSON)
