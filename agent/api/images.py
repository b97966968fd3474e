"""Images: list, inspect, move, name, remove."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agent.api.backends import Backends
from agent.api.credentials import parse_registry_auth
from agent.api.import_source import import_from_url
from agent.api.request import Request
from agent.api.shapes import adapt_image, adapt_images
from wire import errors
from wire.refs import parse_reference, parse_tag

__all__ = [
    "create", "distribution", "history", "inspect", "list_", "load", "prune", "push", "remove", "save", "save_one",
    "search", "tag",
]  # fmt: skip

_TAR = "application/x-tar"


async def list_(backends: Backends, request: Request) -> None:
    filters = request.filters
    if request.version < (1, 41) and request.text("filter"):
        filters.setdefault("reference", []).append(request.text("filter"))
    documents = await backends.engine.image_list(
        all=request.flag("all"),
        filters=filters,
        shared_size=request.version >= (1, 42) and request.flag("shared-size"),
        digests=request.flag("digests"),
    )
    await request.answer_json(adapt_images(documents, request.version))


async def inspect(backends: Backends, request: Request) -> None:
    await request.answer_json(adapt_image(await backends.engine.image_inspect(request.name), request.version))


async def history(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.image_history(request.name))


async def tag(backends: Backends, request: Request) -> None:
    named = await backends.engine.image_tag(request.name, request.text("repo"), request.text("tag"))
    await request.answer_nothing(201 if named else 200)


async def remove(backends: Backends, request: Request) -> None:
    if not request.name.strip():
        raise errors.Invalid("image name cannot be blank")
    documents = await backends.engine.image_remove(
        request.name, force=request.flag("force"), noprune=request.flag("noprune")
    )
    await request.answer_json(documents)


async def prune(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.image_prune(request.filters))


async def create(backends: Backends, request: Request) -> None:
    """Pull (`fromImage`) or import (`fromSrc`)."""
    platform = request.text("platform") if request.version >= (1, 32) else ""
    image, tag_ = request.text("fromImage"), request.text("tag")
    if image:
        progress: AsyncIterator[Any] = await backends.engine.image_pull(
            _reference(image, tag_),
            platform=platform,
            all_tags=not tag_ and ":" not in image.rpartition("/")[2] and "@" not in image,
            credentials=parse_registry_auth(request.header("x-registry-auth")),
        )
    else:
        from_ = request.text("fromSrc")

        async def import_(source: AsyncIterator[bytes]) -> AsyncIterator[Any]:
            return await backends.engine.image_import(
                source,
                repo=request.text("repo"),
                tag=tag_,
                changes=list(request.texts("changes")),
                message=request.text("message") or f"Imported from {from_}",
                platform=platform,
            )

        if from_ == "-":
            progress = await import_(request.body_stream())
        else:
            progress = import_from_url(from_, backends.scratch, import_)
    await request.stream_progress(progress)


def _reference(image: str, tag_: str) -> str:
    """`tag_`, which may be a digest, counts before what `image` itself says."""
    if not tag_:
        return image
    name = parse_reference(image).without_suffix().familiar_name
    return f"{name}@{tag_}" if ":" in tag_ else f"{name}:{parse_tag(tag_)}"


async def push(backends: Backends, request: Request) -> None:
    progress = await backends.engine.image_push(
        request.name,
        tag=request.text("tag") or None,
        credentials=parse_registry_auth(request.header("x-registry-auth")),
    )
    await request.stream_progress(progress)


async def load(backends: Backends, request: Request) -> None:
    # Docker answers 200 to every load and tells what went wrong in the stream.
    progress = await backends.engine.image_load(request.body_stream(), quiet=request.flag("quiet"))
    await request.stream_progress(progress, eager=True)


async def save(backends: Backends, request: Request) -> None:
    await request.stream_checked(await backends.engine.image_save(list(request.texts("names"))), _TAR)


async def save_one(backends: Backends, request: Request) -> None:
    await request.stream_checked(await backends.engine.image_save([request.name]), _TAR)


async def search(backends: Backends, request: Request) -> None:
    try:
        limit = request.find_number("limit", errors.Invalid) or 0
    except errors.Invalid as error:
        raise errors.Invalid(f"invalid limit specified: {error.message}") from error
    found = await backends.engine.image_search(
        request.text("term"),
        limit=limit,
        filters=request.filters,
        credentials=parse_registry_auth(request.header("x-registry-auth")),
    )
    await request.answer_json(found)


async def distribution(backends: Backends, request: Request) -> None:
    credentials = parse_registry_auth(request.header("x-registry-auth"))
    await request.answer_json(await backends.engine.distribution(request.name, credentials))
