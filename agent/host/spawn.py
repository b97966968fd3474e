"""The one place that starts processes: `posix_spawn` (no copy of our page tables), pidfd for the end, pipes for output.

Every fd Python opens is close-on-exec, so a child has exactly the fds named here. Children start with default signal
dispositions, an empty signal mask and an environment given in full by the caller: nothing of ours leaks into them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import errno
import functools
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from agent.host import pidfds, syscalls
from wire.errors import Internal, Timeout, Unavailable

__all__ = ["CLEAN_ENVIRONMENT", "Child", "Completed", "become_subreaper", "run", "start"]

CLEAN_ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
}
_RESET_SIGNALS: Final = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
_CLONE_FS: Final = 0x200
_PR_SET_CHILD_SUBREAPER: Final = 36
_DEV_NULL: Final = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


@dataclass(frozen=True, slots=True)
class Completed:
    """How a finished process ended. `code` is negative for a signal, as in subprocess."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    def check(self) -> Completed:
        """Return self, or raise Internal with what the program said."""
        if self.code == 0:
            return self
        said = (self.stderr or self.stdout).decode(errors="replace").strip()
        if self.code < 0:
            said = f"killed by {signal.Signals(-self.code).name}" + (f": {said}" if said else "")
        raise Internal(said or f"exit status {self.code}", argv=shlex.join(self.argv), code=self.code)


_children: set[int] = set()
"""Pids of every `Child` not yet reaped."""


def become_subreaper() -> None:
    """Have the kernel give us, not pid 1, the orphans of our children, and reap each as soon as it is dead.

    A runtime that fails an exec leaves a zombie in the container's pid namespace, and the namespace's end, so the
    container's, waits until somebody reaps it. Some first processes take seconds over that. Call it in the main
    thread, for it takes SIGCHLD; safe to repeat. uvloop keeps SIGCHLD from `add_signal_handler`, but lets Python's own
    handlers run at once.
    """
    syscalls.check(int(syscalls.libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)), "prctl")
    signal.signal(signal.SIGCHLD, lambda _number, _frame: _reap_orphans())


def _reap_orphans() -> None:
    """Reap dead orphans that came to us. A child of somebody's own is left to them."""
    try:
        # An orphan goes to the first living thread. The file needs CONFIG_PROC_CHILDREN, which Debian's kernels have.
        with open(f"/proc/self/task/{os.getpid()}/children") as listing:
            children = listing.read().split()
    except OSError:
        return
    for pid in map(int, children):
        if pid in _children:
            continue
        with suppress(ChildProcessError):
            dead = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if dead is not None and _is_adopted(pid):
                os.waitpid(pid, os.WNOHANG)


def _is_adopted(pid: int) -> bool:
    """Whether a child of ours cannot have been started by this process.

    One in a pid namespace below ours has more than one number. And a process begins in its parent's session, which it
    can leave only for one of its own number: the helper that crun 1.21 leaves in our namespace when an exec fails.
    """
    with suppress(OSError), open(f"/proc/{pid}/status") as lines:
        if any(line.startswith("NSpid:") and len(line.split()) > 2 for line in lines):
            return True
    with suppress(OSError):
        return os.getsid(pid) not in (pid, os.getsid(0))
    return False


@functools.cache
def _own_directory_thread() -> concurrent.futures.Executor:
    """A thread with a working directory of its own: `posix_spawn` cannot set one, and `chdir` is for all threads."""

    def unshare() -> None:
        syscalls.check(int(syscalls.libc.unshare(ctypes.c_int(_CLONE_FS))), "unshare")

    return concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="spawn", initializer=unshare)


class Child:
    """A running child process. Its owner must reach `wait` (or `kill` then `wait`): that is what reaps it."""

    def __init__(self, pid: int, argv: Sequence[str]) -> None:
        self.pid = pid
        self.argv = tuple(argv)
        self.pidfd = os.pidfd_open(pid)
        _children.add(pid)
        self._code: int | None = None
        self._waiting: asyncio.Future[int] | None = None

    @property
    def code(self) -> int | None:
        """The exit code once waited for, else None; negative for a signal."""
        return self._code

    def signal(self, number: int) -> bool:
        """Send a signal; False when it has ended."""
        return self._code is None and pidfds.send_signal(self.pidfd, number)

    def kill(self) -> None:
        """SIGKILL; safe at any time."""
        self.signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Return the exit code, reaping the process. Any number of waiters; a cancelled one disturbs no other."""
        if self._code is not None:
            return self._code
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            loop.add_reader(self.pidfd, self._on_exit)
        return await asyncio.shield(self._waiting)

    def _on_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self.pidfd)
        _, status = os.waitpid(self.pid, 0)
        _children.discard(self.pid)
        os.close(self.pidfd)
        self._code = os.waitstatus_to_exitcode(status)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._code)


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    fds: Mapping[int, int] | None = None,
    new_session: bool = False,
    cwd: str | os.PathLike[str] | None = None,
) -> Child:
    """Start `argv[0]` (an absolute path) and return at once.

    `fds` maps the child's fd numbers to ours; 0, 1 and 2 not named are /dev/null. Nothing of ours is closed. Raises
    Unavailable when the program is not there or cannot be executed.
    """
    wanted = {0: _DEV_NULL, 1: _DEV_NULL, 2: _DEV_NULL, **(fds or {})}
    # A source fd whose number is also a target must be moved out of the way first, else an earlier dup2 destroys it.
    moved: list[int] = []
    actions: list[tuple[int, int, int]] = []
    try:
        for target, source in wanted.items():
            if source in wanted:
                source = os.dup(source)  # above every target, close-on-exec
                while source in wanted:
                    moved.append(source)
                    source = os.dup(source)
                moved.append(source)
            actions.append((os.POSIX_SPAWN_DUP2, source, target))

        def spawn() -> int:
            return os.posix_spawn(
                argv[0],
                list(argv),
                dict(CLEAN_ENVIRONMENT if env is None else env),
                file_actions=actions,
                setsigmask=[],
                setsigdef=_RESET_SIGNALS,
                setsid=new_session,
            )

        def spawn_in(directory: str | os.PathLike[str]) -> int:
            os.chdir(directory)
            try:
                return spawn()
            finally:
                os.chdir("/")  # keep nobody's file system busy

        pid = spawn() if cwd is None else _own_directory_thread().submit(spawn_in, cwd).result()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EACCES, errno.ENOEXEC):
            raise Unavailable(f"cannot run {argv[0]}: {os.strerror(error.errno)}") from error
        raise
    finally:
        for descriptor in moved:
            os.close(descriptor)
    return Child(pid, argv)


class _Collector:
    """Read a pipe to its end, keeping at most `limit_bytes`; what is beyond is read and dropped."""

    def __init__(self, limit_bytes: int) -> None:
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_end, False)
        self._limit_bytes = limit_bytes
        self.data = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        os.close(self.write_end)
        self.write_end = -1
        asyncio.get_running_loop().add_reader(self.read_end, self._on_readable)

    def _on_readable(self) -> None:
        try:
            part = os.read(self.read_end, 65536)
        except BlockingIOError:
            return
        if part:
            self.data += part[: self._limit_bytes - len(self.data)]
            return
        self.close()

    def close(self) -> None:
        if self.read_end >= 0:
            asyncio.get_running_loop().remove_reader(self.read_end)
            os.close(self.read_end)
            self.read_end = -1
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1
        if not self.ended.done():
            self.ended.set_result(None)


async def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    fds: Mapping[int, int] | None = None,
    input: bytes | None = None,
    timeout_s: float = 60.0,
    limit_bytes: int = 1 << 20,
) -> Completed:
    """Run to the end and return code and output (each stream cut at `limit_bytes`).

    On timeout or cancellation the process is killed and reaped before Timeout or CancelledError leaves here. A
    grandchild that keeps the pipes open does not hold us up: once the process itself ended its output is what came.
    """
    collectors = {number: _Collector(limit_bytes) for number in (1, 2) if number not in (fds or {})}
    source = -1
    child: Child | None = None
    try:
        if input is not None:
            source = os.memfd_create("input", os.MFD_CLOEXEC)
            os.write(source, input)
            os.lseek(source, 0, os.SEEK_SET)
        handed = {number: collector.write_end for number, collector in collectors.items()}
        child = start(argv, env=env, fds={**({0: source} if source >= 0 else {}), **handed, **(fds or {})})
        for collector in collectors.values():
            collector.begin()
        try:
            async with asyncio.timeout(timeout_s):
                code = await child.wait()
        except TimeoutError:
            raise Timeout(f"{os.path.basename(argv[0])} did not end within {timeout_s:g} s", argv=list(argv)) from None
        if collectors:
            await asyncio.wait([collector.ended for collector in collectors.values()], timeout=1.0)
        empty = b""
        out, err = (bytes(collectors[n].data) if n in collectors else empty for n in (1, 2))
        return Completed(tuple(argv), code, out, err)
    finally:
        if source >= 0:
            os.close(source)
        for collector in collectors.values():
            collector.close()
        if child is not None and child.code is None:
            child.kill()
            with suppress(asyncio.CancelledError):
                await child.wait()
