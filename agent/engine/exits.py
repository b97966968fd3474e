"""What follows the end of a container's process: release, state, events, restart policy, auto-remove."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final

from agent.engine import health, oom
from agent.engine.clock import now_ns
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.release import release
from agent.engine.remove import auto_remove
from agent.engine.start import run_created
from agent.host import failpoints
from agent.ports.runtime import ExitStatus
from wire.errors import MooringError

__all__ = ["end_run", "remove_later", "restart_now", "should_restart", "should_start_again", "watch"]

_log = logging.getLogger(__name__)

_FIRST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 60.0
_STEADY_S: Final = 10.0  # a run this long resets the back-off


def watch(ctx: Context, container: Container) -> None:
    """Wait, as a task, for the end of the run that has just begun (or was taken up again after an agent restart)."""
    container.monitor = ctx.tasks.spawn(_watch(ctx, container), f"monitor {container.id[:12]}")


async def _watch(ctx: Context, container: Container) -> None:
    status = await ctx.runtime.wait(container.id)
    failpoints.hit("exit.before_lock")
    async with container.lock:
        await end_run(ctx, container, status)


async def end_run(ctx: Context, container: Container, status: ExitStatus, *, may_restart: bool = True) -> None:
    """Take in that the process has ended. Hold the lock."""
    record = container.record
    state = record.state
    ran_s = time.monotonic() - container.started_monotonic
    health.end(container)
    oom.end(container)
    container.ended.set()
    ctx.execs.forget_unstarted(container.exec_ids)
    if status.oom_killed and not state.oom_killed:
        ctx.events.publish("container", "oom", container.id, container.attributes())
    state.exit_code, state.oom_killed, state.lost = status.code, status.oom_killed, status.lost
    state.finished_at_ns = int(status.exited_at * 1e9) or now_ns()
    state.status = "ending"
    # The runtime forgets the exit code in `release`: it is durable before. One that is auto-removed is not asked again.
    noted = ctx.containers.save(container)
    await release(ctx, container, None if record.host.auto_remove else _noted(noted))
    failpoints.hit("exit.after_release")
    state.pid = 0
    if status.lost:
        state.error = "the monitor of the container vanished: its exit code is not known"
    again = may_restart and should_restart(container, ctx.tasks.closing or ctx.going_down)
    state.status = "restarting" if again else "exited"
    if again:
        record.restart_count += 1
        if not _starts_from_anew(ran_s):
            container.backoff_s = min(container.backoff_s * 2, _LONGEST_BACKOFF_S) or _FIRST_BACKOFF_S
        else:
            container.backoff_s = _FIRST_BACKOFF_S
    removes = record.host.auto_remove and not again and not container.keep
    saved = None if removes else _noted(ctx.containers.save(container))
    container.cache.clear()
    if container.stop_requested:
        ctx.events.publish("container", "stop", container.id, container.attributes())
    container.stop_requested = False
    elapsed = max(0, (state.finished_at_ns - state.started_at_ns) // 1_000_000_000)
    ctx.events.publish(
        "container",
        "die",
        container.id,
        container.attributes(exitCode=str(state.exit_code), execDuration=str(elapsed)),
    )
    if saved is not None:
        await saved
    container.stopped.set()
    container.tell_stopped()
    if again:
        container.restart_timer = ctx.tasks.spawn(_restart_after(ctx, container), f"restart {container.id[:12]}")
    elif removes and not ctx.tasks.closing:
        remove_later(ctx, container)


async def _noted(write: Awaitable[None]) -> None:
    """A journal that cannot be written now (it tries again) must not keep an ended container from being over."""
    with suppress(MooringError):
        await write


def _starts_from_anew(ran_s: float) -> bool:
    return ran_s > _STEADY_S


def should_restart(container: Container, closing: bool = False) -> bool:
    """What the restart policy says of a run that has just ended."""
    record = container.record
    policy = record.host.restart_policy.name
    if closing or record.stopped_by_user or record.state.dead:
        return False
    return policy in ("always", "unless-stopped") or (policy == "on-failure" and _failed_and_may_try_again(container))


def _failed_and_may_try_again(container: Container) -> bool:
    tries_max = container.record.host.restart_policy.maximum_retry_count
    return container.record.state.exit_code != 0 and (tries_max == 0 or container.record.restart_count < tries_max)


def should_start_again(container: Container) -> bool:
    """What the policy says when the agent starts, after a reboot or not. Only `unless-stopped` asks then whether a user
    had stopped it: Docker's way, and the reason for that policy's name."""
    record = container.record
    if not record.started_once or record.state.dead:
        return False
    if record.host.restart_policy.name == "always":
        return True
    if record.host.restart_policy.name == "on-failure":
        return _failed_and_may_try_again(container)
    return should_restart(container)


async def _restart_after(ctx: Context, container: Container) -> None:
    await asyncio.sleep(container.backoff_s)
    async with container.lock:
        if container.record.state.status != "restarting" or ctx.going_down:
            return
        container.restart_timer = None
        await restart_now(ctx, container)


async def restart_now(ctx: Context, container: Container) -> None:
    """Start again as the policy asked; a start that fails ends in `exited` with the reason. Hold the lock."""
    try:
        await run_created(ctx, container)
    except MooringError as error:
        _log.warning("container.restart_failed id=%s error=%s", container.id, error.message)
        container.record.state.status = "exited"
        await _noted(ctx.containers.save(container))
        container.tell_stopped()


def remove_later(ctx: Context, container: Container) -> None:
    """Auto-remove, as a task of its own: the caller holds the lock that removal needs."""
    _ = ctx.tasks.spawn(auto_remove(ctx, container), f"auto-remove {container.id[:12]}")
