"""Managed plugins: kept as records, never run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agent.api.backends import Backends
from agent.api.request import Request

__all__ = ["create", "inspect", "list_", "refuse", "remove"]


async def list_(backends: Backends, request: Request) -> None:
    await request.answer_json(backends.engine.plugin_list(request.filters))


async def inspect(backends: Backends, request: Request) -> None:
    await request.answer_json(backends.engine.plugin_inspect(request.name))


async def create(backends: Backends, request: Request) -> None:
    await backends.engine.plugin_create(request.text("name"), request.body_stream())
    await request.answer_nothing()


async def remove(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.plugin_remove(request.name))


def refuse(verb: str) -> Callable[[Backends, Request], Awaitable[None]]:
    """A handler for what would need a running plugin."""

    async def handler(backends: Backends, request: Request) -> None:
        settings = await request.find(list[str]) if verb == "set" else None
        backends.engine.plugin_refuse(request.name, verb, settings or ())

    return handler
