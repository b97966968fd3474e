"""Images made here: imported from a root tar, committed from a container, composed by the builder."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.images.blobs import BlobWriter
from agent.images.catalog import LayerRow, Lease
from agent.images.changes import tree_size_bytes
from agent.images.configs import (
    EMPTY_LAYER,
    HOST_ARCHITECTURE,
    container_config,
    format_time,
    new_history,
)
from agent.images.content import Content
from agent.images.platforms import parse_platform
from agent.images.tar_writer import tar_tree
from agent.ports.images import Image
from wire.errors import Invalid, NotFound
from wire.refs import Reference, parse_repository
from wire.versions import DOCKER_VERSION

__all__ = ["Importing", "name_of"]


def name_of(repo: str, tag: str) -> Reference | None:
    """The name `repo:tag` with Docker's checks; None without a repository."""
    if not repo:
        return None
    reference = parse_repository(repo, tag)
    if reference.path == "library/sha256" and reference.domain == "docker.io":
        raise Invalid("refusing to create an ambiguous tag using digest algorithm as name")
    return reference


class Importing:
    """See the module docstring."""

    def __init__(self, content: Content) -> None:
        self._content = content

    async def import_tar(
        self,
        source: AsyncIterator[bytes],
        *,
        repo: str = "",
        tag: str = "",
        changes: Mapping[str, object] | None = None,
        message: str = "",
        platform: str = "",
    ) -> str:
        content = self._content
        name = name_of(repo, tag)
        wanted = parse_platform(platform)
        if wanted.os not in ("", "linux"):
            raise Invalid("operating system is not supported")
        async with content.lease() as lease:
            writer = await content.open_writer()
            with writer:
                await content.spool(source, writer)
                blob = writer.digest()
                lease.add(blob)
                await content.bulk(writer.commit)
            diff_id, row = await content.unpack_blob(blob, lease)
            created = format_time(time.time_ns())
            document: dict[str, Any] = {
                "architecture": wanted.architecture or HOST_ARCHITECTURE,
                "comment": message,
                "config": container_config(changes),
                "container_config": container_config(),
                "created": created,
                "docker_version": DOCKER_VERSION,
                "history": [new_history(created, comment=message)],
                "os": wanted.os or "linux",
                "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            }
            if wanted.variant:
                document["variant"] = wanted.variant
            image_id = await content.add_image(document, {diff_id: row}, lease, names=[name] if name else [])
        if name:
            content.announce("tag", image_id, name.familiar)
        content.announce("import", image_id, image_id)
        return image_id

    async def commit(
        self,
        container_id: str,
        *,
        config: Mapping[str, object],
        repo: str = "",
        tag: str = "",
        author: str = "",
        comment: str = "",
        created_by: str = "",
        made_by: Mapping[str, object] | None = None,
    ) -> str:
        content = self._content
        root = content.catalog.root(container_id)
        if root is None:
            raise NotFound(f"no root file system for container {container_id}")
        name = name_of(repo, tag)
        base = content.catalog.image(root.image_id).config if content.catalog.has_image(root.image_id) else {}
        async with content.lease() as lease:
            lease.add(*root.diff_ids)
            where = await content.quick(content.snapshots.paths, container_id, root.diff_ids)
            diff_id, layers = await self._layer_of(where.upper, lease)
            created = format_time(time.time_ns())
            diff_ids = [*root.diff_ids, diff_id] if diff_id != EMPTY_LAYER else list(root.diff_ids)
            past: list[Any] = list(base.get("history") or [])
            entry = new_history(
                created, author=author, created_by=created_by, comment=comment, empty_layer=diff_id == EMPTY_LAYER
            )
            document: dict[str, Any] = {
                "architecture": base.get("architecture") or HOST_ARCHITECTURE,
                "config": container_config(config),
                "container": container_id,
                "created": created,
                "docker_version": DOCKER_VERSION,
                "history": [*past, entry],
                "os": base.get("os") or "linux",
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            }
            if made_by is not None:
                document["container_config"] = container_config(made_by)
            for key, value in (("author", author), ("variant", base.get("variant"))):
                if value:
                    document[key] = value
            image_id = await content.add_image(
                document,
                layers,
                lease,
                names=[name] if name else [],
                parent=root.image_id if content.catalog.has_image(root.image_id) else "",
            )
        if name:
            content.announce("tag", image_id, name.familiar)
        return image_id

    async def _layer_of(self, upper: Path, lease: Lease, *, taken_from: str = "") -> tuple[str, dict[str, LayerRow]]:
        """A layer of everything in a writable directory. `taken_from` is the container whose directory it is when it
        may become the layer itself."""
        content = self._content
        with await content.open_writer() as writer:
            size_bytes = await content.bulk(_write_layer, upper, writer)
            blob = writer.digest()
            if blob == EMPTY_LAYER:
                return blob, {}
            lease.add(blob)
            await content.bulk(writer.commit)
        if taken_from:
            lease.add(blob)
            known = content.catalog.layer(blob)
            if known is None or not content.snapshots.has_layer(blob):
                await content.quick(content.snapshots.take_upper, taken_from, blob)
            return blob, {blob: known or content.new_row(size_bytes, blob)}
        diff_id, row = await content.unpack_blob(blob, lease, expected=blob)
        return diff_id, {diff_id: row}

    async def create_image(
        self,
        *,
        parent: str,
        config: Mapping[str, object],
        layers_from: str = "",
        history: Sequence[Mapping[str, object]] = (),
        container_id: str = "",
        take: bool = False,
    ) -> str:
        content = self._content
        async with content.lease() as lease:
            base = content.catalog.image(layers_from) if layers_from else None
            diff_ids = list(base.diff_ids) if base else []
            lease.add(*diff_ids)
            layers: dict[str, LayerRow] = {}
            entries = [*_history_of(base), *(dict(entry) for entry in history)]
            if container_id:
                root = content.catalog.root(container_id)
                if root is None:
                    raise NotFound(f"no root file system for container {container_id}")
                where = await content.quick(content.snapshots.paths, container_id, root.diff_ids, init=root.init)
                diff_id, layers = await self._layer_of(where.upper, lease, taken_from=container_id if take else "")
                if diff_id != EMPTY_LAYER:
                    diff_ids.append(diff_id)
                elif history:
                    entries[-1]["empty_layer"] = True
            elif history:
                entries[-1]["empty_layer"] = True
            document = dict(config)
            document["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
            document.setdefault("architecture", HOST_ARCHITECTURE)
            document.setdefault("os", "linux")
            document.setdefault("created", format_time(time.time_ns()))
            if entries:
                document["history"] = entries
            return await content.add_image(document, layers, lease, parent=parent)

    async def cut_image(self, image_id: str, *, history_length: int, parent: str, config: Mapping[str, object]) -> str:
        content = self._content
        async with content.lease() as lease:
            source = content.catalog.image(image_id)
            entries = _history_of(source)[:history_length]
            layers = sum(1 for entry in entries if not entry.get("empty_layer"))
            diff_ids = list(source.diff_ids[:layers])
            lease.add(*diff_ids)
            document = {**config, "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": entries}
            return await content.add_image(document, {}, lease, parent=parent)


def _history_of(image: Image | None) -> list[dict[str, Any]]:
    past: Any = image.config.get("history") if image else None
    return [dict(entry) for entry in past or ()]


def _write_layer(upper: Path, writer: BlobWriter) -> int:
    """Returns what the files come to, in bytes."""
    descriptor = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for piece in tar_tree(descriptor, layer=True):
            writer.write(piece)
    finally:
        os.close(descriptor)
    return tree_size_bytes(upper)
