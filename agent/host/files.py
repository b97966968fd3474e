"""Durable small files, bounded reads of files others wrote, and locks."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Lock", "LockHeld", "fsync_directory", "read_regular", "write_atomic", "write_file"]


def fsync_directory(directory: Path) -> None:
    """Make names created in or removed from `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path | str, data: bytes | str, *, mode: int = 0o600) -> None:
    """Write a file that nobody reads yet and that may be lost with the machine (a bundle, a run-time file)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data.encode() if isinstance(data, str) else data)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes | str, *, mode: int = 0o600, durable: bool = True) -> None:
    """Replace `path` so that a reader, or we after a crash, sees the old or the new content and nothing between.

    `durable` adds the two fsyncs that also hold over a power cut. A leftover temporary file of an earlier crash is
    overwritten. The temporary name is fixed: callers serialise writers of one path.
    """
    temporary = path.with_name(f".{path.name}.new")
    content = data.encode() if isinstance(data, str) else data
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fchmod(descriptor, mode)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    if durable:
        fsync_directory(path.parent)


def read_regular(path: Path | str, limit_bytes: int, *, dir_fd: int | None = None) -> bytes:
    """Read a file that a container or image may have made: never blocks on a FIFO, follows no final link, is bounded.

    Raises OSError (ENOENT, ELOOP…) or ValueError when it is not a regular file or longer than `limit_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError(f"{path}: not a regular file")
        parts: list[bytes] = []
        left = limit_bytes + 1
        while left and (part := os.read(descriptor, min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
        if not left:
            raise ValueError(f"{path}: larger than {limit_bytes} bytes")
        return b"".join(parts)
    finally:
        os.close(descriptor)


class LockHeld(Exception):
    """Somebody else holds the lock; `args[0]` is its path."""


class Lock:
    """An exclusive advisory lock on a file, held until `release` or the death of this process. Never blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self) -> Self:
        """Take it now or raise LockHeld. The file holds our pid for people to read."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LockHeld(str(self._path)) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Let go; safe to repeat. The file stays: removing it would let two holders exist."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
