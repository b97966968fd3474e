"""Volumes in Docker's shapes; whether a container refers to one is known here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.engine.clock import rfc3339
from agent.engine.context import Context
from agent.engine.prune import labels_allow
from agent.engine.volume_mounts import users_of
from agent.ports.volumes import Volume
from wire.engine.volumes import VolumeCreateRequest
from wire.errors import Conflict, Invalid, MooringError, NotFound, Unavailable
from wire.filters import check_names, flag, match_labels

__all__ = [
    "volume_create", "volume_documents", "volume_inspect", "volume_list", "volume_prune", "volume_remove",
]  # fmt: skip

Filters = Mapping[str, Sequence[str]]

_KNOWN: Final = ("dangling", "name", "driver", "label")


async def volume_list(ctx: Context, filters: Filters | None = None) -> dict[str, Any]:
    """Volumes and Warnings."""
    asked = filters or {}
    check_names(asked, _KNOWN)
    return {"Volumes": await volume_documents(ctx, filters=asked), "Warnings": None}


async def volume_documents(
    ctx: Context, *, filters: Filters | None = None, usage: bool = False
) -> list[dict[str, Any]]:
    """Every volume that fits, by name; `usage` adds size and users, and leaves
    out those with options: what a mount of theirs holds is not this host's disk."""
    asked = filters or {}
    dangling = flag(asked, "dangling", False) if asked.get("dangling") else None
    found: list[dict[str, Any]] = []
    for volume in sorted(ctx.volumes.list(), key=lambda item: item.name):
        names, drivers = asked.get("name"), asked.get("driver")
        if names and not any(_matches(value, volume.name) for value in names):
            continue
        if drivers and volume.driver not in drivers:
            continue
        if not match_labels(asked, "label", volume.labels):
            continue
        if usage and volume.options:
            continue
        users = users_of(ctx, volume.name) if dangling is not None or usage else []
        if dangling is not None and dangling == bool(users):
            continue
        document = _document(volume)
        if usage:
            size = await ctx.volumes.usage_bytes(volume.name)
            document["UsageData"] = {"RefCount": len(users), "Size": size}
        found.append(document)
    return found


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return pattern in name


def _document(volume: Volume) -> dict[str, Any]:
    return {
        "CreatedAt": rfc3339(int(volume.created_at * 1e9)),
        "Driver": volume.driver,
        "Labels": dict(volume.labels) or None,
        "Mountpoint": str(volume.mountpoint),
        "Name": volume.name,
        "Options": dict(volume.options) or None,
        "Scope": "local",
    }


async def volume_inspect(ctx: Context, name: str) -> dict[str, Any]:
    """NotFound: `get NAME: no such volume`."""
    return _document(ctx.volumes.get(name))


async def volume_create(ctx: Context, body: VolumeCreateRequest) -> dict[str, Any]:
    """Make it, or show the one that exists."""
    if body.cluster_volume_spec is not None:
        raise Unavailable(
            'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to '
            "swarm and try again."
        )
    existed = False
    if body.name:
        try:
            ctx.volumes.get(body.name)
            existed = True
        except NotFound:
            pass
    volume = await ctx.volumes.create(
        body.name or None, driver=body.driver or "local", options=body.driver_opts or {}, labels=body.labels or {}
    )
    if not existed:
        ctx.events.publish("volume", "create", volume.name, {"driver": volume.driver})
    return _document(volume)


async def volume_remove(ctx: Context, name: str, *, force: bool = False) -> None:
    """Conflict while a container refers to it; NotFound when there is none, unless `force`."""
    users = users_of(ctx, name)
    if users:
        raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
    try:
        driver = ctx.volumes.get(name).driver
    except NotFound:
        if force:
            return
        raise
    await ctx.volumes.remove(name, force=force)
    ctx.events.publish("volume", "destroy", name, {"driver": driver})


def _all_flag(filters: Filters) -> bool:
    try:
        return flag(filters, "all", False)
    except Invalid as error:
        if len(filters["all"]) > 1:
            raise Invalid(f"{error.message}: only one value is expected") from error
        text = filters["all"][0]
        fault = f'strconv.ParseBool: parsing "{text}": invalid syntax'
        raise Invalid(f"invalid filter 'all': {fault}") from error


async def volume_prune(ctx: Context, filters: Filters) -> dict[str, Any]:
    """Remove anonymous volumes nobody refers to; with `all` the named ones too."""
    check_names(filters, ("all", "label", "label!"))
    everything = _all_flag(filters)
    deleted: list[str] = []
    reclaimed = 0
    for volume in ctx.volumes.list():
        if users_of(ctx, volume.name) or not labels_allow(filters, volume.labels):
            continue
        if not everything and not volume.anonymous:
            continue
        try:
            size = await ctx.volumes.usage_bytes(volume.name)
            await volume_remove(ctx, volume.name)
        except MooringError:
            continue
        reclaimed += max(0, size)
        deleted.append(volume.name)
    ctx.events.publish("volume", "prune", "", {"reclaimed": str(reclaimed)})
    return {"VolumesDeleted": deleted, "SpaceReclaimed": reclaimed}
