"""Raw kernel calls that Python lacks, through libc's `syscall(2)`; every failure is an OSError naming call and object.

ctypes releases the interpreter lock around each call. Numbers are the same on every architecture since Linux 5.1's
unified table, and come from `include/uapi/asm-generic/unistd.h`.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

__all__ = ["MOUNT_SETATTR", "check", "libc", "syscall"]

OPEN_TREE: Final = 428
MOVE_MOUNT: Final = 429
FSOPEN: Final = 430
FSCONFIG: Final = 431
FSMOUNT: Final = 432
OPENAT2: Final = 437
MOUNT_SETATTR: Final = 442

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def check(result: int, call: str, what: object = "") -> int:
    """Return `result`, or raise the OSError for errno when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        text = f"{call}: {os.strerror(number)}"
        raise OSError(number, text, os.fsdecode(what) if isinstance(what, (bytes, str, os.PathLike)) else str(what))
    return result


def syscall(number: int, call: str, what: object, *arguments: object) -> int:
    """Make call `number`; `call` and `what` name it in the error."""
    return check(int(libc.syscall(number, *arguments)), call, what)
