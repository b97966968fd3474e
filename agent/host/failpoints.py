"""Named places where a test can kill or fail the agent: `MOORING_FAILPOINT=create.after_rootfs[:error|delay=SECONDS]`.

Unset, `hit` is one comparison. With no action the process dies as by SIGKILL, without any clean-up.
"""

from __future__ import annotations

import os
import signal
import time

from wire.errors import Internal

__all__ = ["hit"]

_NAME, _, _ACTION = os.environ.get("MOORING_FAILPOINT", "").partition(":")


def hit(name: str) -> None:
    """Do what the environment asks for at this place; nothing when it names another or none."""
    if name != _NAME:
        return
    if _ACTION == "error":
        raise Internal(f"failpoint {name}")
    if _ACTION.startswith("delay="):
        time.sleep(float(_ACTION.removeprefix("delay=")))
        return
    os.kill(os.getpid(), signal.SIGKILL)
