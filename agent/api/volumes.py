"""Volumes."""

from __future__ import annotations

from agent.api.backends import Backends
from agent.api.request import Request
from wire import errors
from wire.engine.volumes import VolumeCreateRequest

__all__ = ["create", "inspect", "list_", "prune", "remove", "update"]


async def list_(backends: Backends, request: Request) -> None:
    try:
        filters = request.filters
    except errors.Invalid as error:
        raise errors.Invalid(f"error reading volume filters: {error.message}") from error
    await request.answer_json(await backends.engine.volume_list(filters))


async def inspect(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.volume_inspect(request.name))


async def create(backends: Backends, request: Request) -> None:
    body = await request.decode(VolumeCreateRequest, may_be_empty=True)
    await request.answer_json(await backends.engine.volume_create(body, operation=request.operation), 201)


async def update(backends: Backends, request: Request) -> None:
    raise errors.Unavailable("volume update only valid for cluster volumes, but swarm is unavailable")


async def remove(backends: Backends, request: Request) -> None:
    await backends.engine.volume_remove(request.name, force=request.flag("force"), operation=request.operation)
    await request.answer_nothing()


async def prune(backends: Backends, request: Request) -> None:
    filters = request.filters
    if request.version < (1, 42) and "all" not in filters:
        filters["all"] = ["true"]  # before 1.42 a prune took named volumes too
    await request.answer_json(await backends.engine.volume_prune(filters))
