"""One container as the runtime room keeps it: who its processes are, its streams, its end.

States, all decided by the kernel and read through pidfds:

    created ──start──▶ running ──init ends──▶ draining ──monitor writes the exit file──▶ ended
                          └────monitor ends first, no exit file────▶ lost: killed ──▶ ended (code 255)
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self

import msgspec

from agent.host import files, kernel, pidfds, spawn
from agent.host.cgroups import Cgroup
from agent.ports.runtime import ExitStatus, StdioSession
from agent.runtime.monitor import AttachFeeder, BundleFiles
from agent.runtime.stdio import Hub

__all__ = ["Container", "Record"]

_MONITOR_GRACE_S: Final = 5.0
"""How long a live monitor may take, after the init has ended, to write out what is left. Past it, it counts as lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What must be known to take the container up again; kept in the bundle. Pids are valid only in their boot."""

    boot_id: str
    runtime: str
    init_pid: int
    init_ticks: int
    monitor_pid: int
    monitor_ticks: int
    tty: bool
    open_stdin: bool
    stdin_once: bool
    apparmor_profile: str | None = None
    cgroup: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Store it, whole or not at all. Need not survive a power cut: the container does not either."""
        files.write_atomic(path, msgspec.json.encode(asdict(self)), durable=False)

    @classmethod
    def find(cls, path: Path) -> Self | None:
        """The stored record, None when there is none or it is not from this boot."""
        try:
            record = cls(**msgspec.json.decode(path.read_bytes()))
        except (FileNotFoundError, msgspec.DecodeError, TypeError):
            return None
        return record if record.boot_id == kernel.boot_id() else None


class Container:
    """A created container. Its owner awaits `close` (or `discard`), which ends its tasks."""

    def __init__(self, container_id: str, bundle: Path, record: Record, monitor: spawn.Child | None) -> None:
        self.id = container_id
        self.files = BundleFiles(bundle, container_id)
        self.record = record
        self.cgroup = Cgroup(own_directories(record.cgroup, container_id))
        self.hub = Hub(tty=record.tty, write=self._write, close_stdin=self._close_stdin)
        self.hub.on_empty = self._on_no_sessions
        self.started = False
        self.status: ExitStatus | None = None
        self.ended = asyncio.Event()
        self._monitor = monitor
        self._feeder: AttachFeeder | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.init_pidfd = pidfds.open_pidfd(record.init_pid, record.init_ticks)
        if monitor is None:
            self._monitor_pidfd = pidfds.open_pidfd(record.monitor_pid, record.monitor_ticks)
        else:
            self._monitor_pidfd = os.dup(monitor.pidfd)
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name=f"watch {container_id[:12]}")

    @property
    def alive(self) -> bool:
        """Whether its init is still there."""
        return self.status is None

    # streams

    def attach(self) -> StdioSession:
        """A session; patient when the container has not been started yet."""
        if self._feeder is None and self.status is None and self._monitor_pidfd is not None:
            try:
                self._feeder = AttachFeeder(self.files, self.hub)
            except OSError:
                # The monitor is just closing down: the session ends when the status is settled.
                self._feeder = None
        return self.hub.open(patient=not self.started)

    async def _write(self, data: bytes) -> None:
        if self._feeder is not None and self.record.open_stdin:
            await self._feeder.write(data)

    async def _close_stdin(self) -> None:
        """Docker's rule: the end of a client's input ends the container's only with StdinOnce and no terminal."""
        if self._feeder is not None and self.record.stdin_once and not self.record.tty:
            self._feeder.end_input()

    def _on_no_sessions(self) -> None:
        feeder, self._feeder = self._feeder, None
        if feeder is not None:
            task = asyncio.get_running_loop().create_task(feeder.close(), name="detach")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def resize(self, rows: int, columns: int) -> None:
        """Tell the monitor the terminal's size. A monitor that is gone is no error: there is nothing to resize."""
        self._control(f"1 {rows} {columns}\n")

    def reopen_log(self) -> None:
        """Have the monitor open its log path again (after a rename)."""
        self._control("2 0 0\n")

    def _control(self, line: str) -> None:
        with suppress(OSError):
            descriptor = os.open(self.files.control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)

    # the end

    def signal(self, number: int) -> bool:
        """Signal the init; False when it has ended."""
        return self.init_pidfd is not None and pidfds.send_signal(self.init_pidfd, number)

    async def _watch(self) -> None:
        """Wait for the end, whichever way it comes, and settle the status."""
        init = asyncio.ensure_future(_until_exit(self.init_pidfd))
        monitor = asyncio.ensure_future(self._until_monitor_exit())
        try:
            await asyncio.wait([init, monitor], return_when=asyncio.FIRST_COMPLETED)
            self.hub.hurry()
            if not monitor.done():
                await asyncio.wait([monitor], timeout=_MONITOR_GRACE_S)
            if not monitor.done():
                if self._monitor_pidfd is not None:
                    pidfds.send_signal(self._monitor_pidfd, signal.SIGKILL)
                await monitor
            status = self._read_exit()
            if status is None:
                self.signal(signal.SIGKILL)
                await self.cgroup.empty()
                status = ExitStatus(code=255, exited_at=time.time(), oom_killed=self._was_oom_killed(), lost=True)
            if self._feeder is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_MONITOR_GRACE_S):
                        await self._feeder.ended.wait()
            self.status = status
            self.hub.finish()
            self.ended.set()
        finally:
            for waiter in (init, monitor):
                waiter.cancel()
            await asyncio.gather(init, monitor, return_exceptions=True)

    async def _until_monitor_exit(self) -> None:
        if self._monitor is not None:
            await self._monitor.wait()
        else:
            await _until_exit(self._monitor_pidfd)

    def _read_exit(self) -> ExitStatus | None:
        try:
            code = int(self.files.exit.read_text())
            # A file's times come from a clock that may lag by a tick: use it only for what ended without us.
            at = self.files.exit.stat().st_mtime if self._monitor is None else time.time()
        except (FileNotFoundError, ValueError):
            return None
        if code < 0:  # conmon could not tell
            return None
        return ExitStatus(code=code, exited_at=at, oom_killed=self._was_oom_killed())

    def _was_oom_killed(self) -> bool:
        return self.files.oom.exists() or self.cgroup.oom_kills() > 0

    async def kill_all(self) -> None:
        """End it and everything in it, and wait until the status is settled. Safe to repeat."""
        self.signal(signal.SIGKILL)
        if not await self.cgroup.empty():
            pass  # something uninterruptible: the group's removal will report it
        await self.ended.wait()

    async def close(self) -> None:
        """Let go without touching the container."""
        if self.status is None:
            self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        self.hub.on_empty = None
        if self._feeder is not None:
            await self._feeder.close()
            self._feeder = None
        await asyncio.gather(*self._closing, return_exceptions=True)
        self.hub.finish()
        for descriptor in (self.init_pidfd, self._monitor_pidfd):
            if descriptor is not None:
                os.close(descriptor)
        self.init_pidfd = self._monitor_pidfd = None


async def _until_exit(pidfd: int | None) -> None:
    if pidfd is not None:
        await pidfds.until_exit(pidfd)


def own_directories(directories: Mapping[str, str], container_id: str) -> dict[str, str]:
    """Those that are this container's own: a tree the runtime did not use holds the init in somebody else's group,
    and killing or removing that would hit the host."""
    return {key: path for key, path in directories.items() if path.endswith(f"/{container_id}")}
