"""Blobs, layers and rows held together: what every verb of the room works with.

The order that makes a crash harmless is kept here: a blob is durable before a layer is unpacked from it, a layer is
unpacked before a row names it, a row is durable before the caller is told. Deleting goes the other way round.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec

from agent.host import failpoints
from agent.host.threads import to_the_end
from agent.images.blobs import BlobStore, BlobWriter
from agent.images.catalog import Catalog, LayerRow, Lease
from agent.images.compression import decompress, detect, prefetch
from agent.images.configs import ConfigFacts, encode_config, parse_config
from agent.images.limits import DEFAULT_LIMITS, Limits
from agent.images.snapshots import Snapshotter
from agent.images.streams import close
from agent.ports.images import ImageListener
from agent.ports.storage import Store
from wire.errors import Cancelled, Internal
from wire.refs import Reference

__all__ = ["Content", "write_all"]

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")
_T = TypeVar("_T")
_PIECE = 1 << 20


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class Content:
    """See the module docstring. One per agent; methods belong to the event loop unless they say "blocking"."""

    def __init__(self, root: Path, store: Store, snapshots: Snapshotter, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.root = root
        self.blobs = BlobStore(root)
        self.catalog = Catalog(store)
        self.snapshots = snapshots
        self._listeners: list[ImageListener] = []
        # Two pools, so that a container's mount never waits behind a pull.
        self._quick = ThreadPoolExecutor(4, "images-quick")
        self._bulk = ThreadPoolExecutor(12, "images-bulk")
        self._unpacking: dict[str, asyncio.Lock] = {}
        self._chores: asyncio.Task[None] | None = None
        self._chore_due = asyncio.Event()
        self._boot_id = boot_id()

    # life
    async def start(self) -> None:
        """Take up what is on disk: rows and files become exactly the same set."""
        await self.quick(self.blobs.start)
        await self.quick(self.snapshots.start)
        for image_id in self.catalog.load(self._read_config):
            _log.error("image.damaged image=%s: its config cannot be read; it is left out", image_id)
        await self._forget_unsynced()
        await self._delete_unnamed()
        self._chores = asyncio.create_task(self._do_chores(), name="images-chores")
        self._chore_due.set()

    async def close(self) -> None:
        if self._chores:
            self._chores.cancel()
            await asyncio.wait([self._chores])
        await self.quick(self._empty_trash)
        self._quick.shutdown()
        self._bulk.shutdown()

    def _read_config(self, image_id: str) -> ConfigFacts:
        return parse_config(self.blobs.read(image_id))

    async def _forget_unsynced(self) -> None:
        """After a power cut: directories that were not surely on disk are made again when next used."""
        for diff_id, row in self.catalog.layers().items():
            if row.boot_id and row.boot_id != self._boot_id:
                await self.quick(self.snapshots.drop_layer, diff_id)

    async def _do_chores(self) -> None:
        """In the background: bring unpacked layers to disk, delete what was thrown away."""
        while True:
            await self._chore_due.wait()
            self._chore_due.clear()
            try:
                await self.bulk(self._empty_trash)
                unsynced = [d for d, row in self.catalog.layers().items() if row.boot_id]
                if unsynced:
                    await self.bulk(self.snapshots.sync)
                    rows = {d: row for d in unsynced if (row := self.catalog.layer(d)) is not None}
                    await self.catalog.put_layers(
                        {d: msgspec.structs.replace(row, boot_id="") for d, row in rows.items()}
                    )
            except Exception:
                # The next chore tries again; without this one there would be no next.
                _log.exception("images.chores failed")

    def _empty_trash(self) -> None:
        self.blobs.empty_trash()
        self.snapshots.empty_trash()

    def chore(self) -> None:
        """Something was thrown away or unpacked."""
        self._chore_due.set()

    # threads
    async def quick(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run something short and blocking."""
        work = functools.partial(call, *args, **kwargs)
        return await self._translated(asyncio.get_running_loop().run_in_executor(self._quick, work))

    async def bulk(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run something long and blocking."""
        work = functools.partial(call, *args, **kwargs)
        return await self._translated(asyncio.get_running_loop().run_in_executor(self._bulk, work))

    async def open_writer(self) -> BlobWriter:
        """A blob to write, which the caller commits or aborts."""
        opening = asyncio.get_running_loop().run_in_executor(self._quick, self.blobs.open_writer)
        return await self._translated(opening, BlobWriter.abort)

    @staticmethod
    async def _translated(future: asyncio.Future[_T], discard: Callable[[_T], object] | None = None) -> _T:
        try:
            return await to_the_end(future, discard)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Internal(f"write {error.filename or 'image'}: no space left on device") from error
            raise

    # news
    def watch(self, listener: ImageListener) -> None:
        self._listeners.append(listener)

    def announce(self, action: str, actor: str, name: str) -> None:
        for listener in self._listeners:
            listener(action, actor, name)

    # layers
    async def spool(self, source: AsyncIterator[bytes], writer: BlobWriter) -> None:
        """Write a stream into a blob that is being made, in big steps off the loop."""
        parts: list[bytes] = []
        size = 0
        async for chunk in source:
            parts.append(chunk)
            size += len(chunk)
            if size >= _PIECE:
                await self.bulk(write_all, writer, parts)
                parts, size = [], 0
        if parts:
            await self.bulk(write_all, writer, parts)

    def layer_chunks(self, row: LayerRow) -> Iterator[bytes]:
        """The layer's uncompressed tar, byte for byte. Blocking."""
        chunks = self.blobs.chunks(row.blob)
        return prefetch(decompress(chunks, self.limits)) if row.compression else chunks

    async def unpack_blob(
        self, blob: str, lease: Lease, expected: str = "", *, on_read: Callable[[int], None] | None = None
    ) -> tuple[str, LayerRow]:
        """Make a layer of a blob that is on disk and leased; returns diff id and the row to add with an image.

        `on_read` is told, in another thread, how much of the blob was read.

        One at a time per blob: a second caller finds it done. The layer is leased before anything could collect it.
        """
        lock = self._unpacking.setdefault(expected or blob, asyncio.Lock())
        try:
            async with lock:
                if expected:
                    lease.add(expected)
                    known = self.catalog.layer(expected)
                    if known is not None and self.snapshots.has_layer(expected):
                        return expected, known
                compression = await self.quick(self._compression_of, blob)
                if compression not in ("", "gzip", "zstd"):
                    blob = await self.bulk(self._transcode, blob)
                    lease.add(blob)
                    compression = ""
                diff_id, size_bytes, tar_bytes = await self._unpack(blob, compression, expected, on_read)
                lease.add(diff_id)
        finally:
            if not lock.locked():
                self._unpacking.pop(expected or blob, None)
        row = LayerRow(
            size_bytes=size_bytes,
            blob=blob,
            compression=compression,
            tar_bytes=tar_bytes if compression else 0,
            boot_id=self._boot_id,
        )
        return diff_id, row

    def new_row(self, size_bytes: int, blob: str) -> LayerRow:
        """The row of a layer just made, whose directory is not surely on disk yet."""
        return LayerRow(size_bytes=size_bytes, blob=blob, compression="", boot_id=self._boot_id)

    def _compression_of(self, blob: str) -> str:
        descriptor = self.blobs.open(blob)
        try:
            return detect(os.pread(descriptor, 16, 0))
        finally:
            os.close(descriptor)

    async def _unpack(
        self, blob: str, compression: str, expected: str, on_read: Callable[[int], None] | None = None
    ) -> tuple[str, int, int]:
        """(diff id, Docker's size, bytes of the tar). Cancelled, it stops at the next piece."""
        stopped = threading.Event()

        def work() -> tuple[str, int, int]:
            tar_bytes = 0

            def counted() -> Iterator[bytes]:
                nonlocal tar_bytes
                for chunk in plain:
                    if stopped.is_set():
                        raise Cancelled("unpacking was cancelled")
                    tar_bytes += len(chunk)
                    yield chunk

            chunks: Iterable[bytes] = self.blobs.chunks(blob)
            if on_read is not None:
                chunks = _counted(chunks, on_read)
            plain = prefetch(decompress(chunks, self.limits)) if compression else iter(chunks)
            try:
                diff_id, unpacked = self.snapshots.unpack(counted(), expected)
            finally:
                close(plain)  # now, and not when the failure's traceback goes: the blob's space is wanted back
            return diff_id, unpacked.size_bytes, tar_bytes

        try:
            return await self.bulk(work)
        finally:
            stopped.set()

    def _transcode(self, blob: str) -> str:
        """bzip2 and xz are for reading archives; a layer kept so could not be pushed."""
        with self.blobs.open_writer() as writer:
            for piece in decompress(self.blobs.chunks(blob), self.limits):
                writer.write(piece)
            return writer.commit()

    async def ensure_layers(self, diff_ids: Sequence[str]) -> None:
        """Unpack again what is recorded and not there (after a power cut, or deleted by hand)."""
        for diff_id in diff_ids:
            if self.snapshots.has_layer(diff_id):
                continue
            row = self.catalog.layer(diff_id)
            if row is None:
                raise Internal(f"layer {diff_id} is missing")
            async with self.lease() as lease:
                lock = self._unpacking.setdefault(diff_id, asyncio.Lock())
                async with lock:
                    if not self.snapshots.has_layer(diff_id):
                        lease.add(diff_id)
                        await self._unpack(row.blob, row.compression, diff_id)
                self._unpacking.pop(diff_id, None)

    # images
    async def add_image(
        self,
        document: Mapping[str, Any] | bytes,
        layers: Mapping[str, LayerRow],
        lease: Lease,
        *,
        names: Iterable[Reference] = (),
        parent: str = "",
    ) -> str:
        """Store a config and, in one transaction, everything that makes it an image. Returns the image id."""
        data = document if isinstance(document, bytes) else encode_config(document)
        config, diff_ids, created_at = parse_config(data)
        missing = [d for d in diff_ids if d not in layers and self.catalog.layer(d) is None]
        if missing:
            raise Internal(f"layer {missing[0]} is missing")
        image_id = await self.quick(self.blobs.put, data)
        lease.add(image_id)
        failpoints.hit("images.before_image_row")
        new = {d: row for d, row in layers.items() if self.catalog.layer(d) is None}
        await self.catalog.add(
            image_id, config, diff_ids, created_at, layers=new, names=names, parent=parent, now=time.time()
        )
        self.chore()
        return image_id

    # garbage
    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Lease]:
        """Keeps what is added to it from being collected; at the end, what of it nothing names is deleted."""
        lease = self.catalog.new_lease()
        try:
            yield lease
        finally:
            await self.collect(lease.release())

    async def collect(self, candidates: Iterable[str] = ()) -> list[str]:
        """Delete layers nothing uses, their blobs, and those of `candidates` that nothing names.

        Returns the diff ids of the layers. Rows go first and durably: killed afterwards, the next start finds files
        that no row names. Checking and taking away happen in one go of the event loop, so that work which leases a
        layer and then looks whether it is there cannot be overtaken.
        """
        unused = self.catalog.unused_layers()
        doomed = set(candidates)
        for diff_id in unused:
            row = self.catalog.layers()[diff_id]
            doomed |= {diff_id, row.blob}
        if unused:
            await self.catalog.remove_layers(unused)
            failpoints.hit("images.after_layer_rows")
        named = self.catalog.named_blobs()
        for digest in doomed:
            if self.catalog.is_leased(digest):
                continue
            if self.catalog.layer(digest) is None:
                self.snapshots.drop_layer(digest)
            if digest not in named:
                self.blobs.discard(digest)
        if doomed:
            self.chore()
        return unused

    async def _delete_unnamed(self) -> None:
        """At start, while nothing else runs: every file that no row names."""
        for diff_id in await self.quick(self.snapshots.layer_ids):
            if self.catalog.layer(diff_id) is None:
                self.snapshots.drop_layer(diff_id)
        for container_id in await self.quick(self.snapshots.root_ids):
            if self.catalog.root(container_id) is None:
                await self.quick(self.snapshots.drop_root, container_id)
        named = self.catalog.named_blobs()
        for digest in await self.quick(lambda: list(self.blobs.digests())):
            if digest not in named:
                self.blobs.discard(digest)
        await self.collect()


def _counted(chunks: Iterable[bytes], on_read: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        on_read(len(chunk))
        yield chunk


def write_all(writer: BlobWriter, parts: Sequence[bytes]) -> None:
    for part in parts:
        writer.write(part)
