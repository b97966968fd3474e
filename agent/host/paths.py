"""Path resolution that cannot leave a root, by `openat2(2)` (Linux 5.6).

A container may swap links in its own tree while we walk it, so nothing here checks first and opens later: the kernel
resolves every component, `..` and symlink inside the root in the one call that also opens.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.host import syscalls

__all__ = [
    "RESOLVE_BENEATH", "RESOLVE_IN_ROOT", "RESOLVE_NO_MAGICLINKS", "RESOLVE_NO_SYMLINKS", "RESOLVE_NO_XDEV",
    "fd_path", "open_in_root", "open_root", "openat2", "resolve_in_root",
]  # fmt: skip

RESOLVE_NO_XDEV: Final = 0x01
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
RESOLVE_IN_ROOT: Final = 0x10


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def openat2(directory_fd: int, path: str | bytes | os.PathLike[str], flags: int, *, mode: int = 0, resolve: int) -> int:
    """Open `path` under the given `RESOLVE_*` rules; returns a close-on-exec fd that the caller closes.

    EAGAIN (a rename raced with `..`) is retried a bounded number of times, as `openat2(2)` asks.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    name = os.fsencode(path)
    for attempt in range(32):
        try:
            return syscalls.syscall(
                syscalls.OPENAT2, "openat2", name, directory_fd, name, ctypes.byref(how), ctypes.sizeof(how)
            )
        except BlockingIOError:
            if attempt == 31:
                raise
    raise AssertionError("unreachable")


@contextmanager
def open_root(root: Path | str) -> Iterator[int]:
    """Open a directory to be used as the root of resolutions; closes it afterwards."""
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_in_root(root_fd: int, path: str | bytes | os.PathLike[str], flags: int, *, mode: int = 0) -> int:
    """Open `path` as a process chrooted to `root_fd` would, without /proc's magic links. Caller closes."""
    return openat2(root_fd, path, flags, mode=mode, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def fd_path(descriptor: int) -> str:
    """The host path an open fd stands for, now; only good for showing and for a first guess, never for a check."""
    return os.readlink(f"/proc/self/fd/{descriptor}")


def resolve_in_root(root: Path | str, path: str) -> str:
    """Where `path` of a container lies on the host, all links followed inside `root`. The object must exist.

    The answer is a string and can be overtaken by a rename: use it only where the container does not run yet or the
    reader does not care. Everything else keeps the fd of `open_in_root`.
    """
    with open_root(root) as root_fd:
        descriptor = open_in_root(root_fd, path, os.O_PATH)
        try:
            return fd_path(descriptor)
        finally:
            os.close(descriptor)
