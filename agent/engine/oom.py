"""Processes the kernel kills for want of memory: told at once, also when the container goes on without them."""

from __future__ import annotations

from agent.engine.container import Container
from agent.engine.context import Context
from wire.errors import MooringError

__all__ = ["begin", "end"]


def begin(ctx: Context, container: Container) -> None:
    """Watch a container that runs and whose memory is limited. Safe to repeat."""
    if container.oom_task is None and container.has_process and container.record.host.memory:
        container.oom_task = ctx.tasks.spawn(_watch(ctx, container), f"oom {container.id[:12]}")


def end(container: Container) -> None:
    """Stop watching; safe when nobody does."""
    if container.oom_task is not None:
        container.oom_task.cancel()
        container.oom_task = None


async def _watch(ctx: Context, container: Container) -> None:
    state = container.record.state
    try:
        await ctx.runtime.oom(container.id)
    except MooringError:  # it ended
        return
    if state.oom_killed:  # told by the agent before this one
        return
    state.oom_killed = True
    ctx.events.publish("container", "oom", container.id, container.attributes())
    await ctx.containers.save(container)
