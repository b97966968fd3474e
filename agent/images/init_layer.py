"""The layer between an image and a container that makes the root safe to hand to a runtime.

The packaged runtimes follow what an image put at `dev`: a link there made them create device nodes in a directory of
the host. So real `dev` (opaque), `proc`, `sys` and `etc` lie above every image, with the entries Docker's own init
layer has. The files in `etc` are where the engine binds its own. It only depends on how the image's `etc` looks, so
containers share it: one directory per look, never changed once it has its name.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.images.layer_view import find_entry
from agent.images.unpack import OPAQUE_XATTR

__all__ = ["ensure_init_layer"]

_VERSION: Final = 1
_DIRECTORIES: Final = ("dev", "dev/pts", "dev/shm", "proc", "sys", "etc")
_FILES: Final = (".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf")
_LINKS: Final = {"etc/mtab": "/proc/mounts"}
_PLAIN: Final = (0o755, 0, 0)


def ensure_init_layer(directory: Path, lowers: Sequence[Path]) -> Path:
    """Return the init layer for these image layers (top first), making it below `directory` when it is the first."""
    mode, uid, gid = look = _look_of_etc(lowers)
    final = directory / f"{_VERSION}-{mode:o}-{uid}-{gid}"
    if final.exists():
        return final
    # Two threads may be at it: the first mounts of two containers.
    temporary = directory / f".{final.name}.{os.getpid()}.{threading.get_ident()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o755)
    temporary.chmod(0o755)
    for name in _DIRECTORIES:
        (temporary / name).mkdir()
        (temporary / name).chmod(0o755)
    for name in _FILES:
        (temporary / name).touch()
        (temporary / name).chmod(0o755)
    for name, target in _LINKS.items():
        (temporary / name).symlink_to(target)
    os.setxattr(temporary / "dev", OPAQUE_XATTR, b"y")
    if look != _PLAIN:
        etc = temporary / "etc"
        os.chown(etc, uid, gid)
        etc.chmod(mode)
    try:
        temporary.rename(final)
    except OSError:
        # Another container made it meanwhile: theirs is the same.
        shutil.rmtree(temporary, ignore_errors=True)
        if not final.exists():
            raise
    return final


def _look_of_etc(lowers: Sequence[Path]) -> tuple[int, int, int]:
    facts = find_entry(lowers, "etc")
    if facts is None or not stat.S_ISDIR(facts.st_mode):
        return _PLAIN
    return stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid
