"""`start`: network, root, volumes, specification, runtime; then the monitor that waits for the end.

Every part made is undone in reverse when a later one fails; killed in the middle, `recover` does the same from the row
that says `starting`.
"""

from __future__ import annotations

import asyncio
import time

from agent.engine import health, oom
from agent.engine.attach import bind_attachments, drop_attachments
from agent.engine.clock import now_ns
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.etc_files import write_etc_files
from agent.engine.log_attributes import check_attributes
from agent.engine.release import release
from agent.engine.sandbox import open_network
from agent.engine.shm import make_shm
from agent.engine.spec import build_spec
from agent.engine.spec_mounts import ensure_bind_sources
from agent.engine.validate_config import container_of
from agent.engine.volume_mounts import mount_volumes
from agent.host import failpoints
from agent.ports.logs import LogRotation
from wire.errors import Conflict, Invalid, MooringError, NotModified

__all__ = ["run_created", "start"]


async def start(ctx: Context, ref: str) -> None:
    """Start a container that is created or exited. NotModified when it runs; Conflict when paused or being removed.

    A failure leaves it as it was, with the error in its state; `--rm` containers are removed then, as Docker does.
    """
    container = ctx.containers.resolve(ref)
    async with container.lock:
        state = container.record.state
        if state.status == "paused":
            raise Conflict("cannot start a paused container, try unpause instead")
        if container.has_process:
            raise NotModified("")
        if state.status == "removing" or state.dead:
            raise Conflict("container is marked for removal and cannot be started")
        container.cancel_restart()
        container.record.restart_count = 0
        container.record.stopped_by_user = False
        container.backoff_s = 0.0
        await run_created(ctx, container)


async def run_created(ctx: Context, container: Container) -> None:
    """Bring a container without a process to running. Hold its lock. Also used by restart and the restart policy."""
    record = container.record
    state = record.state
    before = "exited" if record.started_once else "created"
    state.status, state.error = "starting", ""
    record.boot_id = ctx.boot_id
    saved = ctx.containers.save(container)
    failpoints.hit("start.after_journal")
    try:
        pid = await _make(ctx, container)
        await ctx.runtime.start(container.id)
        failpoints.hit("start.after_runtime_start")
        state.status, state.pid = "running", pid
        state.exit_code, state.oom_killed, state.lost = 0, False, False
        state.started_at_ns = now_ns()
        record.started_once = True
        container.started_monotonic = time.monotonic()
        container.ended.clear()
        container.stopped.clear()
        container.stop_requested = False
        await saved
        await ctx.containers.save(container)
    except BaseException as error:
        record.started_once = before == "exited"
        await _fail(ctx, container, before, error)
        raise
    health.begin(ctx, container)
    oom.begin(ctx, container)
    ctx.events.publish("container", "start", container.id, container.attributes())
    ctx.watch_run(container)
    failpoints.hit("start.before_ack")


async def _make(ctx: Context, container: Container) -> int:
    """Prepare everything and create the (stopped) process; returns its pid."""
    record = container.record
    if record.host.memory == 0 and record.host.memory_swap > 0:  # an update may have left it so
        raise Invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
    # Both to their ends, whichever fails: giving back what was made must not meet one that is still making it.
    rootfs, netns = await asyncio.gather(
        ctx.images.mount(container.id), open_network(ctx, container), return_exceptions=True
    )
    if isinstance(rootfs, BaseException):
        raise rootfs
    if isinstance(netns, BaseException):
        raise netns
    failpoints.hit("start.after_network")
    ensure_bind_sources(record)
    rotation = _rotation(ctx, container)
    check_attributes(record)
    if peer := container_of(record.host.network_mode):
        other = ctx.containers.resolve(peer).record.config
        record.config.hostname, record.config.domainname = other.hostname, other.domainname
    write_etc_files(ctx, container)
    sources = await mount_volumes(ctx, record)
    make_shm(ctx, container)
    spec = build_spec(ctx, container, rootfs=rootfs.path, netns=netns, sources=sources)
    failpoints.hit("start.before_runtime_create")
    pid = await ctx.runtime.create(spec)
    failpoints.hit("start.after_runtime_create")
    await bind_attachments(ctx, container)
    if rotation is not None:
        ctx.logs.watch(ctx.config.container_log(container.id), ctx.config.bundle(container.id) / "ctl", rotation)
    return pid


def _rotation(ctx: Context, container: Container) -> LogRotation | None:
    log = container.record.host.log_config
    try:
        return ctx.logs.options(log.type, log.config or {})
    except MooringError as error:
        raise type(error)(f"failed to create task for container: {error.message}", **error.details) from error


async def _fail(ctx: Context, container: Container, before: str, error: BaseException) -> None:
    """Undo a start that did not come to its end, and keep why."""
    state = container.record.state
    await release(ctx, container)
    state.status, state.pid = before, 0
    if isinstance(error, Exception):  # a cancelled start failed for no reason of its own
        code = error.details.get("exit_code") if isinstance(error, MooringError) else None
        state.error = error.message if isinstance(error, MooringError) else str(error)
        state.exit_code = code if isinstance(code, int) else state.exit_code or 128
    drop_attachments(container)
    container.ended.set()
    _ = ctx.containers.save(container)
    if container.record.host.auto_remove and isinstance(error, Exception) and not ctx.tasks.closing:
        ctx.remove_soon(container)
    container.tell_stopped()
