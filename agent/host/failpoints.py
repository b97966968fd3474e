"""Named places where a test can kill or fail the agent: `MOORING_FAILPOINT=create.after_rootfs[:error|delay=SECONDS]`.

`MOORING_FAILPOINT=@FILE` has the same words in a file, which may change while the agent runs; none there, none armed.
Unset, `hit` is one comparison. With no action the process dies as by SIGKILL, without any clean-up.
"""

from __future__ import annotations

import os
import signal
import time

from wire.errors import Internal

__all__ = ["hit"]

_NAME, _, _ACTION = os.environ.get("MOORING_FAILPOINT", "").partition(":")
_FILE = _NAME.removeprefix("@") if _NAME.startswith("@") else ""


def hit(name: str) -> None:
    """Do what the environment asks for at this place; nothing when it names another or none."""
    wanted, action = _read() if _FILE else (_NAME, _ACTION)
    if name != wanted:
        return
    if action == "error":
        raise Internal(f"failpoint {name}")
    if action.startswith("delay="):
        time.sleep(float(action.removeprefix("delay=")))
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _read() -> tuple[str, str]:
    try:
        with open(_FILE) as file:
            name, _, action = file.read().strip().partition(":")
    except FileNotFoundError:
        return "", ""
    return name, action
