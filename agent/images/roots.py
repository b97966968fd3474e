"""Container roots: made, mounted, compared, exported, removed, and found again after the agent's restart."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from agent.host import failpoints
from agent.images.catalog import RootRow
from agent.images.changes import list_changes, tree_size_bytes
from agent.images.content import Content
from agent.images.snapshots import RootPaths
from agent.images.streams import stream_blocking
from agent.images.tar_writer import tar_tree
from agent.ports.images import Rootfs
from wire.errors import Conflict, NotFound

__all__ = ["Roots"]


class Roots:
    """The part of the port about root file systems. One container's calls are serialised here."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._locks: dict[str, asyncio.Lock] = {}

    def _lock(self, container_id: str) -> asyncio.Lock:
        return self._locks.setdefault(container_id, asyncio.Lock())

    def _row(self, container_id: str) -> RootRow:
        row = self._content.catalog.root(container_id)
        if row is None:
            raise NotFound(f"no root file system for container {container_id}")
        return row

    def _rootfs(self, container_id: str, row: RootRow, where: RootPaths) -> Rootfs:
        return Rootfs(
            container_id=container_id,
            image_id=row.image_id,
            path=where.merged,
            upper=where.upper,
            lowers=where.lowers,
            driver=self._content.snapshots.driver,
        )

    async def prepare(self, container_id: str, image_id: str, *, init: bool = True) -> Rootfs:
        content = self._content
        diff_ids = content.catalog.image(image_id).diff_ids if image_id else ()
        async with self._lock(container_id):
            if content.catalog.root(container_id) is not None:
                raise Conflict(f"a root file system for container {container_id} exists already")
            # The row first: from here on nobody collects these layers. It need not be awaited: the engine's own row,
            # which names the container, is asked for later and so becomes durable later.
            row = RootRow(image_id=image_id, diff_ids=diff_ids, init=init)
            written = asyncio.ensure_future(content.catalog.put_root(container_id, row))
            failpoints.hit("images.after_root_row")
            try:
                await content.ensure_layers(diff_ids)
                where = await content.quick(self._prepare, container_id, diff_ids, init)
            except BaseException:
                await content.catalog.remove_root(container_id)
                raise
            finally:
                written.add_done_callback(_retrieve)
        return self._rootfs(container_id, row, where)

    def _prepare(self, container_id: str, diff_ids: Sequence[str], init: bool) -> RootPaths:
        self._content.snapshots.prepare(container_id)
        return self._content.snapshots.paths(container_id, diff_ids, init=init)

    async def mount(self, container_id: str) -> Rootfs:
        async with self._lock(container_id):
            row = self._row(container_id)
            await self._content.ensure_layers(row.diff_ids)
            where = await self._content.quick(self._content.snapshots.mount, container_id, row.diff_ids, init=row.init)
        return self._rootfs(container_id, row, where)

    async def unmount(self, container_id: str) -> None:
        async with self._lock(container_id):
            if self._content.catalog.root(container_id) is not None:
                await self._content.quick(self._content.snapshots.unmount, container_id)

    async def remove(self, container_id: str) -> None:
        content = self._content
        async with self._lock(container_id):
            row = content.catalog.root(container_id)
            if row is None:
                return
            # The row goes last: killed before, the engine asks again; killed after, the next start clears the files.
            await content.quick(content.snapshots.drop_root, container_id)
            failpoints.hit("images.before_root_row_removed")
            await content.catalog.remove_root(container_id)
            content.chore()
        self._locks.pop(container_id, None)
        if row.image_id and not content.catalog.has_image(row.image_id):
            await content.collect()  # the root was the last that used the image's layers

    async def recover(self, container_ids: Sequence[str]) -> None:
        keep = set(container_ids)
        for container_id in self._content.catalog.root_ids():
            if container_id not in keep:
                await self.remove(container_id)

    async def changes(self, container_id: str) -> Sequence[tuple[int, str]]:
        where = await self._paths(container_id)
        return await self._content.bulk(list_changes, where.upper, where.lowers)

    async def writable_size_bytes(self, container_id: str) -> int:
        where = await self._paths(container_id)
        return await self._content.bulk(tree_size_bytes, where.upper)

    async def _paths(self, container_id: str) -> RootPaths:
        row = self._row(container_id)
        return await self._content.quick(self._content.snapshots.paths, container_id, row.diff_ids, init=row.init)

    async def export(self, container_id: str) -> AsyncIterator[bytes]:
        """Mounts a stopped container's root for as long as the export takes."""
        row = self._row(container_id)
        where = await self._paths(container_id)
        mounted = await self._content.quick(_is_mounted, where)
        if not mounted:
            await self._content.ensure_layers(row.diff_ids)
            await self._content.quick(self._content.snapshots.mount, container_id, row.diff_ids, init=row.init)
        try:
            async with aclosing(stream_blocking(_tar_of(where.merged))) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            if not mounted:
                await self.unmount(container_id)

    def graph_driver(self, diff_ids: Sequence[str], container_id: str = "") -> dict[str, object]:
        """Docker's `GraphDriver`: directories of the storage driver, lower ones joined by colons."""
        snapshots = self._content.snapshots
        if container_id:
            where = snapshots.paths(container_id, diff_ids)
            data = {
                "LowerDir": ":".join(map(str, where.lowers)),
                "MergedDir": str(where.merged),
                "UpperDir": str(where.upper),
                "WorkDir": str(where.work),
            }
        else:
            data = snapshots.image_data(diff_ids)
        return {"Data": data, "Name": snapshots.driver}


def _is_mounted(where: RootPaths) -> bool:
    return where.merged.stat().st_dev != where.upper.stat().st_dev


def _tar_of(directory: Path) -> Iterator[bytes]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from tar_tree(descriptor)
    finally:
        os.close(descriptor)


def _retrieve(future: asyncio.Future[None]) -> None:
    """The store reports a failed write itself and every later one fails too; nobody else is waiting for this one."""
    if not future.cancelled():
        future.exception()
