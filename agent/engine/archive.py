"""`cp`, `diff` and `export`: a container's files, resolved by the image room inside its root only."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from agent.engine.clock import rfc3339_nano
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.record import MountPoint
from agent.engine.users import resolve_user
from agent.engine.volume_mounts import borrowed_volumes
from agent.ports.images import ArchiveStat
from wire.errors import Conflict, Internal, Invalid, NotFound

__all__ = ["archive_get", "archive_put", "archive_stat", "changes", "export"]


_KERNELS: Final = frozenset({"proc", "sys", "dev"})


async def changes(ctx: Context, ref: str) -> list[dict[str, Any]]:
    """Kind 0 modified, 1 added, 2 deleted."""
    container = ctx.containers.resolve(ref)
    return [{"Path": path, "Kind": kind} for kind, path in await ctx.images.changes(container.id)]


async def export(ctx: Context, ref: str) -> AsyncIterator[bytes]:
    """The root as a tar, without what is mounted in it."""
    container = ctx.containers.resolve(ref)
    if container.record.state.dead or container.record.state.status == "removing":
        raise Conflict(f"You cannot export container {container.id} which is Dead")
    ctx.events.publish("container", "export", container.id, container.attributes())
    return ctx.images.export(container.id)


async def archive_stat(ctx: Context, ref: str, path: str) -> dict[str, Any]:
    """What `X-Docker-Container-Path-Stat` carries. NotFound: `Could not find the file PATH in container REF`."""
    container = ctx.containers.resolve(ref)
    _check_path(path)
    async with _root(ctx, container, path) as (root, inside):
        try:
            found = await ctx.images.archive_stat(root, inside)
        except NotFound as error:
            raise _missing(path, ref) from error
        return _document(found, path)


async def archive_get(ctx: Context, ref: str, path: str) -> tuple[dict[str, Any], AsyncIterator[bytes]]:
    """Stat, and the tar of the file or tree. The caller reads it to the end or closes it."""
    container = ctx.containers.resolve(ref)
    _check_path(path)
    holder = _root(ctx, container, path)
    root, inside = await holder.__aenter__()
    hollow = _KERNELS if posixpath.normpath(f"/{inside}").strip("/") == "" else ()
    try:
        found, chunks = await ctx.images.archive_get(root, inside, hollow=hollow)
    except NotFound as error:
        await holder.__aexit__(None, None, None)
        raise _missing(path, ref) from error
    except BaseException:
        await holder.__aexit__(None, None, None)
        raise
    ctx.events.publish("container", "archive-path", container.id, container.attributes())

    async def stream() -> AsyncIterator[bytes]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await holder.__aexit__(None, None, None)

    return _document(found, path), stream()


async def archive_put(
    ctx: Context, ref: str, path: str, source: AsyncIterator[bytes], *, no_overwrite_dir_non_dir: bool = False,
    copy_uid_gid: bool = False,
) -> None:  # fmt: skip
    """Unpack a tar into directory `path`. Internal, as Docker, where the container may not write either."""
    container = ctx.containers.resolve(ref)
    _check_path(path)
    point = _mount_of(container, path)
    async with _root(ctx, container, path) as (root, inside):
        try:
            found = await ctx.images.archive_stat(root, inside)
        except NotFound as error:
            raise _missing(path, ref) from error
        if not found.is_dir and not found.link_target:
            raise Internal("extraction point is not a directory")
        # 403 says the specification, 500 says every engine
        if point is not None and not point.rw:
            raise Internal("mounted volume is marked read-only")
        if point is None and container.record.host.readonly_rootfs:
            raise Internal("container rootfs is marked read-only")
        owner = None
        if copy_uid_gid and container.record.config.user:  # without a user the archive's own ids stay
            user = resolve_user(root, container.record.config.user)
            owner = (user.uid, user.gid)
        try:
            await ctx.images.archive_put(
                root, inside, source, no_overwrite_dir_non_dir=no_overwrite_dir_non_dir, owner=owner
            )
        except Invalid as error:  # an archive that is none; Docker answers 500
            raise Internal(error.message) from error
        ctx.events.publish("container", "extract-to-dir", container.id, container.attributes())


def _check_path(path: str) -> None:
    if not path:
        raise Invalid("bad parameter: missing path")
    if "\0" in path:
        raise Invalid("bad parameter: path holds a NUL byte")


def _missing(path: str, ref: str) -> NotFound:
    return NotFound(f"Could not find the file {path} in container {ref}")


def _document(found: ArchiveStat, path: str) -> dict[str, Any]:
    clean = posixpath.normpath("/" + path)
    return {
        "name": found.name or posixpath.basename(clean) or "/",
        "size": found.size_bytes,
        "mode": found.mode,
        "mtime": rfc3339_nano(found.modified_at_ns),
        "linkTarget": found.link_target,
    }


def _mount_of(container: Container, path: str) -> MountPoint | None:
    """The mount that `path` lies in, by its name alone."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    best: MountPoint | None = None
    for point in container.record.mounts:
        inside = clean == point.target or clean.startswith(point.target.rstrip("/") + "/")
        if inside and (best is None or len(point.target) > len(best.target)):
            best = point
    return best


@asynccontextmanager
async def _root(ctx: Context, container: Container, path: str) -> AsyncIterator[tuple[Path, str]]:
    """(root to resolve in, path in it). A running container's own view has its mounts; one that does not run has its
    root mounted for the time being, and a path below one of its mounts is looked up in what would be mounted there.

    What the kernel shows in a running container is no file of it, as in Docker: below /proc, /sys and /dev there is
    what the root has.
    """
    async with borrowed_volumes(ctx, container.record) as volumes:
        point = _mount_of(container, path)
        if container.has_process and container.record.state.pid:
            root = Path(f"/proc/{container.record.state.pid}/root")
            if point is None and posixpath.normpath(f"/{path}").lstrip("/").partition("/")[0] in _KERNELS:
                async with container.lock:
                    if container.has_process:  # it is mounted, and stays so as long as the container runs
                        root = (await ctx.images.mount(container.id)).path
            yield root, path
            return
        if point is not None and point.type in ("volume", "bind"):
            rest = posixpath.normpath("/" + path.lstrip("/")).removeprefix(point.target.rstrip("/")) or "/"
            inside = rest + ("/" if path.endswith("/") and rest != "/" else "")
            yield volumes[point.target] if point.type == "volume" else Path(point.source), inside
            return
        async with container.lock:
            rootfs = await ctx.images.mount(container.id)
            try:
                yield rootfs.path, path
            finally:
                await ctx.images.unmount(container.id)
