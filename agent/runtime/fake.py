"""A runtime with no processes: scripted programs, real streams, real log files, moving statistics. Needs no root.

For unit tests of the engine and for developing the plane and the dashboard (`make dev`). It obeys the same contract
suite as `OciRuntime`. Containers live in this process: after a restart `recover` finds them ended.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from agent.host.findings import Finding
from agent.ports.runtime import (
    ExecSpec,
    ExitStatus,
    ProcessSpec,
    Resources,
    RuntimeInfo,
    SandboxSpec,
    StatsSample,
    StdioSession,
)  # fmt: skip
from agent.runtime.failures import create_error, exec_error, missing_executable
from agent.runtime.fake_programs import Program, Terminal, find_program
from agent.runtime.stdio import Hub
from wire.errors import Conflict, MooringError, NotFound, Timeout

__all__ = ["FakeRuntime"]

_SIGKILL, _SIGTERM, _SIGHUP, _SIGINT = 9, 15, 1, 2
_IGNORED = frozenset({17, 18, 23, 28})  # CHLD, CONT, URG, WINCH


@dataclass(slots=True)
class _Process:
    pid: int
    spec: ProcessSpec
    program: Program
    terminal: Terminal
    hub: Hub
    log_path: Path | None = None
    task: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    status: ExitStatus | None = None
    signal: int = 0
    resumed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Container:
    spec: SandboxSpec
    init: _Process
    resources: Resources
    execs: dict[str, _Process] = field(default_factory=dict)
    paused: bool = False
    started: bool = False
    started_at: float = 0.0


class FakeRuntime:
    """Implements `ports.runtime.Runtime`.

    `programs` adds or replaces programs by base name of argv[0]. `create_failures` maps an argv[0] to the error that
    creating it raises. `pace` scales the built-in programs' waiting (0.01 for tests).
    """

    def __init__(
        self,
        *,
        programs: Mapping[str, Program] | None = None,
        create_failures: Mapping[str, MooringError] | None = None,
        pace: float = 1.0,
    ) -> None:
        self.programs = dict(programs or {})
        self.create_failures = dict(create_failures or {})
        self._pace = pace
        self._containers: dict[str, _Container] = {}
        self._lost: dict[str, ExitStatus] = {}
        self._pids = itertools.count(100_001)

    def info(self) -> RuntimeInfo:
        """See the port."""
        return RuntimeInfo(
            name="fake",
            path="",
            version="1.0",
            commit="",
            conmon_version="fake",
            cgroup_version=2,
            cgroup_driver="cgroupfs",
            seccomp=True,
            apparmor=False,
            problems=("containers are simulated: nothing they do is real",),
        )

    def findings(self) -> list[Finding]:
        """See the port."""
        return [Finding(code="fake-runtime", severity="info", title="Containers on this host are simulated")]

    # containers

    async def create(self, spec: SandboxSpec) -> int:
        """See the port."""
        self._lost.pop(spec.id, None)
        if spec.id in self._containers:
            raise Conflict(f"container {spec.id} already exists")
        argv0 = spec.process.args[0]
        if argv0 in self.create_failures:
            raise self.create_failures[argv0]
        program = self._find(spec.process.args)
        if program is None:
            raise create_error(missing_executable(argv0), argv0)
        init = self._process(spec.process, program, spec.hostname or spec.id[:12], spec.log_path)
        self._containers[spec.id] = _Container(spec, init, spec.resources)
        return init.pid

    async def start(self, container_id: str) -> None:
        """See the port."""
        container = self._get(container_id)
        if not container.started:
            container.started = True
            container.started_at = time.time()
            self._run(container.init)

    async def recover(self, container_id: str, bundle: Path) -> int | None:
        """See the port. A fake container never outlives its runtime."""
        container = self._containers.get(container_id)
        if container is None:
            self._lost[container_id] = ExitStatus(code=255, exited_at=time.time(), lost=True)
            return None
        return container.init.pid if container.init.status is None else None

    async def wait(self, container_id: str) -> ExitStatus:
        """See the port."""
        if container_id in self._lost:
            return self._lost[container_id]
        container = self._get(container_id)
        await container.init.ended.wait()
        assert container.init.status is not None
        return container.init.status

    async def oom(self, container_id: str) -> None:
        await asyncio.Event().wait()

    async def kill(self, container_id: str, signal: int) -> None:
        """See the port."""
        self._signal(self._get(container_id).init, signal)

    async def pause(self, container_id: str) -> None:
        """See the port."""
        container = self._get(container_id)
        container.paused = True
        for process in (container.init, *container.execs.values()):
            process.resumed.clear()

    async def resume(self, container_id: str) -> None:
        """See the port."""
        container = self._get(container_id)
        container.paused = False
        for process in (container.init, *container.execs.values()):
            process.resumed.set()

    async def update(self, container_id: str, resources: Resources) -> None:
        """See the port."""
        self._get(container_id).resources = resources

    async def delete(self, container_id: str) -> None:
        """See the port."""
        self._lost.pop(container_id, None)
        container = self._containers.get(container_id)
        if container is None:
            return
        for process in (*container.execs.values(), container.init):
            self._signal(process, _SIGKILL)
            if process.task is not None:
                await process.ended.wait()
            elif process.status is None:
                self._end(process, 137)
        del self._containers[container_id]

    async def attach(self, container_id: str) -> StdioSession:
        """See the port."""
        container = self._get(container_id)
        return container.init.hub.open(patient=not container.started)

    async def resize(self, container_id: str, rows: int, columns: int) -> None:
        """See the port."""
        self._get(container_id).init.terminal.size = (rows, columns)

    # execs

    async def exec_start(self, container_id: str, spec: ExecSpec) -> tuple[int, StdioSession | None]:
        """See the port."""
        container = self._get(container_id)
        if container.init.status is not None or not container.started:
            raise Conflict(f"container {container_id} is not running")
        argv0 = spec.process.args[0]
        program = self._find(spec.process.args)
        if program is None:
            raise exec_error(missing_executable(argv0), argv0)
        process = self._process(spec.process, program, container.spec.hostname or container_id[:12], None)
        container.execs[spec.exec_id] = process
        session = process.hub.open(patient=True) if spec.attach else None
        if not spec.open_stdin:
            process.terminal.type(b"")
        self._run(process)
        return process.pid, session

    async def exec_wait(self, container_id: str, exec_id: str) -> ExitStatus:
        """See the port."""
        process = self._get_exec(container_id, exec_id)
        await process.ended.wait()
        assert process.status is not None
        return process.status

    async def exec_resize(self, container_id: str, exec_id: str, rows: int, columns: int) -> None:
        """See the port."""
        self._get_exec(container_id, exec_id).terminal.size = (rows, columns)

    async def exec_kill(self, container_id: str, exec_id: str, signal: int) -> None:
        """See the port."""
        self._signal(self._get_exec(container_id, exec_id), signal)

    async def run_probe(
        self, container_id: str, process: ProcessSpec, timeout_s: float, limit_bytes: int
    ) -> tuple[int, bytes]:
        """See the port."""
        exec_id = f"probe-{next(self._pids)}"
        _, session = await self.exec_start(container_id, ExecSpec(exec_id=exec_id, process=process))
        assert session is not None
        collected = bytearray()
        try:
            async with asyncio.timeout(timeout_s):
                async for _, data in session.output():
                    collected += data[: limit_bytes - len(collected)]
                status = await self.exec_wait(container_id, exec_id)
        except TimeoutError:
            raise Timeout(f"probe did not end within {timeout_s:g} s", output=bytes(collected)) from None
        finally:
            await session.close()
            ended = self._get(container_id).execs.pop(exec_id)
            self._signal(ended, _SIGKILL)
        return status.code, bytes(collected)

    # observation

    async def pids(self, container_id: str) -> list[int]:
        """See the port."""
        container = self._get(container_id)
        return [p.pid for p in (container.init, *container.execs.values()) if p.status is None]

    async def stats(self, container_id: str) -> StatsSample:
        """See the port. A sine wave with the container's own phase, so that charts move."""
        container = self._get(container_id)
        now = time.time()
        alive_s = max(0.0, now - container.started_at) if container.started else 0.0
        phase = int(container.spec.id[:8], 16) % 628 / 100
        busy = 0.08 + 0.06 * math.sin(alive_s / 20 + phase)
        cpu_ns = int(max(0.0, 0.08 * alive_s - 1.2 * (math.cos(alive_s / 20 + phase) - math.cos(phase))) * 1e9)
        memory = int((48 + 24 * busy * 10 + 4 * math.sin(alive_s / 7 + phase)) * (1 << 20))
        limit = container.resources.memory_bytes or None
        blocks = int(alive_s * 4096)
        return StatsSample(
            read_at=now,
            cpu_total_ns=cpu_ns,
            cpu_user_ns=cpu_ns * 3 // 4,
            cpu_system_ns=cpu_ns // 4,
            percpu_ns=(),
            throttled_periods=0,
            throttling_periods=0,
            throttled_time_ns=0,
            memory_usage_bytes=min(memory, limit) if limit else memory,
            memory_max_usage_bytes=None,
            memory_limit_bytes=limit,
            memory_failcnt=None,
            memory_stats={"anon": memory * 3 // 4, "file": memory // 4, "inactive_file": memory // 8},
            pids_current=len(await self.pids(container_id)),
            pids_limit=container.resources.pids_limit,
            blkio={"io_service_bytes_recursive": ((8, 0, "read", blocks * 2), (8, 0, "write", blocks))},
            cgroup_version=2,
        )

    async def close(self) -> None:
        """See the port; for the fake, the end of everything."""
        for container_id in tuple(self._containers):
            await self.delete(container_id)

    # inside

    def _get(self, container_id: str) -> _Container:
        try:
            return self._containers[container_id]
        except KeyError:
            raise NotFound(f"No such container: {container_id}") from None

    def _get_exec(self, container_id: str, exec_id: str) -> _Process:
        try:
            return self._get(container_id).execs[exec_id]
        except KeyError:
            raise NotFound(f"No such exec instance: {exec_id}") from None

    def _find(self, argv: tuple[str, ...]) -> Program | None:
        return self.programs.get(argv[0].rpartition("/")[2]) or find_program(argv)

    def _process(self, spec: ProcessSpec, program: Program, hostname: str, log_path: Path | None) -> _Process:
        async def emit(stream: int, data: bytes) -> None:
            await process.resumed.wait()
            if log_path is not None:
                _append_log(log_path, stream, data)
            await process.hub.room()
            process.hub.feed(stream, data)

        async def write(data: bytes) -> None:
            if data:
                process.terminal.type(data)

        async def close_stdin() -> None:
            process.terminal.type(b"")

        terminal = Terminal(emit, tty=spec.tty, hostname=hostname)
        terminal.pace = self._pace
        if spec.console_rows:
            terminal.size = (spec.console_rows, spec.console_columns)
        hub = Hub(tty=spec.tty, write=write, close_stdin=close_stdin)
        process = _Process(next(self._pids), spec, program, terminal, hub, log_path)
        process.resumed.set()
        return process

    def _run(self, process: _Process) -> None:
        async def body() -> None:
            environment = dict(item.partition("=")[::2] for item in process.spec.env)
            try:
                code = await process.program(process.terminal, process.spec.args, environment)
            except asyncio.CancelledError:
                code = 128 + (process.signal or _SIGKILL)
            self._end(process, code)

        def on_done(_: asyncio.Task[None]) -> None:
            if process.status is None:  # cancelled before its first step
                self._end(process, 128 + (process.signal or _SIGKILL))

        process.task = asyncio.get_running_loop().create_task(body(), name=f"fake process {process.pid}")
        process.task.add_done_callback(on_done)

    @staticmethod
    def _end(process: _Process, code: int) -> None:
        process.status = ExitStatus(code=code, exited_at=time.time())
        process.hub.finish()
        process.ended.set()

    @staticmethod
    def _signal(process: _Process, number: int) -> None:
        """Init ignores what it has no handler for, except SIGKILL; these programs handle TERM, INT, HUP by dying."""
        if process.status is not None or number in _IGNORED:
            return
        if number in (_SIGKILL, _SIGTERM, _SIGHUP, _SIGINT):
            process.signal = number
            if process.task is not None:
                process.task.cancel()
            else:
                FakeRuntime._end(process, 128 + number)


def _append_log(path: Path, stream: int, data: bytes) -> None:
    """Write like conmon: one line per newline, `P` for what has none."""
    now = datetime.now(UTC)
    stamp = f"{now:%Y-%m-%dT%H:%M:%S}.{time.time_ns() % 1_000_000_000:09d}+00:00"
    name = "stdout" if stream == 1 else "stderr"
    with path.open("ab") as log:
        for line in data.splitlines(keepends=True):
            whole = line.endswith(b"\n")
            tag = "F" if whole else "P"
            log.write(f"{stamp} {name} {tag} ".encode() + (line if whole else line + b"\n"))
