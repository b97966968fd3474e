"""Deleting directory trees that somebody else made: any depth, no recursion, no link followed, few open files.

The standard library's `rmtree` recurses and holds a file open for each level, so a tree a thousand deep, which any
image may hold, ends it with RecursionError or EMFILE.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Final

__all__ = ["remove_tree"]

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEPTH: Final = 64  # below, directories are moved up to the top and deleted from there
_PASSES: Final = 1000  # over the top directory; more means that somebody keeps filling it


def remove_tree(name: str, *, dir_fd: int | None = None) -> None:
    """Delete directory `name` and everything in it. What vanishes meanwhile is no error; blocking.

    Raises OSError when something cannot be deleted; the rest of the tree may be gone by then.
    """
    top = os.open(name, _DIRECTORY, dir_fd=dir_fd)
    try:
        moved = 0
        for _ in range(_PASSES):
            names = os.listdir(top)
            if not names:
                break
            for entry in names:
                moved = _remove(top, entry, moved)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=dir_fd)


def _remove(top: int, name: str, moved: int) -> int:
    """Delete one entry of the top directory; returns how many directories were moved up so far."""
    if _unlink(name, top):
        return moved
    stack: list[tuple[int, str, Iterator[str]]] = []
    try:
        _descend(stack, top, name)
        while stack:
            here, own, names = stack[-1]
            entry = next(names, None)
            if entry is None:
                os.close(here)
                stack.pop()
                _rmdir(own, stack[-1][0] if stack else top)
            elif not _unlink(entry, here):
                if len(stack) >= _DEPTH and _move_up(entry, here, top, moved):
                    moved += 1
                else:
                    _descend(stack, here, entry)
    finally:
        for descriptor, _, _ in stack:
            os.close(descriptor)
    return moved


def _descend(stack: list[tuple[int, str, Iterator[str]]], parent: int, name: str) -> None:
    try:
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        return
    stack.append((descriptor, name, iter(os.listdir(descriptor))))


def _unlink(name: str, parent: int) -> bool:
    """False for a directory."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        return False
    return True


def _rmdir(name: str, parent: int) -> None:
    try:
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        pass


def _move_up(name: str, parent: int, top: int, number: int) -> bool:
    """Whether the directory now lies in the top one, where a later pass finds it. Overlayfs cannot move directories
    that have a part in a lower layer."""
    try:
        os.rename(name, f".deep-{os.getpid()}-{number}", src_dir_fd=parent, dst_dir_fd=top)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    return True
