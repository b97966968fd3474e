"""Namespaces of the calling thread: make one, enter one, pin one by a bind mount.

Python has these calls since 3.12; we run from 3.11.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from agent.host import mounts, syscalls

__all__ = ["CLONE_NEWNET", "inside_netns", "is_pinned", "make_netns", "remove_netns", "setns", "unshare"]

CLONE_NEWNET: Final = 0x40000000


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces."""
    syscalls.check(syscalls.libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into the namespace of `descriptor`."""
    syscalls.check(syscalls.libc.setns(descriptor, kind), "setns", descriptor)


def _own_netns() -> str:
    return f"/proc/self/task/{threading.get_native_id()}/ns/net"


@contextmanager
def _home_afterwards() -> Iterator[None]:
    """Come back to the namespace we are in. A thread that cannot come back must not go on: the process ends."""
    home = os.open(_own_netns(), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        try:
            setns(home, CLONE_NEWNET)
        except OSError:
            os.abort()
        os.close(home)


@contextmanager
def inside_netns(path: Path | str) -> Iterator[None]:
    """Run a block of the calling thread in the namespace at `path`. Sockets made in it stay in it."""
    target = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _home_afterwards():
            setns(target, CLONE_NEWNET)
            yield
    finally:
        os.close(target)


@contextmanager
def make_netns(path: Path) -> Iterator[None]:
    """Make a network namespace, pin it at `path` (which must not exist) and run the block in it.

    When the block fails nothing is left.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    try:
        with _home_afterwards():
            unshare(CLONE_NEWNET)
            mounts.mount(_own_netns(), path, "", flags=mounts.MS_BIND)
            yield
    except BaseException:
        remove_netns(path)
        raise


def is_pinned(path: Path) -> bool:
    """Whether a namespace is mounted at `path`; a plain file there (after a reboot) is none."""
    try:
        return path.stat().st_dev != path.parent.stat().st_dev
    except FileNotFoundError:
        return False


def remove_netns(path: Path) -> None:
    """Drop the pin; the kernel takes the namespace apart when nothing else holds it. Safe to repeat."""
    mounts.unmount(path)
    with suppress(FileNotFoundError):
        path.unlink()
