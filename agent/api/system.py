"""The engine itself: ping, version, info, events, disk usage, registry login."""

from __future__ import annotations

import msgspec

from agent.api.backends import Backends
from agent.api.credentials import AuthConfig
from agent.api.request import Request
from agent.api.shapes import adapt_info, adapt_usage
from wire import errors

__all__ = ["auth", "events", "info", "ping", "usage", "version"]

_PING_HEADERS = (
    (b"builder-version", b"1"),
    (b"cache-control", b"no-cache, no-store, must-revalidate"),
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"pragma", b"no-cache"),
    (b"swarm", b"inactive"),
)


async def ping(backends: Backends, request: Request) -> None:
    await request.answer(200, b"" if request.method == "HEAD" else b"OK", _PING_HEADERS)


async def version(backends: Backends, request: Request) -> None:
    await request.answer_json(await backends.engine.version())


async def info(backends: Backends, request: Request) -> None:
    await request.answer_json(adapt_info(await backends.engine.info(), request.version))


async def events(backends: Backends, request: Request) -> None:
    since, until = request.text("since"), request.text("until")
    stream = backends.engine.events(since=since, until=until, filters=request.filters)
    await request.stream_json(stream)


async def usage(backends: Backends, request: Request) -> None:
    types = list(request.texts("type")) if request.version >= (1, 42) else []
    for kind in types:
        if kind not in ("container", "image", "volume", "build-cache"):
            raise errors.Invalid(f"unknown object type: {kind}")
    document = await backends.engine.df(types)
    if not types or "build-cache" in types:
        records = await backends.builder.usage()
        document = {**document, "BuildCache": [msgspec.to_builtins(record) for record in records]}
    await request.answer_json(adapt_usage(document, request.version))


async def auth(backends: Backends, request: Request) -> None:
    if not request.has_body:
        raise errors.Internal("EOF")  # Docker's decoder, and its status
    try:
        body = await request.find(AuthConfig) or AuthConfig()
    except errors.Invalid as error:
        raise errors.Internal(error.message.removeprefix("invalid JSON: ")) from error
    await request.answer_json(await backends.engine.auth(body.credentials()))
