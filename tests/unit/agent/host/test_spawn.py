"""Orphans: who is reaped, and who is left to an owner of their own."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from agent.host import spawn
from tests.contract.runtime_suite import eventually

_MAKES_AN_ORPHAN = "import os; os.fork() or os.execlp('sleep', 'sleep', '1000')"
"""Leaves a `sleep` in the session of its dead parent, as crun leaves its helper when an exec fails."""


@pytest.fixture(autouse=True)
def subreaper() -> Iterator[None]:
    before = signal.getsignal(signal.SIGCHLD)
    spawn.become_subreaper()
    yield
    signal.signal(signal.SIGCHLD, before)
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _children_of_ours() -> set[int]:
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as handle:
                if int(handle.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.add(int(name))
        except OSError:
            pass
    return found


_start = partial(subprocess.Popen, ["true"])
"""Somebody else's child: not started by `spawn`."""


def _dead(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


async def _adopt() -> int:
    """Become the parent of a process that somebody else started; returns its pid."""
    before = _children_of_ours()
    parent = spawn.start([sys.executable, "-c", _MAKES_AN_ORPHAN], new_session=True)
    assert await parent.wait() == 0
    (orphan,) = _children_of_ours() - before
    return orphan


async def test_an_orphan_is_reaped_though_somebody_elses_dead_child_comes_first() -> None:
    with _start(start_new_session=True) as first, _start() as second:
        await eventually(lambda: _dead(first.pid) and _dead(second.pid))
        orphan = await _adopt()
        os.kill(orphan, signal.SIGKILL)
        await eventually(lambda: orphan not in _children_of_ours())
        assert _dead(first.pid)
        assert _dead(second.pid)


async def test_an_own_child_is_left_to_its_owner() -> None:
    child = spawn.start(["/bin/sh", "-c", "exit 3"])
    await eventually(lambda: _dead(child.pid))
    assert await child.wait() == 3
