"""Finds processes of an instance whose process manager was killed, and stops them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

MARK = "MOORING_SUPERVISED"
"""Environment variable that every supervised program carries; its value is the instance's data directory."""

_OURS = (b"controlplane", b"valkey-server", b"\0agent\0")


def find(data: Path) -> list[int]:
    """Process ids of the instance's own programs. Containers' monitors never match: their command line differs."""
    wanted = f"{MARK}={data}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            command = (entry / "cmdline").read_bytes()
            if any(part in command for part in _OURS) and b"launch.py" not in command:
                found.append(int(entry.name))
    return found


def stop(data: Path, limit_s: float = 20) -> bool:
    """SIGTERM, then SIGKILL after `limit_s`; returns whether there was anything. Safe to repeat."""
    pids = find(data)
    if not pids:
        return False
    deadline = time.monotonic() + limit_s
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in find(data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while find(data) and time.monotonic() < deadline:
            time.sleep(0.1)
    return True


if __name__ == "__main__":
    stop(Path(sys.argv[1]))
