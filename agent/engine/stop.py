"""`stop`, `kill` and `restart`: signals, grace time, and waiting for the end."""

from __future__ import annotations

import asyncio
import logging
import signal as signals
from contextlib import suppress
from typing import Final

from agent.engine import health
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.signals import parse_signal, stop_signal
from agent.engine.start import run_created
from agent.host import failpoints
from wire.errors import Conflict, Internal, Invalid, MooringError, NotFound, NotModified

__all__ = ["end_process", "kill", "restart", "stop", "stop_all"]

_log = logging.getLogger(__name__)

_DEFAULT_GRACE_S: Final = 10
_KILL_WAIT_S: Final = 10.0  # after SIGKILL; longer only for a process in uninterruptible sleep


async def stop(ctx: Context, ref: str, *, signal: str = "", timeout_s: int | None = None) -> None:
    """Ask it to stop, then kill it after the grace time. NotModified when it does not run, Internal for a bad name."""
    container = ctx.containers.resolve(ref)
    await container.settled()
    if not container.running:
        raise NotModified("")
    _check_signal(signal, f"cannot stop container: {ref}", Internal)
    container.record.stopped_by_user = True
    if await _stop_between_restarts(ctx, container):
        return
    await end_process(ctx, container, signal, timeout_s, announce=True)


def _check_signal(signal: str, lead: str, kind: type[MooringError] = Invalid) -> None:
    """Refuse a bad signal in Docker's words. Its status differs: stop and restart answer 500, kill 400."""
    if not signal:
        return
    try:
        parse_signal(signal)
    except Invalid as error:
        raise kind(f"{lead}: {error.message}") from error


async def _stop_between_restarts(ctx: Context, container: Container) -> bool:
    """A container that waits for its next restart has nothing to signal: it is simply over."""
    if container.record.state.status != "restarting":
        return False
    async with container.lock:
        if container.record.state.status != "restarting":
            return False
        container.cancel_restart()
        container.record.state.status = "exited"
        await ctx.containers.save(container)
        ctx.events.publish("container", "stop", container.id, container.attributes())
        container.tell_stopped()
    return True


async def end_process(
    ctx: Context, container: Container, signal: str, timeout_s: int | None, *, announce: bool
) -> None:
    """Bring the process to its end: the stop signal, the grace time (negative: for ever), SIGKILL."""
    config = container.record.config
    number = parse_signal(signal) if signal else stop_signal(config.stop_signal)
    if timeout_s is None:
        timeout_s = config.stop_timeout if isinstance(config.stop_timeout, int) else _DEFAULT_GRACE_S
    container.stop_requested = announce
    _ = ctx.containers.save(container)  # that the user stopped it must outlive us
    failpoints.hit("stop.after_journal")
    grace_s = None if timeout_s < 0 else float(timeout_s)
    try:
        await _send(ctx, container, number)
        failpoints.hit("stop.after_signal")
        await _wake(ctx, container)
        if await _ended(container, grace_s):
            return
        failpoints.hit("stop.during_grace")
    except NotFound:
        if await _ended(container, _KILL_WAIT_S):
            return
    with suppress(NotFound):
        await _send(ctx, container, signals.SIGKILL)
    failpoints.hit("stop.after_kill")
    if not await _ended(container, _KILL_WAIT_S):
        container.stop_requested = False
        raise Internal(
            f"tried to kill container, but did not receive an exit event: container {container.id} has a process that "
            "does not end on SIGKILL"
        )


async def _send(ctx: Context, container: Container, number: int) -> None:
    await ctx.runtime.kill(container.id, number)
    ctx.events.publish("container", "kill", container.id, container.attributes(signal=str(number)))


async def _wake(ctx: Context, container: Container, *, told: bool = True) -> None:
    """Resume it when it is paused, for a frozen process gets no signal. One that is killed is not `told` of."""
    if container.record.state.status != "paused":
        return
    with suppress(MooringError):
        await ctx.runtime.resume(container.id)
        if told and container.record.state.status == "paused":
            container.record.state.status = "running"
            health.resume(ctx, container)
            ctx.events.publish("container", "unpause", container.id, container.attributes())


async def _ended(container: Container, seconds: float | None) -> bool:
    if container.stopped.is_set():
        return True
    try:
        async with asyncio.timeout(seconds):
            await container.stopped.wait()
    except TimeoutError:
        return False
    return True


async def kill(ctx: Context, ref: str, *, signal: str = "") -> None:
    """Send a signal (SIGKILL when none is named). SIGKILL and the stop signal end with the process, and the policy does
    not restart it. Conflict when it does not run."""
    try:
        container = ctx.containers.resolve(ref)
    except NotFound as error:
        raise NotFound(f"cannot kill container: {ref}: {error.message}") from error
    await container.settled()
    _check_signal(signal, f"cannot kill container: {ref}")
    number = parse_signal(signal) if signal else int(signals.SIGKILL)
    if not 0 < number <= 64:
        raise Invalid(f"cannot kill container: {ref}: the linux daemon does not support signal {number}")
    if not container.running:
        raise Conflict(f"cannot kill container: {ref}: container {container.id} is not running")
    fatal = number in (signals.SIGKILL, stop_signal(container.record.config.stop_signal)) and number != 0
    if fatal:
        container.record.stopped_by_user = True
    if await _stop_between_restarts(ctx, container):
        return
    try:
        await _send(ctx, container, number)
    except NotFound as error:
        raise Conflict(f"cannot kill container: {ref}: container {container.id} is not running") from error
    await _wake(ctx, container, told=number != signals.SIGKILL)
    if number == signals.SIGKILL:
        await _ended(container, _KILL_WAIT_S)


async def stop_all(ctx: Context, limit_s: float) -> None:
    """Stop what runs without its being a user's wish. What does not end in time is left to the host's own shutdown."""
    ctx.going_down = True
    ends = [asyncio.create_task(_stop_for_good(ctx, container)) for container in ctx.containers if container.running]
    if ends:
        _, late = await asyncio.wait(ends, timeout=limit_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _stop_for_good(ctx: Context, container: Container) -> None:
    if container.record.state.status == "restarting":  # at the next start it is
        return
    try:
        await end_process(ctx, container, "", None, announce=True)
    except MooringError as error:
        _log.warning("container.stop_failed id=%s error=%s", container.id, error.message)


async def restart(ctx: Context, ref: str, *, signal: str = "", timeout_s: int | None = None) -> None:
    """Stop it when it runs, start it, tell `restart`. Errors name the container."""
    container = ctx.containers.resolve(ref)
    await container.settled()
    lead = f"Cannot restart container {ref}"
    if container.running:
        _check_signal(signal, lead, Internal)
    try:
        await _restart(ctx, container, signal, timeout_s)
    except MooringError as error:
        raise type(error)(f"{lead}: {error.message}", **error.details) from error
    ctx.events.publish("container", "restart", container.id, container.attributes())


async def _restart(ctx: Context, container: Container, signal: str, timeout_s: int | None) -> None:
    if container.running:
        stopped_before = container.record.stopped_by_user
        container.record.stopped_by_user = True
        try:
            if not await _stop_between_restarts(ctx, container):
                container.keep = True
                await end_process(ctx, container, signal, timeout_s, announce=True)
        finally:
            container.record.stopped_by_user = stopped_before
            container.keep = False
    async with container.lock:
        if not container.has_process:
            container.cancel_restart()
            await run_created(ctx, container)
