"""Builds: the classic builder's endpoint and its cache."""

from __future__ import annotations

from agent.api.backends import Backends
from agent.api.request import Request
from agent.build.options import parse_options
from wire import errors

__all__ = ["build", "cancel", "prune"]


async def build(backends: Backends, request: Request) -> None:
    options = parse_options(request.query, request.header("x-registry-config"))
    progress = backends.builder.build(options, request.body_stream())
    await request.stream_progress(progress)


async def cancel(backends: Backends, request: Request) -> None:
    """Builds here end with their connection; an id to cancel only exists for BuildKit's."""
    if not request.text("id"):
        raise errors.Invalid("build ID not provided")
    await request.answer_nothing(200)


async def prune(backends: Backends, request: Request) -> None:
    try:
        keep = request.number("keep-storage") if request.text("keep-storage") else 0
    except errors.Invalid as error:
        text = request.text("keep-storage")
        raise errors.Invalid(f"keep-storage is in bytes and expects an integer, got {text}: {error.message}") from error
    report = await backends.builder.prune(all=request.flag("all"), filters=request.filters, keep_storage_bytes=keep)
    await request.answer_json(report)
