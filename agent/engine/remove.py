"""`rm`: everything of a container, in an order that a restart can finish: row says `removing`, traces, row gone."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress

from agent.engine.attach import drop_attachments
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.links import parse_link
from agent.engine.stop import kill
from agent.engine.volume_mounts import users_of
from agent.host import failpoints
from wire.errors import Conflict, Internal, MooringError, NotFound

__all__ = ["auto_remove", "finish_removal", "remove"]

_log = logging.getLogger(__name__)


async def remove(ctx: Context, ref: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
    """Remove a container. Conflict while it runs, unless `force`; `volumes` takes its anonymous ones along.

    When it returns the name is free, the row is gone, and nothing of it is on the host.
    """
    if link:
        await _remove_link(ctx, ref)
        return
    container = ctx.containers.resolve(ref)
    while True:
        await container.settled()
        if container.record.state.status == "ending":
            async with container.lock:  # its process is gone, what is left to do takes a moment
                pass
        if container.record.state.status == "removing":
            raise Conflict(f"removal of container {ref} is already in progress")
        if container.running:
            if not force:
                raise Conflict(_running_text(container))
            await _kill_first(ctx, container)
        async with container.lock:
            if ctx.containers.find(container.id) is not container:
                return  # somebody else was faster; it is gone, as asked
            if not container.running:
                await _remove(ctx, container, volumes=volumes)
                return


async def _remove_link(ctx: Context, ref: str) -> None:
    """`rm --link CONTAINER/ALIAS`: forget a link; the container it leads to stays."""
    name, _, alias = ref.strip("/").rpartition("/")
    if not name:
        ctx.containers.resolve(ref)
        raise Internal("Conflict, cannot remove the default link name of the container")
    try:
        container = ctx.containers.resolve(name)
    except NotFound as error:
        raise NotFound(f"No such container: {ref.strip('/')}") from error
    async with container.lock:
        host = container.record.host
        kept = [link for link in host.links or () if parse_link(link)[1] != alias]
        if len(kept) == len(host.links or ()):
            raise NotFound(f"No such container: {ref.strip('/')}")
        host.links = kept or None
        await ctx.containers.save(container)


def _running_text(container: Container) -> str:
    """Docker's words name the state."""
    state = container.status
    if state == "paused":
        return f'cannot remove container "/{container.name}": container is paused and must be unpaused first'
    hint = "stop the container before removing or force remove"
    return f'cannot remove container "/{container.name}": container is {state}: {hint}'


async def _kill_first(ctx: Context, container: Container) -> None:
    container.keep = True  # an --rm container is removed here, not by its exit
    container.record.stopped_by_user = True
    with suppress(Conflict, NotFound):
        await kill(ctx, container.id)
    await container.stopped.wait()


async def auto_remove(ctx: Context, container: Container) -> None:
    """`--rm`: remove with its anonymous volumes; a failure is kept in the state and told to who waits."""
    async with container.lock:
        if ctx.containers.find(container.id) is not container or container.has_process:
            return
        with suppress(MooringError):
            await _remove(ctx, container, volumes=True)


async def _remove(ctx: Context, container: Container, *, volumes: bool) -> None:
    state = container.record.state
    before, state.status = state.status, "removing"
    container.record.volumes_too = volumes
    container.cancel_restart()
    saved = ctx.containers.save(container)
    if not container.record.host.auto_remove:  # after a crash an auto-remove container is removed in any case
        try:
            await saved
        except MooringError:  # nothing has been removed, so that it can be asked for again
            state.status = before
            _ = ctx.containers.save(container)
            raise
    failpoints.hit("rm.after_journal")
    try:
        await finish_removal(ctx, container)
    except Exception as error:
        state.status, state.dead = "dead", True
        state.error = str(error)
        await saved
        await ctx.containers.save(container)
        container.tell_removed(str(error))
        _log.exception("container.remove_failed id=%s", container.id)
        raise


async def finish_removal(ctx: Context, container: Container) -> None:
    """Delete what is left of a container marked `removing`; also after a restart. Every part is safe to repeat.

    The row goes when the root is gone; files go at the same time, and what a crash leaves of them is swept at start.
    """
    record = container.record
    drop_attachments(container)
    if record.volumes_too:
        await _remove_anonymous(ctx, container)
    failpoints.hit("rm.after_volumes")
    await asyncio.gather(_remove_root_and_row(ctx, container), _remove_files(ctx, container))
    ctx.execs.forget(container.exec_ids)
    ctx.containers.discard(container)
    ctx.events.publish("container", "destroy", container.id, container.attributes())
    container.tell_removed()


async def _remove_root_and_row(ctx: Context, container: Container) -> None:
    await ctx.images.remove(container.id)
    failpoints.hit("rm.after_root")
    await ctx.containers.erase(container)
    failpoints.hit("rm.after_row")


async def _remove_files(ctx: Context, container: Container) -> None:
    """The log, the files under /etc, the bundle. In a thread: removing a directory may wait for the disk."""
    if container.record.host.log_config.type != "none":
        await ctx.logs.remove(ctx.config.container_log(container.id))
    for directory in (ctx.config.container(container.id), ctx.config.bundle(container.id)):
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
    failpoints.hit("rm.after_files")


async def _remove_anonymous(ctx: Context, container: Container) -> None:
    for point in container.record.mounts:
        if point.type == "volume" and point.anonymous and users_of(ctx, point.name) in ([], [container.id]):
            try:
                driver = ctx.volumes.get(point.name).driver
                await ctx.volumes.remove(point.name)
            except (NotFound, Conflict):
                continue
            ctx.events.publish("volume", "destroy", point.name, {"driver": driver})
