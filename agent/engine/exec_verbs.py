"""`exec`: create, start, resize, inspect. An exec's exit code is known before its stream ends."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from agent.engine.capabilities import capabilities_for
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.detach import DetachKeys, parse_keys, until_detached
from agent.engine.environment import build_environment, override
from agent.engine.execs import Exec
from agent.engine.limits import build_rlimits
from agent.engine.links import link_environment
from agent.engine.names import random_id
from agent.engine.security import confinement_for
from agent.engine.users import resolve_user
from agent.ports.runtime import ExecSpec, ProcessSpec, StdioSession
from wire.engine.execs import ExecCreateRequest
from wire.errors import Conflict, Internal, Invalid, MooringError, NotFound

__all__ = ["ExecSession", "exec_create", "exec_inspect", "exec_resize", "exec_start"]

_READY_S: Final = 10.0


async def exec_create(ctx: Context, ref: str, body: ExecCreateRequest) -> str:
    """Note what is to be run; returns the id. Conflict unless the container runs, Invalid without a command."""
    container = ctx.containers.resolve(ref)
    command = list(body.cmd or ())
    if not command:
        raise Invalid("No exec command specified")
    _require_running(container, ref)
    try:
        keys = parse_keys(body.detach_keys)
    except Invalid as error:
        raise Internal(f"Invalid escape keys ({body.detach_keys}) provided") from error
    item = Exec(
        id=random_id(),
        container_id=container.id,
        process=_process(ctx, container, body, command),
        user=body.user,
        privileged=body.privileged,
        tty=body.tty,
        open_stdin=body.attach_stdin,
        open_stdout=body.attach_stdout,
        open_stderr=body.attach_stderr,
        detach_keys=keys,
        keys_given=body.detach_keys,
    )
    ctx.execs.add(item)
    container.exec_ids = [*ctx.execs.drop_finished(container.exec_ids, time.monotonic()), item.id]
    _tell(ctx, container, f"exec_create: {_shown(item)}", item)
    return item.id


def _require_running(container: Container, ref: str) -> None:
    state = container.record.state.status
    if not container.running:
        raise Conflict(f"container {container.id} is not running")
    if state == "paused":
        raise Conflict(f"Container {ref} is paused, unpause the container before exec")
    if state == "restarting":
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")


def _shown(item: Exec) -> str:
    """As Docker's events print it: entrypoint, space, arguments."""
    return f"{item.command[0]} {' '.join(item.command[1:])}"


def _tell(ctx: Context, container: Container, action: str, item: Exec, **extra: str) -> None:
    ctx.events.publish("container", action, container.id, container.attributes(execID=item.id, **extra))


def _process(ctx: Context, container: Container, body: ExecCreateRequest, command: Sequence[str]) -> ProcessSpec:
    """Everything but the user, who is looked up when it starts. Internal when a linked container has ended."""
    record = container.record
    host, config = record.host, record.config
    privileged = body.privileged or host.privileged
    size = body.console_size if isinstance(body.console_size, list) and len(body.console_size) == 2 else [0, 0]
    link_environment(ctx, container)
    return ProcessSpec(
        args=tuple(command),
        env=tuple(body.env or ()),
        cwd=body.working_dir or config.working_dir or "/",
        tty=body.tty,
        console_rows=size[0],
        console_columns=size[1],
        capabilities=capabilities_for(list(host.cap_add or ()), list(host.cap_drop or ()), privileged=privileged),
        rlimits=build_rlimits(host.ulimits),
    )


def _finish_process(ctx: Context, container: Container, item: Exec) -> ProcessSpec:
    """Resolve the user in the running container's own root and build the environment."""
    record = container.record
    config, host = record.config, record.host
    root = Path(f"/proc/{record.state.pid}/root")
    user = resolve_user(root, item.user or config.user, () if item.user else host.group_add or ())
    confined = confinement_for(
        host.security_opt or (),
        privileged=host.privileged or item.privileged,
        apparmor_here=ctx.runtime.info().apparmor,
    )
    if not item.process.cwd.startswith("/"):
        raise Internal("OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown")
    if any(not entry.partition("=")[0] for entry in item.process.env):
        raise Internal(
            "OCI runtime exec failed: exec failed: unable to start container process: invalid environment variable: "
            "name cannot be empty: unknown"
        )
    merged = override([entry for entry in config.env or () if "=" in entry], item.process.env)
    linked = link_environment(ctx, container)
    environment = build_environment(config.hostname, merged, tty=item.tty, home=user.home, linked=linked)
    rows, columns = item.size or (item.process.console_rows, item.process.console_columns)
    return ProcessSpec(
        args=item.process.args,
        env=environment,
        cwd=item.process.cwd,
        uid=user.uid,
        gid=user.gid,
        additional_gids=user.groups,
        tty=item.tty,
        console_rows=rows,
        console_columns=columns,
        capabilities=item.process.capabilities,
        no_new_privileges=confined.no_new_privileges,
        rlimits=item.process.rlimits,
        apparmor_profile=confined.apparmor,
    )


class ExecSession:
    """One exec's streams. Implements `ports.runtime.StdioSession`; the output ends when the exit code is known."""

    def __init__(self, ctx: Context, container: Container, item: Exec, session: StdioSession) -> None:
        self._ctx = ctx
        self._container = container
        self._item = item
        self._session = session
        self._keys = DetachKeys(item.detach_keys)
        self._detached = asyncio.Event()

    @property
    def tty(self) -> bool:
        return self._item.tty

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        async with aclosing(until_detached(self._session.output(), self._detached)) as output:
            async for stream, data in output:
                if self.tty or (self._item.open_stdout if stream == 1 else self._item.open_stderr):
                    yield stream, data
        if not self._detached.is_set():
            await self._item.done.wait()

    async def write(self, data: bytes) -> None:
        if not self._item.open_stdin or self._detached.is_set():
            return
        kept, found = (self._keys.feed(data)) if self.tty else (data, False)
        if kept:
            await self._session.write(kept)
        if found:
            self._detached.set()
            _tell(self._ctx, self._container, "exec_detach", self._item)

    async def close_stdin(self) -> None:
        if self._item.open_stdin and not self._detached.is_set():
            await self._session.close_stdin()

    async def close(self) -> None:
        await self._session.close()


def exec_check(ctx: Context, exec_id: str) -> None:
    """Raise what stands against starting it before any stream is opened: NotFound; Conflict when its container cannot
    run processes now."""
    container = ctx.containers.resolve(ctx.execs.get(exec_id).container_id)
    _require_running(container, container.id)


async def exec_start(
    ctx: Context, exec_id: str, *, detach: bool = False, tty: bool = False, console_size: Sequence[int] | None = None
) -> ExecSession | None:
    """Run it. None when detached. Conflict when it ran before or the container cannot; the runtime's own words when the
    command cannot be executed (its exit code is 126 then)."""
    item = ctx.execs.get(exec_id)
    container = ctx.containers.resolve(item.container_id)
    if item.exit_code is not None:
        raise Conflict(f"Error: Exec command {exec_id} has already run")
    if item.started:
        raise Conflict(f"Error: Exec command {exec_id} is already running")
    _require_running(container, container.id)
    item.started = item.running = True
    if console_size and len(console_size) == 2 and item.tty:
        item.size = (console_size[0], console_size[1])
    _tell(ctx, container, f"exec_start: {_shown(item)}", item)
    try:
        spec = ExecSpec(
            exec_id=exec_id,
            process=_finish_process(ctx, container, item),
            open_stdin=item.open_stdin and not detach,
            attach=not detach,
        )
        item.pid, session = await ctx.runtime.exec_start(container.id, spec)
    except BaseException:
        item.running, item.exit_code = False, 126
        item.began.set()
        item.done.set()
        raise
    item.began.set()
    _ = ctx.tasks.spawn(_watch(ctx, container, item), f"exec {exec_id[:12]}")
    return ExecSession(ctx, container, item, session) if session is not None else None


async def _watch(ctx: Context, container: Container, item: Exec) -> None:
    try:
        status = await ctx.runtime.exec_wait(container.id, item.id)
        code = status.code
    except MooringError:
        code = 128 + signal.SIGKILL
    item.running, item.exit_code, item.touched_s = False, code, time.monotonic()
    _tell(ctx, container, "exec_die", item, exitCode=str(code))
    item.done.set()


async def exec_resize(ctx: Context, exec_id: str, rows: int, columns: int) -> None:
    """Resize its terminal. One that is about to start is waited for: the CLI sends the size at the same time."""
    item = ctx.execs.get(exec_id)
    if not item.began.is_set():
        item.size = (rows, columns)
        try:
            async with asyncio.timeout(_READY_S):
                await item.began.wait()
        except TimeoutError as error:
            raise Internal("timeout waiting for exec session ready") from error
    if not item.running:
        container = ctx.containers.resolve(item.container_id)
        _require_running(container, container.id)
        raise NotFound(f"process does not exist {exec_id}: not found")
    if item.tty:
        await ctx.runtime.exec_resize(item.container_id, exec_id, rows, columns)


def exec_inspect(ctx: Context, exec_id: str) -> dict[str, Any]:
    """Docker's shape; ExitCode is null until it has ended."""
    item = ctx.execs.get(exec_id)
    command: dict[str, Any] = {
        "tty": item.tty,
        "entrypoint": item.command[0],
        "arguments": list(item.command[1:]),
        "privileged": item.privileged,
    }
    container = ctx.containers.find(item.container_id)
    if user := item.user or (container.record.config.user if container else ""):
        command["user"] = user
    return {
        "ID": item.id,
        "Running": item.running,
        "ExitCode": item.exit_code,
        "ProcessConfig": command,
        "OpenStdin": item.open_stdin,
        "OpenStderr": item.open_stderr,
        "OpenStdout": item.open_stdout,
        "CanRemove": item.can_remove,
        "ContainerID": item.container_id,
        "DetachKeys": item.keys_given,
        "Pid": item.pid,
    }
