"""Files of a container: `docker cp` both ways, and export."""

from __future__ import annotations

import base64

from agent.api.backends import Backends
from agent.api.request import Request
from wire import errors
from wire.engine.shape import encode

__all__ = ["export", "get", "put", "stat"]

_TAR = "application/x-tar"


def _path(request: Request) -> str:
    path = request.text("path")
    if not path:
        raise errors.Invalid("bad parameter: pathcannot be empty")  # Docker's own spelling
    return path


def _stat_header(document: object) -> tuple[bytes, bytes]:
    return b"x-docker-container-path-stat", base64.b64encode(encode(document, escape_html=True))


async def stat(backends: Backends, request: Request) -> None:
    document = await backends.engine.archive_stat(request.name, _path(request))
    await request.answer(200, headers=[_stat_header(document)])


async def get(backends: Backends, request: Request) -> None:
    document, chunks = await backends.engine.archive_get(request.name, _path(request))
    await request.stream(chunks, _TAR, [_stat_header(document)])


async def put(backends: Backends, request: Request) -> None:
    await backends.engine.archive_put(
        request.name,
        _path(request),
        request.body_stream(),
        no_overwrite_dir_non_dir=request.flag("noOverwriteDirNonDir"),
        copy_uid_gid=request.flag("copyUIDGID"),
    )
    await request.answer_nothing(200)


async def export(backends: Backends, request: Request) -> None:
    await request.stream(await backends.engine.export(request.name), "application/octet-stream")
