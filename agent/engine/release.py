"""Giving back everything a run of a container held on the host. Every part is safe when it was never made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.sandbox import close_network
from agent.engine.shm import remove_shm
from agent.engine.volume_mounts import unmount_volumes

__all__ = ["release"]

_log = logging.getLogger(__name__)


async def release(ctx: Context, container: Container, noted: Awaitable[None] | None = None) -> None:
    """Delete the runtime's traces (once `noted` is done), leave networks, unmount root and volumes.

    All parts are tried; what fails is logged and left to the next release or to recovery. Events come in Docker's
    order: networks, then volumes."""
    results: list[BaseException | None] = list(
        await asyncio.gather(_delete(ctx, container, noted), close_network(ctx, container), return_exceptions=True)
    )
    results += await asyncio.gather(
        ctx.images.unmount(container.id), unmount_volumes(ctx, container.record), return_exceptions=True
    )
    remove_shm(ctx, container)
    ctx.logs.unwatch(ctx.config.container_log(container.id))
    for result in results:
        if isinstance(result, BaseException):
            _log.error("container.release_failed id=%s error=%s", container.id, result, exc_info=result)


async def _delete(ctx: Context, container: Container, noted: Awaitable[None] | None) -> None:
    if noted is not None:
        await noted
    await ctx.runtime.delete(container.id)
