"""Networks."""

from __future__ import annotations

from agent.api.backends import Backends
from agent.api.request import Request
from wire import errors
from wire.engine.networks import NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest

__all__ = ["connect", "create", "disconnect", "inspect", "list_", "prune", "remove"]

_BOOLEANS = frozenset(("", "0", "1", "f", "F", "t", "T", "false", "False", "FALSE", "true", "True", "TRUE"))


async def list_(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.network_list(request.filters))


async def inspect(backends: Backends, request: Request) -> None:
    text = request.text("verbose")
    if text not in _BOOLEANS:
        fault = f'strconv.ParseBool: parsing "{text}": invalid syntax'
        raise errors.Invalid(f"invalid value for verbose: {text}: {fault}")
    document = await backends.engine.network_inspect(
        request.name, verbose=request.flag("verbose"), scope=request.text("scope")
    )
    await request.answer_json(document)


async def create(backends: Backends, request: Request) -> None:
    body = await request.decode(NetworkCreateRequest, may_be_empty=True)
    await request.answer_json(await backends.engine.network_create(body, operation=request.operation), 201)


async def remove(backends: Backends, request: Request) -> None:
    await backends.engine.network_remove(request.name, operation=request.operation)
    await request.answer_nothing()


async def connect(backends: Backends, request: Request) -> None:
    body = await request.decode(NetworkConnectRequest, may_be_empty=True)
    await backends.engine.network_connect(
        request.name, body.container, body.endpoint_config, operation=request.operation
    )
    await request.answer_nothing(200)


async def disconnect(backends: Backends, request: Request) -> None:
    body = await request.decode(NetworkDisconnectRequest, may_be_empty=True)
    await backends.engine.network_disconnect(
        request.name, body.container, force=body.force, operation=request.operation
    )
    await request.answer_nothing(200)


async def prune(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.network_prune(request.filters))
