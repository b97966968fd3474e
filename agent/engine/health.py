"""Health checks: a probe run beside the container's process, and the state it makes.

(start) ──▶ starting ──probe ok──▶ healthy ◀──────────┐
               │                     │ `retries` failures in a row
               │ `retries` failures  ▼                │ probe ok
               └──after the start──▶ unhealthy ───────┘
                  period
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Final

from msgspec import UNSET

from agent.engine.capabilities import capabilities_for
from agent.engine.clock import now_ns
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.environment import build_environment
from agent.engine.names import random_id
from agent.engine.record import HealthResult, HealthState
from agent.engine.security import confinement_for
from agent.engine.users import resolve_user
from agent.ports.runtime import ProcessSpec
from wire.engine.containers import Healthcheck
from wire.errors import Invalid, MooringError, NotFound, Timeout

__all__ = ["begin", "end", "probe_command", "resume"]

_S: Final = 1_000_000_000
_INTERVAL_NS: Final = 30 * _S
_TIMEOUT_NS: Final = 30 * _S
_START_INTERVAL_NS: Final = 5 * _S
_RETRIES: Final = 3
_LOG_LENGTH: Final = 5
_KILLED: Final = 137
_OUTPUT_BYTES: Final = 4096


def probe_command(check: Healthcheck | object, shell: list[str] | None = None) -> list[str] | None:
    """The argv of the probe; None when there is none (no check, `NONE`, or an unknown form).

    `CMD` alone is a probe that always fails."""
    if not isinstance(check, Healthcheck) or not check.test:
        return None
    kind, *words = check.test
    if kind == "CMD":
        return words
    if kind == "CMD-SHELL":
        return [*(shell or ["/bin/sh", "-c"]), *words]
    return None


def begin(ctx: Context, container: Container) -> None:
    """Start checking a container that has just started: status `starting`, streak 0."""
    end(container)
    config = container.record.config
    shell = config.shell if isinstance(config.shell, list) else None
    command = probe_command(config.healthcheck, shell)
    if command is None:
        container.record.state.health = None
        return
    container.record.state.health = HealthState(status="starting")
    _run(ctx, container, command)


def resume(ctx: Context, container: Container) -> None:
    """Go on checking, with the state as it is: after unpause or an agent restart.

    Only a change of status is written down: of one that an agent did not live to see, nothing is known, and checking
    begins anew."""
    config = container.record.config
    command = probe_command(config.healthcheck, config.shell if isinstance(config.shell, list) else None)
    if container.record.state.health is None:
        begin(ctx, container)
    elif command is not None and container.health_task is None:
        _run(ctx, container, command)


def end(container: Container) -> None:
    """Stop checking. What nobody looks at counts as unhealthy, as in Docker, though no event tells of it. Safe when
    there is no check."""
    if container.health_task is None:
        return
    container.health_task.cancel()
    container.health_task = None
    if container.record.state.health is not None:
        container.record.state.health.status = "unhealthy"
        container.cache.clear()


def _run(ctx: Context, container: Container, command: list[str]) -> None:
    container.health_task = ctx.tasks.spawn(_loop(ctx, container, command), f"health {container.id[:12]}")


async def _loop(ctx: Context, container: Container, command: list[str]) -> None:
    check = container.record.config.healthcheck
    assert isinstance(check, Healthcheck)
    interval_ns = check.interval or _INTERVAL_NS
    start_period_ns = check.start_period or 0
    start_interval_ns = check.start_interval or _START_INTERVAL_NS
    started = time.monotonic()
    while True:
        health = container.record.state.health
        in_start = (
            health is not None and health.status == "starting" and (time.monotonic() - started) * _S < start_period_ns
        )
        await asyncio.sleep((start_interval_ns if in_start else interval_ns) / _S * _jitter(interval_ns))
        if not container.has_process:
            return
        began_ns = now_ns()
        code, output = await _probe(ctx, container, command, (check.timeout or _TIMEOUT_NS) / _S)
        result = HealthResult(started_at_ns=began_ns, ended_at_ns=now_ns(), exit_code=code, output=output)
        past_start = (time.monotonic() - started) * _S >= start_period_ns
        retries = check.retries if check.retries is not UNSET and check.retries else _RETRIES
        await _take(ctx, container, result, retries=retries, count_failures=past_start)


def _jitter(interval_ns: int) -> float:
    """Spread the probes of many containers that were started together; never noticeable on short intervals."""
    return 1.0 if interval_ns < 5 * _S else random.uniform(0.97, 1.0)


async def _take(
    ctx: Context, container: Container, result: HealthResult, *, retries: int, count_failures: bool
) -> None:
    health = container.record.state.health
    if health is None:
        return
    before = health.status
    health.log = [*health.log, result][-_LOG_LENGTH:]
    if result.exit_code == 0:
        health.failing_streak, health.status = 0, "healthy"
    else:
        if count_failures or health.status != "starting":
            health.failing_streak += 1
            if health.failing_streak >= retries:
                health.status = "unhealthy"
    container.cache.clear()
    if health.status != before:
        await ctx.containers.save(container)
        ctx.events.publish("container", f"health_status: {health.status}", container.id, container.attributes())


async def _probe(ctx: Context, container: Container, command: list[str], timeout_s: float) -> tuple[int, str]:
    shown, exec_id = f"{command[0] if command else ''} {' '.join(command[1:])}", random_id()
    for action in ("exec_create", "exec_start"):
        ctx.events.publish("container", f"{action}: {shown}", container.id, container.attributes(execID=exec_id))
    code = ended = -1
    try:
        if not command:
            raise Invalid("no command specified")
        process = _process(ctx, container, command)
        code, raw = await ctx.runtime.run_probe(container.id, process, timeout_s, _OUTPUT_BYTES + 1)
        ended = code
        output = raw[:_OUTPUT_BYTES].decode(errors="replace") + ("..." if len(raw) > _OUTPUT_BYTES else "")
    except Timeout:
        ended, output = _KILLED, f"Health check exceeded timeout ({_duration(timeout_s)})"
    except NotFound:
        ended, output = _KILLED, "the container ended"
    except MooringError as error:  # it never ran: no end to tell of
        return code, error.message
    attributes = container.attributes(execID=exec_id, exitCode=str(ended))
    ctx.events.publish("container", "exec_die", container.id, attributes)
    return code, output


def _process(ctx: Context, container: Container, command: list[str]) -> ProcessSpec:
    """The probe runs as the container's user, in its environment and under its confinement."""
    record = container.record
    host, config = record.host, record.config
    user = resolve_user(Path(f"/proc/{record.state.pid}/root"), config.user, host.group_add or ())
    confined = confinement_for(
        host.security_opt or (), privileged=host.privileged, apparmor_here=ctx.runtime.info().apparmor
    )
    return ProcessSpec(
        args=tuple(command),
        env=build_environment(config.hostname, config.env or (), tty=False, home=user.home),
        cwd=config.working_dir or "/",
        uid=user.uid,
        gid=user.gid,
        additional_gids=user.groups,
        capabilities=capabilities_for(list(host.cap_add or ()), list(host.cap_drop or ()), privileged=host.privileged),
        no_new_privileges=confined.no_new_privileges,
        apparmor_profile=confined.apparmor,
    )


def _duration(seconds: float) -> str:
    """As Go prints a duration: `30s`, `1m30s`, `500ms`."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{hours}h" if hours else ""
    if hours or minutes:
        text += f"{minutes}m"
    return f"{text}{rest:g}s"
