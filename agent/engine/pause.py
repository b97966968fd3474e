"""`pause` and `unpause`."""

from __future__ import annotations

from agent.engine import health
from agent.engine.context import Context
from wire.errors import Conflict, Internal

__all__ = ["pause", "unpause"]


async def pause(ctx: Context, ref: str) -> None:
    """Freeze every process. Conflict when it does not run, is paused already, or waits for a restart."""
    container = ctx.containers.resolve(ref)
    async with container.lock:
        state = container.record.state
        if not container.running:
            raise Conflict(f"container {container.id} is not running")
        if state.status == "paused":
            raise Conflict(f"Container {container.id} is already paused")
        if state.status == "restarting":
            raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
        await ctx.runtime.pause(container.id)
        health.end(container)
        state.status = "paused"
        await ctx.containers.save(container)
        ctx.events.publish("container", "pause", container.id, container.attributes())


async def unpause(ctx: Context, ref: str) -> None:
    """Let it go on. Internal (as Docker) when it is not paused."""
    container = ctx.containers.resolve(ref)
    async with container.lock:
        state = container.record.state
        if state.status != "paused":
            raise Internal(f"Container {container.id} is not paused")
        await ctx.runtime.resume(container.id)
        state.status = "running"
        health.resume(ctx, container)
        await ctx.containers.save(container)
        ctx.events.publish("container", "unpause", container.id, container.attributes())
