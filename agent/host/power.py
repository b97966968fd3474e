"""Whether this machine is being shut down."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.host import spawn
from wire.errors import MooringError

__all__ = ["is_host_going_down"]

_ANSWER_S = 10.0
_BOOTED = Path("/run/systemd/system")  # sd_booted(3)


async def is_host_going_down() -> bool:
    """Whether systemd is on its way to a halt or reboot. False where systemd is not the first process."""
    systemctl = shutil.which("systemctl", path=spawn.CLEAN_ENVIRONMENT["PATH"])
    if systemctl is None or not _BOOTED.is_dir():
        return False
    try:
        state = await spawn.run([systemctl, "is-system-running"], timeout_s=_ANSWER_S)
    except MooringError:
        return False
    return state.stdout.strip() == b"stopping"
