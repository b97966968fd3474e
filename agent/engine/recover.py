"""After an agent restart or a reboot: every row of the journal is brought to what the host really has.

    row says     process found   becomes
    running      yes             running, watched again (same process, same log)
    running      no              exited with its real code (the monitor kept it)
    starting     yes             running: the start is finished (`start` of the port is safe to repeat)
    starting     no              as before the start
    restarting   –               restarted now
    ending       –               exited with the code it says
    removing     –               removed
    any alive    another boot    exited 255
    exited       –               restarted when the restart policy says so of a daemon that starts

What the host has and no row names is removed by the rooms themselves (`recover` of images, networking, volumes).
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time

from agent.engine import health, oom
from agent.engine.clock import now_ns
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.exits import end_run, remove_later, restart_now, should_start_again
from agent.engine.release import release
from agent.engine.remove import finish_removal
from agent.ports.runtime import ExitStatus
from wire.errors import MooringError

__all__ = ["recover"]

_log = logging.getLogger(__name__)


async def recover(ctx: Context) -> None:
    """Converge journal and host. Call once, before anything is served; restart policies run on as tasks."""
    running: list[Container] = []
    ended: list[Container] = []
    for container in ctx.containers:
        if await _take_up(ctx, container):
            running.append(container)
        elif container.record.state.status in ("running", "paused", "starting", "ending"):
            ended.append(container)
    kept = [container.id for container in ctx.containers]
    await ctx.images.recover(kept)
    await ctx.networking.recover([container.id for container in running])
    await ctx.volumes.recover(_volume_users(running))
    await _drop_unfinished(ctx)
    _sweep_directories(ctx)
    for container in running:
        await _resume(ctx, container)
    for container in ended:
        await _settle_ended(ctx, container)
    for container in ctx.containers:
        await _finish(ctx, container)


async def _drop_unfinished(ctx: Context) -> None:
    """Volumes of creates that were cut off before their row."""
    for container_id, names in ctx.containers.unfinished():
        if ctx.containers.find(container_id) is None:
            for name in names:
                await ctx.volumes.remove(name, force=True)
        ctx.containers.forget_unfinished(container_id)


def _sweep_directories(ctx: Context) -> None:
    """Directories of containers that have no row: a create was cut off before it, or a removal after it."""
    for parent in (ctx.config.containers, ctx.config.bundles):
        for directory in parent.iterdir() if parent.is_dir() else ():
            if ctx.containers.find(directory.name) is None:
                shutil.rmtree(directory, ignore_errors=True)


async def _take_up(ctx: Context, container: Container) -> bool:
    """Whether its process still runs. One of an earlier boot cannot."""
    record = container.record
    if record.state.status not in ("running", "paused", "starting") or record.boot_id != ctx.boot_id:
        return False
    try:
        pid = await ctx.runtime.recover(container.id, ctx.config.bundle(container.id))
    except MooringError as error:
        _log.warning("container.recover_failed id=%s error=%s", container.id, error.message)
        return False
    if pid is None:
        return False
    record.state.pid = pid
    return True


def _volume_users(running: list[Container]) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for container in running:
        for point in container.record.mounts:
            if point.type == "volume":
                users.setdefault(point.name, []).append(container.id)
    return users


async def _resume(ctx: Context, container: Container) -> None:
    """Take a living container up again; finish a start that was cut off."""
    record = container.record
    state = record.state
    if state.status == "starting":
        await ctx.runtime.start(container.id)
        state.status, state.started_at_ns, record.started_once = "running", now_ns(), True
        state.exit_code, state.error = 0, ""
        health.begin(ctx, container)
        ctx.events.publish("container", "start", container.id, container.attributes())
    elif state.status == "running":
        health.resume(ctx, container)
    container.started_monotonic = time.monotonic() - max(0.0, (now_ns() - state.started_at_ns) / 1e9)
    container.ended.clear()
    container.stopped.clear()
    rotation = ctx.logs.options(record.host.log_config.type, record.host.log_config.config or {})
    if rotation is not None:
        ctx.logs.watch(ctx.config.container_log(container.id), ctx.config.bundle(container.id) / "ctl", rotation)
    oom.begin(ctx, container)
    await ctx.containers.save(container)
    ctx.watch_run(container)


async def _settle_ended(ctx: Context, container: Container) -> None:
    record = container.record
    state = record.state
    if state.status == "starting":
        await release(ctx, container)
        state.status, state.pid = ("exited" if record.started_once else "created"), 0
        await ctx.containers.save(container)
        return
    if state.status == "ending":
        async with container.lock:
            await end_run(ctx, container, container.exit_status(), may_restart=False)
        return
    status = ExitStatus(code=255, exited_at=time.time(), lost=record.boot_id == ctx.boot_id)
    if record.boot_id == ctx.boot_id:
        try:
            async with asyncio.timeout(5.0):
                status = await ctx.runtime.wait(container.id)
        except (MooringError, TimeoutError) as error:
            _log.warning("container.exit_unknown id=%s error=%s", container.id, error)
    async with container.lock:
        await end_run(ctx, container, status, may_restart=False)


async def _finish(ctx: Context, container: Container) -> None:
    """What the states between need, and the restart policies. This is no retry: it is not counted."""
    record = container.record
    status = record.state.status
    if status == "removing":
        await release(ctx, container)
        await finish_removal(ctx, container)
    elif status == "restarting" and container.restart_timer is None:
        _ = ctx.tasks.spawn(_restart(ctx, container), f"restart {container.id[:12]}")
    elif status == "exited" and record.host.auto_remove and record.started_once:
        remove_later(ctx, container)
    elif status == "exited" and should_start_again(container):
        _ = ctx.tasks.spawn(_restart(ctx, container), f"restart {container.id[:12]}")


async def _restart(ctx: Context, container: Container) -> None:
    async with container.lock:
        if container.record.state.status in ("restarting", "exited"):
            await restart_now(ctx, container)
