"""Takes everything of one agent off the host: containers, mounts, namespaces, links, rules, cgroups and files.

The opposite of installing. It works from what the kernel shows, not from the journal, so that it also clears away what
a broken or half-removed agent left. Every step is safe to repeat, and one that fails does not keep the others back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from agent.config import Config
from agent.host import cgroups, mounts
from agent.host.files import Lock, LockHeld
from agent.network import nftables, removal
from wire import errors

__all__ = ["purge"]


async def purge(config: Config) -> list[str]:
    """Remove it all; returns what could not be removed, in words. Raises Conflict while the agent runs."""
    if config.data.exists():
        try:
            Lock(config.lock).acquire()
        except LockHeld:
            raise errors.Conflict(f"the agent on {config.data} still runs: stop it first") from None
    left: list[str] = []
    if not await _end_processes(config):
        left.append("processes of containers that do not end")
    for what, work in (
        ("networks", lambda: _remove_networks(config)),
        ("mounts", lambda: _unmount(config)),
    ):
        left += _attempt(what, work)
    left += [f"cgroup {path}" for path in _group(config).remove()]
    for directory in (config.run, config.data):
        left += _attempt(str(directory), lambda directory=directory: _remove_tree(directory))  # type: ignore[misc]
    return left


def _attempt(what: str, work: Callable[[], None]) -> list[str]:
    try:
        work()
    except (OSError, nftables.NftError) as error:
        return [f"{what}: {error}"]
    return []


def _group(config: Config) -> cgroups.Cgroup:
    """The agent's parent group in every tree where it exists."""
    layout = cgroups.read_layout()
    keys = {key for h in layout.hierarchies for key in (h.controllers or ((cgroups.UNIFIED,) if h.unified else ()))}
    found = {key: directory for key in keys if (directory := layout.directory(key, config.cgroup_parent))}
    return cgroups.Cgroup({key: directory for key, directory in found.items() if os.path.isdir(directory)})


async def _end_processes(config: Config) -> bool:
    """Kill what is in our cgroups, then the monitors: their command lines name our run directory."""
    group = _group(config)
    ended = await group.empty() if group.directories else True
    mark = os.fsencode(config.run) + b"/"
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if (entry / "comm").read_bytes().strip() == b"conmon" and mark in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
    for _ in range(100):
        if not group.directories or not group.pids():
            break
        await asyncio.sleep(0.05)
    return ended


def _unmount(config: Config) -> None:
    for directory in (config.run, config.data):
        mounts.unmount_below(directory)


def _remove_networks(config: Config) -> None:
    removal.remove_everything(config)


def _remove_tree(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)
