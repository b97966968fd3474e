"""Waiting for processes that are not our children, by pidfd: an fd that turns readable when the process ends.

A pid can be reused; a pidfd cannot. `open_pidfd` therefore takes the start time recorded when the pid was learnt, and
what it opens is either that very process or nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal

__all__ = ["open_pidfd", "send_signal", "start_time_ticks", "until_exit"]


def start_time_ticks(pid: int) -> int | None:
    """Clock ticks since boot at which `pid` started (field 22 of proc(5) stat), None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as handle:
            # The command name may hold spaces and parentheses: count from its last one.
            return int(handle.read().rpartition(b")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def open_pidfd(pid: int, started_ticks: int | None = None) -> int | None:
    """A pidfd of `pid`, or None when it has ended or is not the process that started at `started_ticks`.

    A zombie still has a pidfd, which is readable at once. The caller closes it.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except (ProcessLookupError, ValueError):
        return None
    if started_ticks is not None and start_time_ticks(pid) != started_ticks:
        os.close(descriptor)
        return None
    return descriptor


def send_signal(pidfd: int, number: int) -> bool:
    """Signal through the pidfd; False when the process has ended."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


async def until_exit(pidfd: int) -> None:
    """Return when the process has ended. Keeps the fd open; one waiter per fd (dup it for more)."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def on_readable() -> None:
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(pidfd, on_readable)
    try:
        await ended
    finally:
        loop.remove_reader(pidfd)
