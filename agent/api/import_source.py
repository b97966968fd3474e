"""`docker import URL`: the engine fetches the archive itself."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from agent.build.remote_sources import download

__all__ = ["import_from_url"]

_PIECE_BYTES = 1 << 20

Import = Callable[[AsyncIterator[bytes]], Awaitable[AsyncIterator[Any]]]


async def import_from_url(source: str, scratch: Path, import_: Import) -> AsyncIterator[Any]:
    """Fetch `source` (http:// when it names no scheme), then import it; yields Docker's progress.

    Fails before the first line, in Docker's words, when it cannot be fetched. The fetched file is gone at the end.
    """
    url = source if "://" in source else f"http://{source}"
    scratch.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="import-", dir=scratch))
    try:
        await download(url, place / "archive")
        yield {"status": f"Downloading from {url}"}
        async for line in await import_(_pieces(place / "archive")):
            yield line
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
