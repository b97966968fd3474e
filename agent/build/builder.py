"""The builder's front door: what the daemon constructs and the API calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.build.options import BuildOptions
from agent.ports.images import Images, Progress
from wire.engine.build import BuildCacheRecord, BuildPruneReport
from wire.errors import Unavailable

if TYPE_CHECKING:
    from agent.engine.engine import Engine

__all__ = ["Builder"]


class Builder:
    """Builds images from Dockerfiles, one call per build; any number at once.

    `state` is a directory this room owns (cache index, cache mounts, spooled contexts), made when absent.
    Call `start` once before anything else and `close` at the end.
    """

    def __init__(self, *, engine: Engine, images: Images, state: Path) -> None:
        self._engine = engine
        self._images = images
        self._state = state

    async def start(self) -> None:
        """Open the cache index and remove what an earlier life of the agent left half done. Safe to repeat."""

    async def close(self) -> None:
        """Stop every build that still runs and let go of the index. Safe to repeat."""

    async def build(self, options: BuildOptions, context: AsyncIterator[bytes]) -> AsyncIterator[Progress]:
        """Build, yielding Docker's JSON messages one by one.

        `context` is the request body: a tar, plain or compressed; it is not read when `options.remote` names another
        source. Raises `MooringError` before the first message when nothing could begin (the caller answers with its
        status); later failures are the last message (`errorDetail`, `error`). Closing the iterator cancels: the
        running step is killed and its container removed.
        """
        raise Unavailable("the builder has not started")
        yield {}

    async def prune(self, *, all: bool = False, filters: Mapping[str, Sequence[str]] | None = None) -> BuildPruneReport:
        """Remove build-cache records that no build uses now; without `all` only those that make no image."""
        return BuildPruneReport()

    def usage(self) -> list[BuildCacheRecord]:
        """What the build cache holds, for `GET /system/df`."""
        return []
