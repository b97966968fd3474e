"""`docker load`: archives of `docker save`, old and new, and plain OCI image layouts, compressed or not.

The archive is read once, as a stream, into memory (small entries) and blobs (large ones), see `archive_tree`. Only when
all of it is there and checked do images come into being, each with its names in one transaction.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from agent.images import tar_reader
from agent.images.archive_tree import ArchiveTree
from agent.images.blobs import digest_of
from agent.images.catalog import LayerRow, Lease
from agent.images.compression import decompress, read_chunks
from agent.images.configs import parse_config
from agent.images.content import Content
from agent.images.limits import Limits
from agent.images.platforms import WantedPlatform, choose_manifest
from agent.images.progress import Emit, Meter, from_thread, transfer
from agent.images.registry.manifests import Index, parse_manifest
from agent.images.streams import BlockingChunks
from agent.images.tar_reader import TarReader
from agent.ports.images import Progress
from wire.errors import Invalid, MooringError
from wire.refs import Reference, parse_reference

__all__ = ["Loading"]

_SMALL: Final = 1 << 20
_ALL_SMALL: Final = 64 << 20
_PARALLEL: Final = 3


@dataclass(slots=True)
class _Found:
    """One image of an archive: its config, where its layers are, its names."""

    config: bytes
    layers: list[str]
    names: list[Reference]
    parent: str = ""


class Loading:
    """See the module docstring."""

    def __init__(self, content: Content, limits: Limits) -> None:
        self._content = content
        self._limits = limits

    async def load(self, source: BinaryIO | AsyncIterator[bytes], *, quiet: bool = False) -> AsyncIterator[Progress]:
        """See `agent.ports.images.Images.load`."""
        archive = ArchiveTree(f"{self._content.root.parent}/tmp/docker-import-{secrets.randbelow(4_000_000_000)}")
        lines: asyncio.Queue[Progress | None] = asyncio.Queue()
        work = asyncio.ensure_future(self._work(source, archive, lines.put_nowait, quiet))
        work.add_done_callback(lambda _: lines.put_nowait(None))
        try:
            while (line := await lines.get()) is not None:
                yield line
            await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
            await self._content.quick(archive.close)

    async def _work(
        self, source: BinaryIO | AsyncIterator[bytes], archive: ArchiveTree, emit: Emit, quiet: bool
    ) -> None:
        await self._read(source, archive)
        images = _images_of(archive)
        if not images:
            emit({})  # as Docker: an empty message
        for found in images:
            await self._add(archive, found, emit, quiet)
        # Last, as Docker: a child may come before its parent.
        ids = {digest_of(found.config) for found in images}
        for found in images:
            if found.parent in ids:
                await self._content.catalog.set_parent(digest_of(found.config), found.parent)

    async def _read(self, source: BinaryIO | AsyncIterator[bytes], archive: ArchiveTree) -> None:
        if not isinstance(source, AsyncIterator):
            await self._content.bulk(self._collect, read_chunks(source.read, _SMALL), archive)
            return
        chunks = BlockingChunks()
        worker = asyncio.ensure_future(self._content.bulk(self._collect, iter(chunks), archive))
        worker.add_done_callback(lambda _: chunks.close())
        try:
            await chunks.feed(source)
        except BaseException:
            # The thread has been told and fails with the same; it is looked at so that nobody reports it later.
            await asyncio.wait([worker])
            if not worker.cancelled():
                worker.exception()
            raise
        await worker

    def _collect(self, chunks: Iterable[bytes], archive: ArchiveTree) -> None:
        """Read the archive. Blocking; what it opened is in `archive` also when it fails."""
        reader = TarReader(decompress(chunks, self._limits), self._limits)
        total = 0
        for entry in reader:
            name = archive.add(entry)
            if entry.kind != tar_reader.REGULAR:
                continue
            if entry.size_bytes <= _SMALL:
                archive.small[name] = reader.read_data(_SMALL)
                total += entry.size_bytes
                if total > _ALL_SMALL:
                    raise Invalid("invalid archive: too many small entries")
            else:
                writer = archive.large[name] = self._content.blobs.open_writer()
                for piece in reader.data():
                    writer.write(piece)

    # images
    async def _add(self, archive: ArchiveTree, found: _Found, emit: Emit, quiet: bool) -> None:
        content = self._content
        document, diff_ids, _ = parse_config(found.config)
        system = document.get("os") or "linux"
        if system != "linux":
            raise Invalid(f"cannot load {system} image on linux")
        if len(found.layers) != len(diff_ids):
            raise Invalid(
                f"invalid manifest, layers length mismatch: expected {len(found.layers)}, got {len(diff_ids)}"
            )
        for layer in found.layers:
            archive.locate(layer)
        async with content.lease() as lease:
            lease.add(*diff_ids)
            rows = await self._layers(archive, found.layers, diff_ids, lease, emit, quiet)
            image_id = digest_of(found.config)
            for name in found.names:
                old = content.catalog.find_name(name)
                if old is not None and old != image_id:
                    emit(
                        {
                            "stream": f"The image {name.familiar} already exists, renaming the old one with ID {old} "
                            "to empty string\n"
                        }
                    )
            await content.add_image(found.config, rows, lease, names=found.names)
        for name in found.names:
            emit({"stream": f"Loaded image: {name.familiar}\n"})
        if not found.names:
            emit({"stream": f"Loaded image ID: {image_id}\n"})
        content.announce("load", image_id, image_id)

    async def _layers(
        self,
        archive: ArchiveTree,
        names: Sequence[str],
        diff_ids: Sequence[str],
        lease: Lease,
        emit: Emit,
        quiet: bool,
    ) -> dict[str, LayerRow]:
        content = self._content
        slots = asyncio.Semaphore(_PARALLEL)
        missing = {
            diff_id: name
            for name, diff_id in zip(names, diff_ids, strict=True)
            if content.catalog.layer(diff_id) is None
        }
        rows: dict[str, LayerRow] = {}

        async def one(diff_id: str, name: str) -> None:
            async with slots:
                try:
                    rows[diff_id] = await self._layer(archive, name, diff_id, lease, emit, quiet)
                except Invalid as error:
                    other = error.details.get("diff_id")
                    if other is None:
                        raise
                    raise Invalid(
                        f'invalid diffID for layer {diff_ids.index(diff_id)}: expected "{diff_id}", got "{other}"'
                    ) from error

        tasks = [asyncio.ensure_future(one(diff_id, name)) for diff_id, name in missing.items()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        return rows

    async def _layer(
        self, archive: ArchiveTree, name: str, diff_id: str, lease: Lease, emit: Emit, quiet: bool
    ) -> LayerRow:
        content = self._content
        entry = archive.resolve(name)
        if entry in archive.small:
            data = archive.small[entry]
            blob = digest_of(data)
            lease.add(blob)
            size_bytes = len(data)
            await content.quick(content.blobs.put, data)
        else:
            writer = archive.large[entry]
            blob, size_bytes = writer.digest(), writer.size_bytes
            lease.add(blob)
            if not content.blobs.has(blob):
                await content.bulk(writer.commit)
        layer = diff_id.removeprefix("sha256:")[:12]
        tell = (lambda _: None) if quiet else from_thread(emit)
        meter = Meter(tell, layer, "Loading layer", size_bytes)
        _, row = await content.unpack_blob(blob, lease, diff_id, on_read=meter.add)
        if not quiet:
            emit(transfer(layer, "Loading layer", size_bytes, size_bytes))
        return row


# what an archive says it holds
def _images_of(archive: ArchiveTree) -> list[_Found]:
    if "manifest.json" in archive.small:
        return _docker_images(archive)
    if "index.json" in archive.small:
        return _oci_images(archive)
    if "repositories" in archive.small:
        raise Invalid("unsupported archive: images saved before Docker 1.10 have to be saved again by a newer one")
    # Docker now reads it as one of the first format, in which each directory at the top is a layer.
    for name in archive.top_directories():
        raise archive.missing(f"{name}/layer.tar" if f"{name}/json" in archive.small else f"{name}/json")
    raise archive.missing("repositories")


def _docker_images(archive: ArchiveTree) -> list[_Found]:
    manifests = archive.object("manifest.json")
    if not isinstance(manifests, list):
        kind = {dict: "object", str: "string", bool: "bool", type(None): "null"}.get(type(manifests), "number")
        raise Invalid(f"json: cannot unmarshal {kind} into Go value of type []tarexport.manifestItem")
    found: list[_Found] = []
    for manifest in manifests:
        if not isinstance(manifest, dict) or not isinstance(manifest.get("Config"), str):
            raise Invalid("invalid archive: manifest.json")
        layers = manifest.get("Layers") or []
        tags = manifest.get("RepoTags") or []
        if not _texts(layers) or not _texts(tags):
            raise Invalid("invalid archive: manifest.json")
        names = [_tag(text) for text in tags]
        parent = manifest.get("Parent")
        found.append(_Found(archive.read(manifest["Config"]), layers, names, parent if isinstance(parent, str) else ""))
    return found


def _oci_images(archive: ArchiveTree) -> list[_Found]:
    index = archive.object("index.json")
    entries = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(entries, list):
        raise Invalid("invalid archive: index.json")
    found: dict[str, _Found] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("digest"), str):
            raise Invalid("invalid archive: index.json")
        data = _blob(archive, entry["digest"])
        document = parse_manifest(data, "")
        if isinstance(document, Index):
            chosen = choose_manifest(document.manifests, WantedPlatform())
            if chosen is None:
                raise Invalid("no image of the archive is for this platform")
            document = parse_manifest(_blob(archive, str(chosen["digest"])), "")
            if isinstance(document, Index):
                raise Invalid("an index inside an index is not supported")
        item = found.setdefault(
            document.config.digest,
            _Found(_blob(archive, document.config.digest), [_blob_path(layer.digest) for layer in document.layers], []),
        )
        name = _annotated_name(entry.get("annotations"))
        if name is not None and name not in item.names:
            item.names.append(name)
    return list(found.values())


def _annotated_name(annotations: object) -> Reference | None:
    if not isinstance(annotations, dict):
        return None
    text = annotations.get("io.containerd.image.name") or annotations.get("org.opencontainers.image.ref.name")
    if not isinstance(text, str):
        return None
    try:
        reference = parse_reference(text)
    except MooringError:
        return None
    return reference if reference.tag and not reference.digest else None


def _blob(archive: ArchiveTree, digest: str) -> bytes:
    data = archive.read(_blob_path(digest))
    if digest_of(data) != digest:
        raise Invalid(f"invalid archive: {digest} is something else")
    return data


def _blob_path(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _tag(text: str) -> Reference:
    reference = parse_reference(text)
    if not reference.tag or reference.digest:
        raise Invalid(f"invalid tag {json.dumps(text)}")
    return reference
