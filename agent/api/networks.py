"""Networks."""

from __future__ import annotations

from agent.api.backends import Backends
from agent.api.request import Request
from wire.engine.networks import NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest

__all__ = ["connect", "create", "disconnect", "inspect", "list_", "prune", "remove"]


async def list_(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.network_list(request.filters))


async def inspect(backends: Backends, request: Request) -> None:
    document = await backends.engine.network_inspect(
        request.name, verbose=request.flag("verbose"), scope=request.text("scope")
    )
    await request.answer_json(document)


async def create(backends: Backends, request: Request) -> None:
    body = await request.decode(NetworkCreateRequest)
    await request.answer_json(await backends.engine.network_create(body, operation=request.operation), 201)


async def remove(backends: Backends, request: Request) -> None:
    await backends.engine.network_remove(request.name, operation=request.operation)
    await request.answer_nothing()


async def connect(backends: Backends, request: Request) -> None:
    body = await request.decode(NetworkConnectRequest)
    await backends.engine.network_connect(
        request.name, body.container, body.endpoint_config, operation=request.operation
    )
    await request.answer_nothing(200)


async def disconnect(backends: Backends, request: Request) -> None:
    body = await request.decode(NetworkDisconnectRequest)
    await backends.engine.network_disconnect(
        request.name, body.container, force=body.force, operation=request.operation
    )
    await request.answer_nothing(200)


async def prune(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.network_prune(request.filters))
