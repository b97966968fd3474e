"""Volumes of one container: made at create, filled from the image, mounted at start, let go at exit."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.names import random_id
from agent.engine.record import MountPoint, Record
from agent.host.paths import open_in_root, open_root
from wire.errors import Internal, NotFound

__all__ = ["borrowed_volumes", "ensure_volumes", "mount_volumes", "prepare_root", "unmount_volumes", "users_of"]

ANONYMOUS = {"com.docker.volume.anonymous": ""}


async def ensure_volumes(ctx: Context, container: Container) -> None:
    """Make every volume the container names, and its anonymous ones, noted before; tells `create` of the new ones."""
    record = container.record
    made = [point for point in record.mounts if point.type == "volume" and not point.name]
    for point in made:
        point.name = random_id()
    if made:
        ctx.containers.note_unfinished(container, [point.name for point in made])
    options = {mount.target: mount for mount in record.host.mounts or () if record.host.mounts}
    for point in record.mounts:
        if point.type != "volume":
            continue
        asked = options.get(point.target)
        wanted = asked.volume_options if asked else None
        labels = dict(wanted.labels or {}) if wanted else {}
        driver = (wanted.driver_config if wanted else None) or None
        existed = _exists(ctx, point.name)
        volume = await ctx.volumes.create(
            point.name,
            driver=point.driver or "local",
            options=(driver.options if driver else None) or {},
            labels=labels or None,
            anonymous=point in made,
        )
        point.name, point.driver = volume.name, volume.driver
        if not existed:
            ctx.events.publish("volume", "create", volume.name, {"driver": volume.driver})
        if not point.from_image and not point.inherited and not point.mode:
            point.mode = "z"  # Docker's default mode word of a local volume, shown by inspect


def _exists(ctx: Context, name: str) -> bool:
    try:
        ctx.volumes.get(name)
    except NotFound:
        return False
    return True


async def prepare_root(ctx: Context, record: Record) -> None:
    """Make the working directory and fill empty volumes with what the image has there; the root is mounted for it, and
    unmounted again. Nothing is mounted when neither is asked for. Internal when the working directory is a file."""
    points = [point for point in record.mounts if point.type == "volume" and not point.no_copy and not point.subpath]
    workdir = record.config.working_dir.strip("/")
    if not workdir and (not points or not record.image_id):
        return
    rootfs = await ctx.images.mount(record.id)
    try:
        if workdir:
            _make_workdir(rootfs.path, record.config.working_dir)
        for point in points if record.image_id else ():
            await ctx.volumes.mount(point.name, record.id)
            try:
                await ctx.volumes.copy_up(point.name, rootfs.path, point.target)
            finally:
                await ctx.volumes.unmount(point.name, record.id)
    finally:
        await ctx.images.unmount(record.id)


def _make_workdir(root: Path, path: str) -> None:
    """Every missing directory of `path`, mode 0755, each step resolved inside the root."""
    with open_root(root) as root_fd:
        made = ""
        for part in path.strip("/").split("/"):
            parent, made = made or ".", f"{made}/{part}".lstrip("/")
            try:
                os.close(open_in_root(root_fd, made, os.O_PATH | os.O_DIRECTORY))
                continue
            except FileNotFoundError:
                pass
            except OSError as error:
                raise Internal(f"Cannot mkdir: {path} is not a directory") from error
            parent_fd = open_in_root(root_fd, parent, os.O_PATH | os.O_DIRECTORY)
            try:
                os.mkdir(part, 0o755, dir_fd=parent_fd)
            except FileExistsError as error:  # a dangling link
                raise Internal(f"Cannot mkdir: {path} is not a directory") from error
            finally:
                os.close(parent_fd)


async def mount_volumes(ctx: Context, record: Record) -> dict[str, str]:
    """Make the volumes usable; returns mount target → host path. Tells `mount` of each."""
    sources: dict[str, str] = {}
    for point in record.mounts:
        if point.type == "volume":
            sources[point.target] = str(await ctx.volumes.mount(point.name, record.id))
            ctx.events.publish("volume", "mount", point.name, _attributes(point, record, mounting=True))
    return sources


async def unmount_volumes(ctx: Context, record: Record, *, tell: bool = True) -> None:
    """Let go of the volumes; safe to repeat."""
    for point in record.mounts:
        if point.type == "volume":
            await ctx.volumes.unmount(point.name, record.id)
            if tell:
                ctx.events.publish("volume", "unmount", point.name, _attributes(point, record, mounting=False))


@asynccontextmanager
async def borrowed_volumes(ctx: Context, record: Record) -> AsyncIterator[dict[str, Path]]:
    """Hold the container's volumes while its files are copied, whether it runs or not; mount target → host path.

    Told as `mount` and `unmount`, as Docker does around an archive call."""
    holder = f"{record.id}-{random_id()[:12]}"
    held: dict[str, Path] = {}
    points = [point for point in record.mounts if point.type == "volume"]
    try:
        for point in points:
            held[point.target] = await ctx.volumes.mount(point.name, holder)
            ctx.events.publish("volume", "mount", point.name, _attributes(point, record, mounting=True))
        yield held
    finally:
        for point in points:
            if point.target in held:
                await ctx.volumes.unmount(point.name, holder)
                ctx.events.publish("volume", "unmount", point.name, _attributes(point, record, mounting=False))


def _attributes(point: MountPoint, record: Record, *, mounting: bool) -> dict[str, str]:
    attributes = {"driver": point.driver, "container": record.id}
    if mounting:
        attributes |= {
            "read/write": "true" if point.rw else "false",
            "destination": point.target,
            "propagation": point.propagation,
        }
    return attributes


def users_of(ctx: Context, name: str) -> list[str]:
    """Ids of the containers that refer to a volume, running or not."""
    return [
        container.id
        for container in ctx.containers
        if any(point.type == "volume" and point.name == name for point in container.record.mounts)
    ]
