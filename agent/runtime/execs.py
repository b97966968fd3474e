"""Further processes in a container: the runtime's own `exec` in the foreground, with pipes or a terminal of ours.

No monitor: it would cost as much again as the exec itself, and what it would save, an attached exec's output across an
agent restart, has no reader left then. So an attached exec ends with the agent (`kill_leftovers` on the next start sees
to it); a detached one has no streams and lives on. The runtime's foreground process is our child and its exit code is
the exec's. Its own complaints go to a memory file by `--log`, never into the user's stderr; that the process runs is
known from the pid it writes.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import signal
import socket
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from agent.host import files, pidfds, spawn
from agent.ports.runtime import ExecSpec, ExitStatus
from agent.runtime.failures import exec_error, said
from agent.runtime.spec import build_process
from agent.runtime.stdio import Hub
from wire.errors import Timeout

__all__ = ["Exec", "kill_leftovers"]

_LOG_FD, _PID_FD, _DIRECTORY_FD = 3, 4, 5
_START_TIMEOUT_S: Final = 30.0
_LINGER_S: Final = 2.0
"""How long output may follow the process's end when something it left behind holds the pipe (Docker's number)."""


class Exec:
    """One exec. Made by `start`; its owner awaits `close`."""

    def __init__(self, spec: ExecSpec, record: Path) -> None:
        self.spec = spec
        self.pid = 0
        self.status: ExitStatus | None = None
        self.ended = asyncio.Event()
        self.hub = Hub(tty=spec.process.tty, write=self._write, close_stdin=self._close_stdin)
        self._loop = asyncio.get_running_loop()
        self._record = record
        self._pidfd: int | None = None
        self._child: spawn.Child | None = None
        self._stdin = -1
        self._writing = asyncio.Lock()
        self._outputs: dict[int, int] = {}  # fd -> stream
        self._paused: set[int] = set()
        self._relayed = False
        self._room: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    # starting

    async def start(self, argv: Sequence[str], container_id: str, bundle: Path, *, is_crun: bool) -> None:
        """Run `argv` (the runtime and its global options) `exec …` and return once the process runs.

        crun opens the pid file as it is named, so a pipe can stand in; runc renames a new file onto the name, so there
        it has to be a real one, looked at again and again while the process starts. crun hands a terminal over on a
        socket; runc does so only detached, and in the foreground relays between one of ours and the container's.
        Raises what `failures.exec_error` makes of the runtime's words; then nothing is left.
        """
        tty = self.spec.process.tty
        process_path = bundle / f"exec-{self.spec.exec_id[:32]}.process"
        log = os.memfd_create("exec-log", os.MFD_CLOEXEC)
        pid_read, pid_write = os.pipe2(os.O_CLOEXEC)
        pid_path = None if is_crun else bundle / f"exec-{self.spec.exec_id[:32]}.started"
        directory = os.open(bundle, os.O_PATH | os.O_CLOEXEC)
        console: socket.socket | None = None
        ours: list[int] = []
        theirs: list[int] = []
        name = f"exec-{self.spec.exec_id[:12]}.tty"
        try:
            files.write_file(process_path, msgspec.json.encode(build_process(self.spec.process)))
            fds = {_LOG_FD: log, _PID_FD: pid_write, _DIRECTORY_FD: directory}
            command = [*argv, "--log", f"/proc/self/fd/{_LOG_FD}", "--log-format", "json"]
            command += ["exec", "--process", str(process_path)]
            command += ["--pid-file", str(pid_path or f"/proc/self/fd/{_PID_FD}")]
            if tty and not is_crun:
                self._make_terminal(fds, theirs)
                command.append("--tty")
            elif tty:
                console = _listen(directory, name)
                command += ["--tty", "--console-socket", f"/proc/self/fd/{_DIRECTORY_FD}/{name}"]
            else:
                self._make_pipes(fds, ours, theirs)
            command.append(container_id)
            self._child = spawn.start(command, fds=fds, new_session=True)
            for descriptor in (*theirs, pid_write):
                os.close(descriptor)
            theirs, pid_write = [], -1
            self.pid = await self._started(pid_read, pid_path, console)
            if self.pid == 0:
                await self._child.wait()
                os.lseek(log, 0, os.SEEK_SET)
                complaint = os.read(log, 65536)
                if complaint or self._child.code not in range(256):
                    raise exec_error(said(complaint), self.spec.process.args[0])
                # It has run and ended, and runc has taken the pid file away again.
            else:
                self._pidfd = pidfds.open_pidfd(self.pid)
                self._note()
            for descriptor in self._outputs:
                self._loop.add_reader(descriptor, self._on_readable, descriptor)
            if not self._outputs:
                self._drained.set()
            self._watching = self._loop.create_task(self._watch(), name=f"exec {self.spec.exec_id[:12]}")
        except BaseException:
            if self._child is not None and self._child.code is None:
                self._child.kill()
                await asyncio.shield(self._child.wait())
            self._close_fds()
            raise
        finally:
            for descriptor in (log, pid_read, pid_write, directory, *theirs):
                if descriptor >= 0:
                    os.close(descriptor)
            if console is not None:
                console.close()
            for path in (process_path, bundle / name, pid_path or process_path):
                with suppress(FileNotFoundError):
                    path.unlink()

    def _make_pipes(self, fds: dict[int, int], ours: list[int], theirs: list[int]) -> None:
        if not self.spec.attach:
            return
        if self.spec.open_stdin:
            child_end, self._stdin = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._stdin, False)
            theirs.append(child_end)
            fds[0] = child_end
        for number in (1, 2):
            own_end, child_end = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(own_end, False)
            self._outputs[own_end] = number
            theirs.append(child_end)
            fds[number] = child_end

    def _make_terminal(self, fds: dict[int, int], theirs: list[int]) -> None:
        own_end, child_end = os.openpty()
        self._use_terminal(own_end)
        self._relayed = True
        theirs.append(child_end)
        fds.update({0: child_end, 1: child_end, 2: child_end})

    async def _started(self, pid_read: int, pid_path: Path | None, console: socket.socket | None) -> int:
        """The process's pid, 0 when the runtime gave up. A terminal's fd is taken on the way."""
        assert self._child is not None
        os.set_blocking(pid_read, False)
        written = asyncio.ensure_future(_pid_from_pipe(pid_read) if pid_path is None else _pid_from_file(pid_path))
        terminal = None if console is None else asyncio.ensure_future(self._take_terminal(console))
        gone = asyncio.ensure_future(self._child.wait())
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await asyncio.wait([written, gone], return_when=asyncio.FIRST_COMPLETED)
                if not written.done():
                    # The runtime has ended: what it wrote is there by now.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.005):
                            await asyncio.shield(written)
                pid = written.result() if written.done() else 0
                if pid and terminal is not None:
                    await terminal
                return pid
        except TimeoutError:
            raise Timeout("the runtime did not start the process in time") from None
        finally:
            pending = [waiter for waiter in (written, gone, terminal) if waiter is not None]
            for waiter in pending:
                waiter.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _take_terminal(self, console: socket.socket) -> None:
        connection, _ = await self._loop.sock_accept(console)
        with connection:
            while True:
                try:
                    _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
                    break
                except BlockingIOError:
                    await _readable(connection.fileno())
        received = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received.frombytes(content[: len(content) - len(content) % received.itemsize])
        self._use_terminal(received[0])

    def _use_terminal(self, terminal: int) -> None:
        os.set_inheritable(terminal, False)
        os.set_blocking(terminal, False)
        self._stdin = os.dup(terminal)
        self._outputs[terminal] = 1
        process = self.spec.process
        if process.console_rows and process.console_columns:
            self.resize(process.console_rows, process.console_columns)

    def _note(self) -> None:
        """For `kill_leftovers`; a detached exec leaves no note, it may live on."""
        if self.spec.attach:
            ticks = pidfds.start_time_ticks(self.pid) or 0
            files.write_file(self._record, f"{self.pid} {ticks}\n")

    # streams

    def _on_readable(self, descriptor: int) -> None:
        for _ in range(16):
            if not self.hub.has_room():
                self._loop.remove_reader(descriptor)
                self._paused.add(descriptor)
                if self._room is None or self._room.done():
                    self._room = self._loop.create_task(self._wait_for_room(), name="exec room")
                return
            try:
                data = os.read(descriptor, 65536)
            except BlockingIOError:
                return
            except OSError:  # EIO: the terminal's last process has gone
                data = b""
            if not data:
                self._end_output(descriptor)
                return
            self.hub.feed(self._outputs[descriptor], data)

    async def _wait_for_room(self) -> None:
        await self.hub.room()
        for descriptor in self._paused:
            self._loop.add_reader(descriptor, self._on_readable, descriptor)
        self._paused.clear()

    def _end_output(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        self._paused.discard(descriptor)
        del self._outputs[descriptor]
        if not self._outputs:
            self._drained.set()

    async def _write(self, data: bytes) -> None:
        async with self._writing:
            view = memoryview(data)
            while view and self._stdin >= 0:
                try:
                    view = view[os.write(self._stdin, view) :]
                except BlockingIOError:
                    await _writable(self._stdin)
                except OSError:  # EPIPE: it reads no more
                    return

    async def _close_stdin(self) -> None:
        if self.spec.process.tty:
            return  # a terminal has no end of file but the one its line discipline makes of ^D
        async with self._writing:
            if self._stdin >= 0:
                os.close(self._stdin)
                self._stdin = -1

    def resize(self, rows: int, columns: int) -> None:
        """Set the terminal's size; nothing without one or after its end."""
        for descriptor in self._outputs:
            with suppress(OSError):
                fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if self._relayed and self._child is not None:
            self._child.signal(signal.SIGWINCH)  # it reads our terminal's size and passes it on

    # the end

    def signal(self, number: int) -> None:
        """Signal the process itself."""
        if self._pidfd is not None:
            pidfds.send_signal(self._pidfd, number)

    async def _watch(self) -> None:
        assert self._child is not None
        code = await self._child.wait()
        if code < 0:  # the runtime's foreground process was killed; its charge must not outlive it unseen
            self.signal(signal.SIGKILL)
            code = 128 - code
        at = time.time()
        self.hub.hurry()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                await self._drained.wait()
        self.status = ExitStatus(code=code, exited_at=at)
        self._close_fds()
        with suppress(FileNotFoundError):
            self._record.unlink()
        self.hub.finish()
        self.ended.set()

    def _close_fds(self) -> None:
        for descriptor in tuple(self._outputs):
            self._end_output(descriptor)
        if self._stdin >= 0:
            self._loop.remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = -1
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    async def close(self, *, kill: bool) -> None:
        """Let go; `kill` ends the process first."""
        if self.status is None and self._watching is not None:
            if kill:
                self.signal(signal.SIGKILL)
                await self.ended.wait()
            else:
                self._watching.cancel()
        if self._watching is not None:
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._room is not None:
            self._room.cancel()
            await asyncio.gather(self._room, return_exceptions=True)
        if self.status is None:
            self._close_fds()
            self.hub.finish()


async def _pid_from_pipe(descriptor: int) -> int:
    """The pid comes in one write; the runtime keeps the pipe open."""
    while True:
        try:
            return int(os.read(descriptor, 64) or b"0")
        except BlockingIOError:
            await _readable(descriptor)


async def _pid_from_file(path: Path) -> int:
    pause_s = 0.001
    while True:
        with suppress(FileNotFoundError, ValueError):
            return int(path.read_text())
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.02)


def _listen(directory: int, name: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.bind(f"/proc/self/fd/{directory}/{name}")
    listener.listen(1)
    listener.setblocking(False)
    return listener


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def _writable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)


def kill_leftovers(bundle: Path) -> int:
    """Kill attached execs of an agent that died; returns how many. Safe to repeat."""
    killed = 0
    for path in bundle.glob("exec-*.pid"):
        with suppress(OSError, ValueError):
            pid, ticks = (int(word) for word in path.read_text().split())
            descriptor = pidfds.open_pidfd(pid, ticks)
            if descriptor is not None:
                killed += pidfds.send_signal(descriptor, signal.SIGKILL)
                os.close(descriptor)
        with suppress(FileNotFoundError):
            path.unlink()
    return killed
