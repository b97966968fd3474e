"""conmon: starting it, its files in the bundle, and its attach socket.

conmon is the parent of a container's init. It writes the log, offers the streams on a SEQPACKET socket, and leaves the
exit code in a file; it outlives us. Facts relied on (conmon 2.1.6): it answers on `_OCI_SYNCPIPE` with one JSON line,
`data` being the init's pid or negative on failure; a message sent to it over 32 KiB is cut; a message it sends starts
with a stream byte (2 stdout, 3 stderr); it writes `oom` into its working directory; the exit file is complete once it
has ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.host import spawn
from agent.runtime.failures import said
from agent.runtime.stdio import Hub
from wire.errors import Timeout

__all__ = ["AttachFeeder", "BundleFiles", "CreateFailed", "Started", "run_create"]

_MESSAGE_BYTES: Final = 8192
_GROUP_LIMIT_S: Final = 5.0
_SYNC_FD, _STDERR_FD = 3, 2


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """Every file a container has in its bundle, ours and the monitor's."""

    bundle: Path
    container_id: str

    @property
    def config(self) -> Path:
        return self.bundle / "config.json"

    @property
    def record(self) -> Path:
        """What we note about a created container, so that the next agent finds it."""
        return self.bundle / "container.json"

    @property
    def init_pid(self) -> Path:
        return self.bundle / "init.pid"

    @property
    def attach(self) -> Path:
        return self.bundle / "attach"

    @property
    def control(self) -> Path:
        return self.bundle / "ctl"

    @property
    def exit(self) -> Path:
        return self.bundle / self.container_id

    @property
    def oom(self) -> Path:
        return self.bundle / "oom"

    def remove(self) -> None:
        """Delete them all, exec records included; the bundle itself is the engine's."""
        names = ("config.json", "container.json", "init.pid", "attach", "ctl", "winsz", "oom", self.container_id)
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(self.bundle / name)
        with suppress(FileNotFoundError):
            for entry in os.scandir(self.bundle):
                if entry.name.startswith("exec-"):
                    with suppress(FileNotFoundError):
                        os.unlink(entry.path)


class CreateFailed(Exception):
    """The runtime could not create the container; `args[0]` is what it said."""


@dataclass(frozen=True, slots=True)
class Started:
    """A monitor with its container created: the monitor as our child, the init's host pid."""

    monitor: spawn.Child
    init_pid: int


def monitor_argv(
    monitor: str, runtime: str, runtime_args: Sequence[str], files: BundleFiles, *, tty: bool, stdin: bool,
    leave_stdin_open: bool, log_path: Path | None,
) -> list[str]:  # fmt: skip
    """conmon's command line. `--sync` keeps it our child, which saves a fork and tells us its pid."""
    argv = [monitor, "--sync", "--api-version", "1", "--full-attach", "--no-sync-log", "--log-level", "error"]
    argv += ["--cid", files.container_id, "--cuuid", files.container_id, "--name", files.container_id[:12]]
    argv += ["--bundle", str(files.bundle), "--exit-dir", str(files.bundle), "--container-pidfile", str(files.init_pid)]
    argv += ["--log-path", "none" if log_path is None else f"k8s-file:{log_path}"]
    argv += ["--runtime", runtime]
    for argument in runtime_args:
        argv += ["--runtime-arg", argument]
    if tty:
        argv.append("--terminal")
    if stdin:
        argv.append("--stdin")
    if leave_stdin_open:
        argv.append("--leave-stdin-open")
    return argv


async def run_create(argv: Sequence[str], files: BundleFiles, *, socket_directory: str, timeout_s: float) -> Started:
    """Start the monitor, which runs `create`; return once the container exists.

    Raises CreateFailed with the runtime's words. On any failure or cancellation the monitor is dead and reaped; what
    the runtime left behind is the caller's to delete.
    """
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    errors = os.memfd_create("monitor-errors", os.MFD_CLOEXEC)
    child: spawn.Child | None = None
    reader = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()
    answer = bytearray()

    def on_readable() -> None:
        with suppress(BlockingIOError):
            part = os.read(read_end, 65536)
            answer.extend(part)
            if (not part or b"\n" in part) and not reader.done():
                reader.set_result(None)

    try:
        os.set_blocking(read_end, False)
        # TZ=UTC (in the clean environment) makes the log's times UTC; TMPDIR is where a terminal's console socket goes,
        # and its path must be short.
        env = {**spawn.CLEAN_ENVIRONMENT, "_OCI_SYNCPIPE": str(_SYNC_FD), "TMPDIR": socket_directory}
        child = spawn.start(argv, env=env, fds={_SYNC_FD: write_end, _STDERR_FD: errors}, cwd=files.bundle)
        os.close(write_end)
        write_end = -1
        loop.add_reader(read_end, on_readable)
        try:
            async with asyncio.timeout(timeout_s):
                await reader
        except TimeoutError:
            raise Timeout(f"creating the container took longer than {timeout_s:g} s") from None
        finally:
            loop.remove_reader(read_end)
        pid, message = _parse_answer(bytes(answer))
        if pid > 0:
            started, child = Started(child, pid), None
            return started
        os.lseek(errors, 0, os.SEEK_SET)
        raise CreateFailed(said(message) if message else said(os.read(errors, 65536)))
    finally:
        for descriptor in (read_end, write_end, errors):
            if descriptor >= 0:
                os.close(descriptor)
        if child is not None:
            await asyncio.shield(_end(child))


async def _end(monitor: spawn.Child) -> None:
    """Kill a monitor and the runtime that may still be creating for it; return when both are gone.

    conmon makes itself the leader of a group before it starts the runtime. A runtime that outlived it would go on
    creating what the caller is deleting; as an orphan it is reaped by us (`spawn.become_subreaper`).
    """
    with suppress(ProcessLookupError):
        os.killpg(monitor.pid, signal.SIGKILL)
    monitor.kill()
    await monitor.wait()
    deadline = time.monotonic() + _GROUP_LIMIT_S
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(monitor.pid, 0)
            await asyncio.sleep(0.005)


def _parse_answer(raw: bytes) -> tuple[int, str]:
    """(pid, "") or (-1, message). conmon escapes by hand, so control characters may stand unescaped."""
    for line in raw.splitlines():
        try:
            document = json.loads(line, strict=False)
            return int(document["data"]), str(document.get("message", ""))
        except (ValueError, KeyError, TypeError):
            continue
    return -1, ""


class AttachFeeder:
    """Moves bytes between conmon's attach socket and a hub. One per container, connected while it has clients.

    Making one raises OSError when the monitor no longer listens.
    """

    def __init__(self, files: BundleFiles, hub: Hub) -> None:
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        self._writing = asyncio.Lock()
        self._waiting: asyncio.Task[None] | None = None
        self._reading = False
        self.ended = asyncio.Event()
        directory = os.open(files.bundle, os.O_PATH | os.O_CLOEXEC)
        try:
            # By fd: the bundle's path may be longer than a socket address takes.
            self._socket.connect(f"/proc/self/fd/{directory}/attach")
        except OSError:
            self._socket.close()
            raise
        finally:
            os.close(directory)
        self._socket.setblocking(False)
        self._resume()

    def _resume(self) -> None:
        if not self._reading and self._socket.fileno() >= 0:
            self._reading = True
            self._loop.add_reader(self._socket.fileno(), self._on_readable)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket.fileno())

    def _on_readable(self) -> None:
        """Take up to 64 messages, so that one noisy container leaves the loop to others."""
        for _ in range(64):
            if not self._hub.has_room():
                self._pause()
                self._waiting = self._loop.create_task(self._wait_for_room(), name="attach room")
                return
            try:
                message = self._socket.recv(32768 + 1)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                self._pause()
                self.ended.set()
                return
            self._hub.feed(2 if message[0] == 3 else 1, message[1:])

    async def _wait_for_room(self) -> None:
        await self._hub.room()
        self._resume()

    async def write(self, data: bytes) -> None:
        """Send to the container's stdin; waits while it is not read. Bytes after the monitor's end are dropped."""
        async with self._writing:
            for start in range(0, len(data), _MESSAGE_BYTES):
                try:
                    await self._loop.sock_sendall(self._socket, data[start : start + _MESSAGE_BYTES])
                except (OSError, ValueError):
                    return

    def end_input(self) -> None:
        """Half-close: the monitor closes the container's stdin unless told to leave it open."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    async def close(self) -> None:
        """Disconnect; safe to repeat."""
        self._pause()
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
            self._waiting = None
        self._socket.close()
        self.ended.set()
