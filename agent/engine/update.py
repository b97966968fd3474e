"""`update`: limits and restart policy of a container, live when it runs."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

from agent.engine import oom
from agent.engine.context import Context
from agent.engine.limits import build_resources
from agent.engine.validate_host import check_restart_policy
from agent.engine.validate_resources import check_resources
from wire.engine.containers import HostConfig, UpdateRequest
from wire.errors import Conflict, Internal, MooringError

__all__ = ["update"]

_FIELDS = (
    "cpu_shares", "memory", "nano_cpus", "blkio_weight", "cpu_period", "cpu_quota", "cpu_realtime_period",
    "cpu_realtime_runtime", "cpuset_cpus", "cpuset_mems", "memory_reservation", "memory_swap", "pids_limit",
)  # fmt: skip


async def update(ctx: Context, ref: str, body: UpdateRequest) -> list[str]:
    """Change what the body names (not 0, not empty), all or nothing; returns warnings. Errors name the container.

    Only the limit of processes can be lifted: for it 0 and less mean none, as in Docker.
    """
    container = ctx.containers.resolve(ref)
    warnings = check_resources(body, update=True)
    if body.restart_policy.name:
        check_restart_policy(body.restart_policy)
    async with container.lock:
        record = container.record
        if record.state.status in ("removing", "dead"):
            raise Conflict(
                f'Cannot update container {container.id}: Container is marked for removal and cannot be "update".'
            )
        wanted = copy.copy(record.host)
        try:
            _apply(wanted, body)
            if body.restart_policy.name:
                if record.host.auto_remove and body.restart_policy.name != "no":
                    raise Conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
                wanted.restart_policy = copy.copy(body.restart_policy)
            if container.has_process:
                resources = build_resources(wanted)
                if wanted.pids_limit == 0:  # lifted: the runtime has to be told, for absence means "as it is"
                    resources = dataclasses.replace(resources, pids_limit=-1)
                try:
                    await ctx.runtime.update(container.id, resources)
                except MooringError:
                    ctx.events.publish("container", "update", container.id, container.attributes())  # as Docker
                    raise
        except MooringError as error:
            raise type(error)(f"Cannot update container {container.id}: {error.message}") from error
        record.host = wanted
        oom.begin(ctx, container)
        await ctx.containers.save(container)
        ctx.events.publish("container", "update", container.id, container.attributes())
    return warnings


def _apply(host: HostConfig, body: UpdateRequest) -> None:
    """Docker's rules for one limit against another that is set already."""
    if body.nano_cpus and (host.cpu_period or host.cpu_quota) and host.cpu_period:
        raise Conflict("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set")
    if body.nano_cpus and host.cpu_quota:
        raise Conflict("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set")
    if body.cpu_period and host.nano_cpus:
        raise Conflict("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set")
    if body.cpu_quota and host.nano_cpus:
        raise Conflict("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set")
    if body.memory and not body.memory_swap and body.memory > host.memory_swap:  # also of -1: Docker compares numbers
        raise Internal(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    for name in _FIELDS:
        value: Any = getattr(body, name)
        if value:
            setattr(host, name, value)
    if body.pids_limit == 0:
        host.pids_limit = 0
