"""`docker save`: an archive that is both Docker's (`manifest.json`, `repositories`) and an OCI image layout.

Layers go out as their uncompressed tars, byte for byte what their diff ids name; that is checked while they are sent.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from agent.images import tar_reader
from agent.images.blobs import digest_of
from agent.images.catalog import LayerRow
from agent.images.content import Content
from agent.images.first_format import first_format_files
from agent.images.registry.manifests import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from agent.images.streams import stream_blocking
from agent.images.tar_reader import TarEntry
from agent.images.tar_writer import END_OF_ARCHIVE, file_header, header
from agent.ports.images import Image
from wire.errors import Internal, Invalid, NotFound
from wire.refs import Reference, is_identifier, parse_reference

__all__ = ["Saving"]

_BLOBS: Final = "blobs/sha256/"


@dataclass(slots=True)
class _Chosen:
    """One image to save and the names it is saved under."""

    image: Image
    names: list[Reference] = field(default_factory=list)


@dataclass(slots=True)
class _Layer:
    diff_id: str
    row: LayerRow
    tar_bytes: int


class Saving:
    """See the module docstring."""

    def __init__(self, content: Content) -> None:
        self._content = content

    async def save(self, refs: Sequence[str]) -> AsyncIterator[bytes]:
        """See `agent.ports.images.Images.save`. NotFound, before the first byte, for a name that is not there."""
        chosen = self._choose(refs)
        content = self._content
        async with content.lease() as lease:
            layers: dict[str, _Layer] = {}
            for item in chosen:
                lease.add(item.image.id, *item.image.diff_ids)
                for diff_id in item.image.diff_ids:
                    if diff_id not in layers:
                        layers[diff_id] = await self._layer(diff_id)
            async with aclosing(stream_blocking(self._archive(chosen, layers))) as pieces:
                async for piece in pieces:
                    yield piece
        for item in chosen:
            content.announce("save", item.image.id, item.image.id)

    def _choose(self, refs: Sequence[str]) -> list[_Chosen]:
        catalog = self._content.catalog
        chosen: dict[str, _Chosen] = {}
        for ref in refs:
            for image_id, name in self._meant(ref):
                item = chosen.setdefault(image_id, _Chosen(catalog.image(image_id)))
                if name is not None and name not in item.names:
                    item.names.append(name)
        return list(chosen.values())

    def _meant(self, ref: str) -> list[tuple[str, Reference | None]]:
        """Images of one argument: an id, one name, or every tag of a repository."""
        catalog = self._content.catalog
        if is_identifier(ref.removeprefix("sha256:")):
            return [(catalog.resolve(ref), None)]
        try:
            reference = parse_reference(ref)
        except Invalid as error:
            raise Internal(error.message) from error  # Docker answers 500 here
        if reference.is_name_only:
            tags = [name for name in catalog.references(reference) if not name.digest]
            if tags:
                return [(catalog.find_name(name) or "", name) for name in tags]
            try:
                return [(catalog.resolve(ref), None)]
            except NotFound:
                raise NotFound(f"No such image: {ref}") from None
        if reference.familiar_name == "sha256":  # `sha256:` and the beginning of an id
            return [(catalog.resolve(ref), None)]
        name = reference.with_digest(reference.digest) if reference.digest else reference
        image_id = catalog.find_name(name)
        if image_id is None:
            raise NotFound("reference does not exist")
        return [(image_id, None if name.digest else name)]

    async def _layer(self, diff_id: str) -> _Layer:
        content = self._content
        row = content.catalog.layer(diff_id)
        if row is None:
            raise Internal(f"layer {diff_id} is missing")
        size_bytes = row.tar_bytes or await content.quick(content.blobs.size_bytes, row.blob)
        return _Layer(diff_id, row, size_bytes)

    # in the sending thread
    def _archive(self, chosen: Sequence[_Chosen], layers: dict[str, _Layer]) -> Iterator[bytes]:
        now = time.time_ns()
        small: dict[str, tuple[bytes, int]] = {}
        manifests: list[dict[str, Any]] = []
        index: list[dict[str, Any]] = []
        repositories: dict[str, dict[str, str]] = {}
        saved = {item.image.id for item in chosen}
        for item in chosen:
            image = item.image
            config = self._content.blobs.read(image.id)
            created_ns = max(int(image.created_at), 0) * 1_000_000_000
            small[image.id] = (config, created_ns)
            for data in first_format_files(image.config, image.diff_ids):
                small[digest_of(data)] = (data, created_ns)
            described = [{"mediaType": OCI_LAYER, "digest": d, "size": layers[d].tar_bytes} for d in image.diff_ids]
            oci = _json(
                {
                    "schemaVersion": 2,
                    "mediaType": OCI_MANIFEST,
                    "config": {"mediaType": OCI_CONFIG, "digest": image.id, "size": len(config)},
                    "layers": described,
                }
            )
            small[digest_of(oci)] = (oci, 0)
            entry = {"mediaType": OCI_MANIFEST, "digest": digest_of(oci), "size": len(oci)}
            for name in item.names:
                annotations = {
                    "io.containerd.image.name": str(name),
                    "org.opencontainers.image.ref.name": name.tag,
                }
                index.append(entry | {"annotations": annotations})
                if image.diff_ids:
                    top = image.diff_ids[-1].removeprefix("sha256:")
                    repositories.setdefault(name.familiar_name, {})[name.tag] = top
            if not item.names:
                index.append(entry)
            manifest: dict[str, Any] = {
                "Config": _path(image.id),
                "RepoTags": [name.familiar for name in item.names] or None,
                "Layers": [_path(d) for d in image.diff_ids],
            }
            if image.parent in saved:
                manifest["Parent"] = image.parent
            if described:  # the fields of these in another order, as in Docker
                manifest["LayerSources"] = {
                    d: {"mediaType": OCI_LAYER, "size": layers[d].tar_bytes, "digest": d}
                    for d in sorted(set(image.diff_ids))
                }
            manifests.append(manifest)
        for directory in ("blobs/", _BLOBS) if chosen else ():
            yield header(TarEntry(directory, tar_reader.DIRECTORY, mode=0o755, mtime_ns=now))
        for digest in sorted({*small, *layers}):
            if digest in small:
                data, mtime_ns = small[digest]
                yield _file(_path(digest), data, mtime_ns)
            else:
                yield from self._layer_file(layers[digest], now)
        documents = {
            "index.json": _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": index or None}),
            "manifest.json": _json(manifests or None) + b"\n",
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        }
        if repositories:
            sorted_names = {name: dict(sorted(tags.items())) for name, tags in sorted(repositories.items())}
            documents["repositories"] = _json(sorted_names) + b"\n"
        for path, data in documents.items():
            yield _file(path, data, 0)
        yield END_OF_ARCHIVE

    def _layer_file(self, layer: _Layer, mtime_ns: int) -> Iterator[bytes]:
        yield file_header(_path(layer.diff_id), layer.tar_bytes, mtime_ns=mtime_ns)
        digest = hashlib.sha256()
        size = 0
        for chunk in self._content.layer_chunks(layer.row):
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        if size != layer.tar_bytes or f"sha256:{digest.hexdigest()}" != layer.diff_id:
            raise Internal(f"layer {layer.diff_id} is damaged on disk")
        yield bytes(-size % 512)


def _path(digest: str) -> str:
    return _BLOBS + digest.removeprefix("sha256:")


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _file(name: str, data: bytes, mtime_ns: int) -> bytes:
    return file_header(name, len(data), mtime_ns=mtime_ns) + data + bytes(-len(data) % 512)
