"""Directory changes by `inotify(7)`: one kernel instance for any number of waiters (a user has only 128 instances)."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from pathlib import Path
from typing import Final

from agent.host import syscalls

__all__ = ["DirectoryWatcher"]

_IN_MODIFY: Final = 0x2
_IN_MOVED_TO: Final = 0x80
_IN_CREATE: Final = 0x100
_IN_ONLYDIR: Final = 0x01000000
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_HEADER: Final = struct.Struct("iIII")


class DirectoryWatcher:
    """Sets the events of whoever watches a directory when something in it is written, made or moved in.

    Events of one kind that follow each other are merged by the kernel; on overflow every waiter is woken. Must be made
    in a running loop.
    """

    def __init__(self) -> None:
        self._descriptor = syscalls.check(int(syscalls.libc.inotify_init1(_FLAGS)), "inotify_init1")
        self._waiters: dict[int, set[asyncio.Event]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._on_readable)

    def watch(self, directory: Path, event: asyncio.Event) -> int:
        """Wake `event` on changes in `directory` from now on; returns what `unwatch` takes. Raises OSError."""
        mask = ctypes.c_uint32(_IN_MODIFY | _IN_MOVED_TO | _IN_CREATE | _IN_ONLYDIR)
        raw = os.fsencode(directory)
        key = syscalls.check(
            int(syscalls.libc.inotify_add_watch(self._descriptor, raw, mask)), "inotify_add_watch", directory
        )
        # The same directory gives the same key.
        self._waiters.setdefault(key, set()).add(event)
        return key

    def unwatch(self, key: int, event: asyncio.Event) -> None:
        """Stop waking `event`; safe after the directory is gone."""
        waiters = self._waiters.get(key)
        if waiters is None:
            return
        waiters.discard(event)
        if not waiters:
            del self._waiters[key]
            syscalls.libc.inotify_rm_watch(self._descriptor, key)

    def _on_readable(self) -> None:
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        position = 0
        seen: set[int] = set()
        while position < len(data):
            key, _, _, length = _HEADER.unpack_from(data, position)
            position += _HEADER.size + length
            seen.add(key)
        if -1 in seen:  # queue overflow: anything may have happened
            seen = set(self._waiters)
        for key in seen:
            for event in self._waiters.get(key, ()):
                event.set()

    def close(self) -> None:
        """Stop; waiters are woken a last time. Safe to repeat."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            for waiters in self._waiters.values():
                for event in waiters:
                    event.set()
            self._waiters.clear()
