"""Filters that all prunes share, and `container prune`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.engine.clock import parse_timestamp
from agent.engine.context import Context
from agent.engine.remove import remove
from wire.errors import Invalid, MooringError
from wire.filters import check_names, match_labels

__all__ = ["Filters", "labels_allow", "parse_until", "prune_containers"]

Filters = Mapping[str, Sequence[str]]

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_until(filters: Filters) -> float | None:
    """The `until` filter as seconds since the epoch: a timestamp, or a duration before now. Invalid when it is neither,
    or given twice."""
    values = filters.get("until", ())
    if not values:
        return None
    if len(values) > 1:
        raise Invalid("more than one until filter specified")
    text = values[0]
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return time.time() - sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        at_ns = parse_timestamp(text)
    except Invalid as error:
        raise Invalid(f'failed to parse value as time or duration: "{text}"') from error
    return at_ns / 1e9 if at_ns is not None else None


def labels_allow(filters: Filters, labels: Mapping[str, str] | None) -> bool:
    """`label` must all match; `label!` must not, and of several not all of them."""
    if not match_labels(filters, "label", labels):
        return False
    return not (filters.get("label!") and match_labels(filters, "label!", labels))


async def prune_containers(ctx: Context, filters: Filters) -> dict[str, Any]:
    """Remove every container that does not run and fits the filters."""
    check_names(filters, ("label", "label!", "until"))
    until = parse_until(filters)
    deleted: list[str] = []
    reclaimed = 0
    for container in ctx.containers:
        record = container.record
        if container.running or container.held or record.state.status == "starting":
            continue
        if until is not None and record.created_at_ns / 1e9 > until:
            continue
        if not labels_allow(filters, record.config.labels):
            continue
        try:
            size = await ctx.images.writable_size_bytes(container.id)
            await remove(ctx, container.id)
        except MooringError:
            continue
        reclaimed += size
        deleted.append(container.id)
    ctx.events.publish("container", "prune", "", {"reclaimed": str(reclaimed)})
    return {"ContainersDeleted": deleted or None, "SpaceReclaimed": reclaimed}
