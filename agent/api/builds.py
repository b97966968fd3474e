"""Builds: the classic builder's endpoint and its cache."""

from __future__ import annotations

from agent.api.backends import Backends
from agent.api.request import Request
from agent.build.options import parse_options
from wire import errors

__all__ = ["build", "cancel", "prune"]


async def build(backends: Backends, request: Request) -> None:
    content_type = request.header("content-type").partition(";")[0].strip().lower()
    if request.has_body and content_type not in (
        "",
        "application/x-tar",
        "application/tar",
        "application/octet-stream",
    ):
        raise errors.Invalid(f"unsupported Content-Type header ({content_type}): must be 'application/x-tar'")
    options = parse_options(request.query, request.header("x-registry-config"))
    progress = backends.builder.build(options, request.body_stream())
    await request.stream_progress(progress)


async def cancel(backends: Backends, request: Request) -> None:
    """Builds here end with their connection; an id to cancel only exists for BuildKit's."""
    if not request.text("id"):
        raise errors.Invalid("build ID not provided")
    await request.answer_nothing(200)


async def prune(backends: Backends, request: Request) -> None:
    keep = request.number("keep-storage") if request.text("keep-storage") else 0
    report = await backends.builder.prune(all=request.flag("all"), filters=request.filters, keep_storage_bytes=keep)
    await request.answer_json(report)
