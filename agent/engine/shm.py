"""The host side of a /dev/shm that other containers may join (`--ipc shareable`)."""

from __future__ import annotations

import os
from contextlib import suppress

from agent.engine.container import Container
from agent.engine.context import Context
from agent.host import mounts

__all__ = ["make_shm", "remove_shm"]


def make_shm(ctx: Context, container: Container) -> None:
    """Mount it when the container's IPC mode asks for one. Safe to repeat."""
    if container.record.host.ipc_mode != "shareable":
        return
    target = ctx.config.shm(container.id)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if mounts.is_mounted(target):
        return
    flags = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC
    made = mounts.make_filesystem(
        "tmpfs", [("source", "shm"), ("mode", "1777"), ("size", str(container.record.host.shm_size))], flags=flags
    )
    try:
        mounts.attach(made, target)
    finally:
        os.close(made)


def remove_shm(ctx: Context, container: Container) -> None:
    """Unmount and remove it. Safe when there is none."""
    if container.record.host.ipc_mode != "shareable":
        return
    target = ctx.config.shm(container.id)
    mounts.unmount(target)
    with suppress(OSError):
        target.rmdir()
