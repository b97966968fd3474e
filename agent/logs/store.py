"""`FileLogs`: the log port over conmon's files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.host.inotify import DirectoryWatcher
from agent.logs.json_lines import ConvertedBlocks, json_lines
from agent.logs.options import check_names, read_rotation
from agent.logs.reading import Reading, format_cursor
from agent.logs.records import parse_time
from agent.logs.rotation import Rotator
from agent.logs.segments import list_segments
from agent.ports.logs import LogEntry, LogQuery, LogRotation

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FileLogs"]


class FileLogs:
    """Implements `ports.logs.Logs`. Made in a running loop; `close` ends its task and its kernel watch."""

    def __init__(self) -> None:
        self._watcher = DirectoryWatcher()
        self._rotator = Rotator()
        self._converted = ConvertedBlocks()

    async def entries(self, path: Path, query: LogQuery) -> AsyncIterator[list[LogEntry]]:
        """See the port."""
        with self._changes(path, query) as changed:
            async for messages, resume in Reading(path, query, changed).messages():
                last = len(messages) - 1
                yield [
                    LogEntry(format_cursor(end, resume if index == last else None), parse_time(time), stream, data)
                    for index, (end, time, stream, data) in enumerate(messages)
                ]

    async def frames(
        self, path: Path, query: LogQuery, *, multiplexed: bool, timestamps: bool, coalesce: bool = False
    ) -> AsyncIterator[bytes]:
        """See the port."""
        with self._changes(path, query) as changed:
            reading = Reading(path, query, changed)
            async for chunk in reading.frames(multiplexed=multiplexed, timestamps=timestamps, coalesce=coalesce):
                yield chunk

    async def json_lines(self, path: Path, query: LogQuery) -> AsyncIterator[bytes]:
        """See the port."""
        with self._changes(path, query) as changed:
            async for chunk in json_lines(Reading(path, query, changed), str(path), self._converted):
                yield chunk

    @contextmanager
    def _changes(self, path: Path, query: LogQuery) -> Iterator[asyncio.Event]:
        """An event that is set whenever the log may have changed; only a follower costs a kernel watch."""
        changed = asyncio.Event()
        if not query.follow:
            yield changed
            return
        key = self._watcher.watch(path.parent, changed)
        try:
            yield changed
        finally:
            self._watcher.unwatch(key, changed)

    def check(self, driver: str, options: Mapping[str, str]) -> None:
        """See the port."""
        check_names(driver, options)

    def options(self, driver: str, options: Mapping[str, str]) -> LogRotation | None:
        """See the port."""
        return read_rotation(driver, options)

    def watch(self, path: Path, control: Path, rotation: LogRotation) -> None:
        """See the port."""
        self._rotator.watch(path, control, rotation)

    def unwatch(self, path: Path) -> None:
        """See the port."""
        self._rotator.unwatch(path)

    async def remove(self, path: Path) -> None:
        """See the port."""
        self.unwatch(path)
        self._converted.forget(str(path))
        for segment in list_segments(path):
            segment.path.unlink(missing_ok=True)

    async def close(self) -> None:
        """See the port."""
        await self._rotator.close()
        self._watcher.close()
