"""Containers: life cycle, listing, inspecting."""

from __future__ import annotations

import msgspec

from agent.api.backends import Backends
from agent.api.request import Request
from agent.api.shapes import adapt_container, adapt_create
from wire import errors
from wire.engine.containers import CommitRequest, ContainerConfig, CreateRequest, UpdateRequest

__all__ = [
    "changes", "commit", "create", "inspect", "kill", "list_", "pause", "prune", "remove", "rename", "restart",
    "start", "stop", "top", "unpause", "update",
]  # fmt: skip

_LONGEST_EMPTY_BYTES = 7


async def list_(backends: Backends, request: Request) -> None:
    filters = request.filters
    found = await backends.engine.list(
        all=request.flag("all"),
        limit=request.find_number("limit") or 0,
        size=request.flag("size"),
        filters=filters,
    )
    await request.answer_json(found)


async def create(backends: Backends, request: Request) -> None:
    body = adapt_create(await request.decode(CreateRequest), request.version)
    _refuse_empty(body, request.document)
    platform = request.text("platform") if request.version >= (1, 41) else ""
    container_id, warnings = await backends.engine.create(
        request.text("name"), body, platform, operation=request.operation
    )
    await request.answer_json({"Id": container_id, "Warnings": list(warnings)}, 201)


def _refuse_empty(body: CreateRequest, document: bytes) -> None:
    """A Config with nothing in it is not the same as none: Docker misses the command then."""
    fields = msgspec.structs.fields(ContainerConfig)
    if any(getattr(body, field.name) != field.default for field in fields):
        return
    named = msgspec.json.decode(document, type=dict[str, msgspec.Raw]) if document.lstrip()[:1] == b"{" else {}
    if {name.lower() for name in named} & {field.encode_name.lower() for field in fields}:
        raise errors.Invalid("no command specified")


async def inspect(backends: Backends, request: Request) -> None:
    document = await backends.engine.inspect(request.name, size=request.flag("size"))
    await request.answer_json(adapt_container(document, request.version))


async def start(backends: Backends, request: Request) -> None:
    # Since 1.24 a body is refused. Some clients send an empty object or the word null: what is shorter than any
    # HostConfig counts as none, as in Docker.
    if request.has_body and len(await request.body()) > _LONGEST_EMPTY_BYTES:
        raise errors.Invalid(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"
        )
    await backends.engine.start(request.name, operation=request.operation)
    await request.answer_nothing()


async def stop(backends: Backends, request: Request) -> None:
    await backends.engine.stop(
        request.name,
        signal=request.text("signal") if request.version >= (1, 42) else "",
        timeout_s=request.find_number("t"),
        operation=request.operation,
    )
    await request.answer_nothing()


async def restart(backends: Backends, request: Request) -> None:
    await backends.engine.restart(
        request.name,
        signal=request.text("signal") if request.version >= (1, 42) else "",
        timeout_s=request.find_number("t"),
        operation=request.operation,
    )
    await request.answer_nothing()


async def kill(backends: Backends, request: Request) -> None:
    await backends.engine.kill(request.name, signal=request.text("signal"), operation=request.operation)
    await request.answer_nothing()


async def pause(backends: Backends, request: Request) -> None:
    await backends.engine.pause(request.name, operation=request.operation)
    await request.answer_nothing()


async def unpause(backends: Backends, request: Request) -> None:
    await backends.engine.unpause(request.name, operation=request.operation)
    await request.answer_nothing()


async def rename(backends: Backends, request: Request) -> None:
    await backends.engine.rename(request.name, request.text("name"), operation=request.operation)
    await request.answer_nothing()


async def remove(backends: Backends, request: Request) -> None:
    await backends.engine.remove(
        request.name,
        force=request.flag("force"),
        volumes=request.flag("v"),
        link=request.flag("link"),
        operation=request.operation,
    )
    await request.answer_nothing()


async def update(backends: Backends, request: Request) -> None:
    warnings = await backends.engine.update(
        request.name, await request.find(UpdateRequest) or UpdateRequest(), operation=request.operation
    )
    await request.answer_json({"Warnings": list(warnings) or None})


async def top(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.top(request.name, request.text("ps_args")))


async def changes(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.changes(request.name) or None)


async def prune(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.prune_containers(request.filters))


async def commit(backends: Backends, request: Request) -> None:
    body = CommitRequest(
        container=request.text("container"),
        repo=request.text("repo"),
        tag=request.text("tag"),
        author=request.text("author"),
        comment=request.text("comment"),
        pause=request.flag("pause", default=True) if request.text("pause") else True,
        changes=list(request.texts("changes")),
        config=await request.find(ContainerConfig),
    )
    image_id = await backends.engine.commit(body, operation=request.operation)
    await request.answer_json({"Id": image_id}, 201)
