"""Cutting logs: rename the file, have the monitor open its path again, delete what is too many.

One task looks at the size of every watched log, each as often as its growth asks for: at most twenty times a second, at
least every two seconds. A log can therefore pass its limit by what is written in between. Where that has filled the
disk, nothing would grow and so be rotated any more: then all that is rotated goes.

Order, so that a kill at any point leaves a log that reads the same: the rename keeps every position; a missing
reopening is asked for again at the next look; deletion starts at the oldest.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.logs.segments import list_segments, rotated_path
from agent.ports.logs import LogRotation

__all__ = ["Rotator", "rotate", "trim"]

_log = logging.getLogger(__name__)
_FASTEST_S: Final = 0.05
_SLOWEST_S: Final = 2.0
_TOGETHER_S: Final = 0.5
"""What is due within this time is looked at too: a hundred idle logs must not wake the agent a hundred times."""


def rotate(log: Path, control: Path) -> bool:
    """Rename the current file to its position and ask the monitor to start a new one. False when there is nothing to.

    Safe to repeat: without a current file the monitor has not reopened yet (or is gone), and is asked again.
    """
    segments = list_segments(log)
    if segments and segments[-1].current:
        if not segments[-1].size:
            return False
        # An empty place holder of that name is replaced.
        os.rename(log, rotated_path(log, segments[-1].start))
    elif not segments:
        return False
    _ask_to_reopen(control)
    return True


def _ask_to_reopen(control: Path) -> None:
    """`2 0 0` on conmon's control fifo. A monitor that is gone does not write either."""
    with suppress(OSError):
        descriptor = os.open(control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(descriptor, b"2 0 0\n")
        finally:
            os.close(descriptor)


def trim(log: Path, max_files: int) -> None:
    """Delete the oldest segments so that `max_files` remain, the current one included.

    Nothing is deleted while the current file is missing: the monitor may still be appending to the last renamed one.
    """
    segments = list_segments(log)
    if not segments or not segments[-1].current:
        return
    rotated = segments[:-1]
    surplus = [segment for segment in rotated if segment.size]
    surplus = surplus[: max(0, len(surplus) - (max_files - 1))]
    if surplus and surplus[-1] is rotated[-1]:
        # The last one's end is where the current file begins: keep the place with an empty file first.
        rotated_path(log, rotated[-1].end).touch(mode=0o600)
    for segment in surplus:
        segment.path.unlink(missing_ok=True)
    for segment in rotated:  # place holders that a later segment has made superfluous
        if not segment.size and segment is not rotated[-1]:
            segment.path.unlink(missing_ok=True)


def _make_room(log: Path, rotation: LogRotation) -> bool:
    """Delete what is rotated when it is more than the whole log may be and the disk is full. False when it is not more:
    there is nothing to watch."""
    rotated = sum(segment.size for segment in list_segments(log) if not segment.current)
    if rotated <= rotation.max_bytes * rotation.max_files:
        return False
    disk = os.statvfs(log.parent)
    if disk.f_bavail * disk.f_frsize >= rotation.max_bytes:
        return True
    trim(log, 1)
    return False


@dataclass(slots=True)
class _Watched:
    control: Path
    rotation: LogRotation
    size: int = 0
    untrimmed: bool = True
    oversized: bool = True
    due_at: float = 0.0


class Rotator:
    """Rotates the watched logs. `close` ends its task; made in a running loop."""

    def __init__(self) -> None:
        self._logs: dict[Path, _Watched] = {}
        self._changed = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="log rotation")

    def watch(self, log: Path, control: Path, rotation: LogRotation) -> None:
        """See the port."""
        if rotation.max_bytes > 0:
            self._logs[log] = _Watched(control, rotation)
            self._changed.set()

    def unwatch(self, log: Path) -> None:
        """See the port."""
        self._logs.pop(log, None)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            now = loop.time()
            for log, watched in tuple(self._logs.items()):
                if watched.due_at <= now + _TOGETHER_S:
                    self._look(log, watched, now)
            due_at = min((watched.due_at for watched in self._logs.values()), default=None)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due_at is None else max(0.01, due_at - loop.time())):
                    await self._changed.wait()

    def _look(self, log: Path, watched: _Watched, now: float) -> None:
        watched.due_at = now + _SLOWEST_S
        try:
            size = os.stat(log).st_size
        except FileNotFoundError:
            if list_segments(log):
                rotate(log, watched.control)
            return
        try:
            if watched.untrimmed:  # there is a current file: the last rotation is complete
                trim(log, watched.rotation.max_files)
                watched.untrimmed = False
            if watched.oversized:
                watched.oversized = _make_room(log, watched.rotation)
            if size >= watched.rotation.max_bytes:
                rotate(log, watched.control)
                watched.untrimmed = watched.oversized = True
                watched.due_at = now + _FASTEST_S
            elif size > watched.size:
                grown, left = size - watched.size, watched.rotation.max_bytes - size
                watched.due_at = now + min(max(left / grown * _SLOWEST_S / 2, _FASTEST_S), _SLOWEST_S)
            watched.size = size
        except OSError:
            _log.warning("log.rotation_failed", extra={"log": str(log)}, exc_info=True)

    async def close(self) -> None:
        """Stop. Safe to repeat."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
