"""The log port: what a container wrote, as entries or as ready-framed bytes, with a cursor that survives rotation.

A container's log is one endless sequence of bytes kept in segments: the file the monitor appends to and older ones that
rotation renamed. A cursor is a position in that sequence, so it means the same before and after a rotation, an agent
restart and a container restart. Reading from the cursor of the last entry received gives the next one: no gap, no
repeat. A cursor whose segment was already deleted reads on from the oldest entry kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

__all__ = ["LOG_DRIVERS", "LogEntry", "LogQuery", "LogRotation", "Logs"]

LOG_DRIVERS: Final = ("json-file", "local", "none")
"""Drivers whose options we honour. `json-file` and `local` differ only in their defaults here: both are kept in the
monitor's own format, which nobody but this port reads."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One message, as Docker's: a line with its newline, or a 16 KiB piece of a longer one without.

    `cursor` is where the next entry begins. `stream` is 1 (stdout) or 2 (stderr).
    """

    cursor: str
    time_ns: int
    stream: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """What to read. `tail` None is everything, 0 nothing of the past. Times are ns since the epoch, both inclusive.

    `cursor` wins over `tail`. `ended` is set when the container is not running and its monitor has closed the log (the
    runtime's `wait` has returned): a follower then yields what is left and stops, and a last line without a newline is
    given. Without `ended` a follower goes on for ever, and a reader that does not follow gives such a line as well.
    """

    stdout: bool = True
    stderr: bool = True
    tail: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    cursor: str | None = None
    follow: bool = False
    ended: asyncio.Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRotation:
    """When a log is cut: at `max_bytes` (0 never), keeping `max_files` segments, the one written to included."""

    max_bytes: int = 20 * 1000 * 1000
    max_files: int = 5


class Logs(Protocol):
    """Logs are found by the path the monitor was told to write (`SandboxSpec.log_path`)."""

    def entries(self, path: Path, query: LogQuery) -> AsyncIterator[list[LogEntry]]:
        """Yield batches of entries, in order. A path that does not exist yet reads as empty (and can be followed)."""
        ...

    def frames(
        self, path: Path, query: LogQuery, *, multiplexed: bool, timestamps: bool, coalesce: bool = False
    ) -> AsyncIterator[bytes]:
        """Yield the same as large chunks ready to send: Docker's stream frames, or the bare bytes for a TTY.

        Each message is a frame of its own as Docker does; with `coalesce` neighbours of one stream share a frame,
        which the docker CLI reads several times faster and which says the same. This is the fast path.
        """
        ...

    def json_lines(self, path: Path, query: LogQuery) -> AsyncIterator[bytes]:
        """Yield entries as JSON lines, many to a chunk: `{"c":cursor,"t":time in ns,"s":1 or 2,"l":text}`.

        For viewers: what several of them read of one log is converted once. Bytes that are no UTF-8 are replaced.
        """
        ...

    def check(self, driver: str, options: Mapping[str, str]) -> None:
        """What Docker checks when a container is created: that driver and options exist. Raises with Docker's text."""
        ...

    def options(self, driver: str, options: Mapping[str, str]) -> LogRotation | None:
        """Read a container's `LogConfig`, as Docker does when it starts; None for `none`. Raises Internal with Docker's
        text (without `failed to create task for container: `) for a value that cannot be used."""
        ...

    def watch(self, path: Path, control: Path, rotation: LogRotation) -> None:
        """Rotate this log whenever it passes the limit; `control` is the monitor's ctl fifo. Safe to repeat."""
        ...

    def unwatch(self, path: Path) -> None:
        """Stop rotating it; safe when it was never watched."""
        ...

    async def remove(self, path: Path) -> None:
        """Delete every segment. Safe to repeat."""
        ...

    async def close(self) -> None:
        """Stop all watching; followers end."""
        ...
