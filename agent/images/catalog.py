"""What the room knows: images, names, layers and container roots, as rows in the agent's journal.

Rows are loaded once and answered from memory; every change is one transaction. Who refers to what is always computed
from the rows, never counted, so there is no count to be wrong after a crash:

    name ─► image ─► diff ids ─► layer ─► blob          root (container) ─► diff ids ─► layer
                  └► config blob

A layer is kept while an image, a root or a lease names it; a blob while a layer or an image does. Leases are held in
memory by work in progress and end with the process, whose unfinished work is then garbage.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from agent.images.configs import ConfigFacts
from agent.ports.images import Image
from agent.ports.storage import Delete, Put, Store, Write
from wire.errors import Internal, NotFound
from wire.refs import Reference, is_identifier, parse_reference

__all__ = ["Catalog", "CompressedForm", "ImageRow", "LayerRow", "Lease", "RootRow", "chain_ids"]

_IMAGES: Final = "images.images"
_LAYERS: Final = "images.layers"
_NAMES: Final = "images.names"
_ROOTS: Final = "images.roots"


class CompressedForm(msgspec.Struct, kw_only=True, frozen=True):
    """A form of a layer that some registry has: what a push may refer to instead of uploading."""

    digest: str
    size_bytes: int
    media_type: str
    repositories: tuple[str, ...] = ()  # normalised names, newest last


class LayerRow(msgspec.Struct, kw_only=True):
    """A layer. `boot_id` is set until its directory is known to be on disk: after a power cut in between, the
    directory is made again from the blob."""

    size_bytes: int
    blob: str
    compression: str  # of the blob: "", "gzip", "zstd"
    tar_bytes: int = 0  # of the uncompressed tar; 0 when it is the blob's own size
    boot_id: str = ""
    forms: tuple[CompressedForm, ...] = ()


class ImageRow(msgspec.Struct, kw_only=True):
    """What an image's config does not say itself."""

    parent: str = ""
    tagged_at: float = 0.0


class RootRow(msgspec.Struct, kw_only=True):
    """A container's root: the layers below its writable one, lowest first."""

    image_id: str
    diff_ids: tuple[str, ...]
    init: bool = True


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Docker's names for the stacks of layers: the lowest alone, the lowest two, … (OCI image spec, ChainID)."""
    chain: list[str] = []
    for diff_id in diff_ids:
        if chain:
            chain.append(f"sha256:{hashlib.sha256(f'{chain[-1]} {diff_id}'.encode()).hexdigest()}")
        else:
            chain.append(diff_id)
    return chain


class _Known:
    """An image in memory."""

    __slots__ = ("config", "created_at", "diff_ids", "row")

    def __init__(self, row: ImageRow, config: Mapping[str, Any], diff_ids: tuple[str, ...], created_at: float) -> None:
        self.row = row
        self.config = config
        self.diff_ids = diff_ids
        self.created_at = created_at


class Catalog:
    """See the module docstring. Not thread-safe: the event loop's own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._images: dict[str, _Known] = {}
        self._names: dict[str, str] = {}
        self._layers: dict[str, LayerRow] = {}
        self._roots: dict[str, RootRow] = {}
        self._leases: Counter[str] = Counter()
        # Made from the above when asked for, forgotten at every change.
        self._views: dict[str, Image] = {}
        self._names_by_image: dict[str, list[Reference]] = {}

    def load(self, read_config: Callable[[str], ConfigFacts]) -> list[str]:
        """Read every row; `read_config(image_id)` gives (config, diff ids, created at). Returns ids of images whose
        config cannot be read; they are left out, with their names, until the next start."""
        decode = msgspec.json.decode
        self._layers = {key: decode(doc, type=LayerRow) for key, doc in self._store.table(_LAYERS).items()}
        self._roots = {key: decode(doc, type=RootRow) for key, doc in self._store.table(_ROOTS).items()}
        damaged: list[str] = []
        for image_id, document in self._store.table(_IMAGES).items():
            try:
                config, diff_ids, created_at = read_config(image_id)
            except (OSError, ValueError, Internal, NotFound):
                damaged.append(image_id)
                continue
            self._images[image_id] = _Known(decode(document, type=ImageRow), config, diff_ids, created_at)
        names = {key: doc.decode() for key, doc in self._store.table(_NAMES).items()}
        self._names = {name: image_id for name, image_id in names.items() if image_id in self._images}
        return damaged

    # reading
    def image(self, image_id: str) -> Image:
        """NotFound: `No such image: ID`."""
        view = self._views.get(image_id)
        if view is not None:
            return view
        known = self._images.get(image_id)
        if known is None:
            raise NotFound(f"No such image: {image_id}")
        names = self.names_of(image_id)
        view = self._views[image_id] = Image(
            id=image_id,
            config=known.config,
            diff_ids=known.diff_ids,
            size_bytes=sum(self._layers[d].size_bytes for d in known.diff_ids if d in self._layers),
            created_at=known.created_at,
            repo_tags=tuple(name.familiar for name in names if not name.digest),
            repo_digests=tuple(name.familiar for name in names if name.digest),
            parent=known.row.parent,
            tagged_at=known.row.tagged_at,
        )
        return view

    def names_of(self, image_id: str) -> Sequence[Reference]:
        """Tags and repo digests, in order of the normalised text."""
        if not self._names_by_image:
            for name, target in sorted(self._names.items()):
                self._names_by_image.setdefault(target, []).append(parse_reference(name))
        return self._names_by_image.get(image_id, [])

    def _changed(self) -> None:
        self._views.clear()
        self._names_by_image.clear()

    def has_image(self, image_id: str) -> bool:
        return image_id in self._images

    def image_ids(self) -> list[str]:
        return list(self._images)

    def find_name(self, reference: Reference) -> str | None:
        return self._names.get(str(reference))

    def references(self, repository: Reference) -> list[Reference]:
        """Every name in a repository, tags and digests."""
        prefix = repository.name
        found = (parse_reference(n) for n in sorted(self._names) if n.startswith((f"{prefix}:", f"{prefix}@")))
        return [reference for reference in found if reference.name == prefix]

    def resolve(self, ref: str) -> str:
        """The image id a user means. NotFound in Docker's words; also for an ambiguous id prefix, as Docker has it."""
        text = ref.removeprefix("sha256:")
        if is_identifier(text):
            image_id = f"sha256:{text}"
            if image_id in self._images:
                return image_id
            raise NotFound(f"No such image: {image_id}")
        reference = parse_reference(ref)
        named = self._resolve_name(reference)
        if named is not None:
            return named
        if 1 <= len(text) <= 64 and all(c in "0123456789abcdef" for c in text):
            prefix = f"sha256:{text}"
            found = [image_id for image_id in self._images if image_id.startswith(prefix)]
            if len(found) == 1:
                return found[0]
        raise NotFound(f"No such image: {self._shown(ref, reference)}")

    def _resolve_name(self, reference: Reference) -> str | None:
        if reference.digest:
            # name:tag@digest means what the digest says.
            return self._names.get(str(reference.with_digest(reference.digest)))
        return self._names.get(str(reference.with_default_tag()))

    @staticmethod
    def _shown(ref: str, reference: Reference) -> str:
        if ref.startswith("sha256:"):
            return ref
        return reference.with_default_tag().familiar

    def children(self, image_id: str) -> list[str]:
        return [child for child, known in self._images.items() if known.row.parent == image_id]

    def layer(self, diff_id: str) -> LayerRow | None:
        return self._layers.get(diff_id)

    def layers(self) -> Mapping[str, LayerRow]:
        return self._layers

    def root(self, container_id: str) -> RootRow | None:
        return self._roots.get(container_id)

    def root_ids(self) -> list[str]:
        return list(self._roots)

    def layer_users(self) -> Counter[str]:
        """How many images have each chain of layers (by chain id)."""
        users: Counter[str] = Counter()
        for known in self._images.values():
            users.update(chain_ids(known.diff_ids))
        return users

    # leases
    def new_lease(self) -> Lease:
        """What is added to it is not collected until it is released; see `Content.lease`."""
        return Lease(self._leases)

    def is_leased(self, key: str) -> bool:
        return self._leases[key] > 0

    def unused_layers(self) -> list[str]:
        used = {d for known in self._images.values() for d in known.diff_ids}
        used.update(d for root in self._roots.values() for d in root.diff_ids)
        return [d for d in self._layers if d not in used and not self.is_leased(d)]

    def named_blobs(self) -> set[str]:
        """Every blob that a row names: configs and layers."""
        return set(self._images) | {row.blob for row in self._layers.values()}

    # writing
    def add(
        self,
        image_id: str,
        config: Mapping[str, Any],
        diff_ids: Sequence[str],
        created_at: float,
        *,
        layers: Mapping[str, LayerRow],
        names: Iterable[Reference] = (),
        parent: str = "",
        now: float = 0.0,
    ) -> Awaitable[None]:
        """Image, its new layers and its names, all or nothing. Adding an image again keeps its row and adds names."""
        writes: list[Write] = []
        for diff_id, row in layers.items():
            self._layers[diff_id] = row
            writes.append(Put(_LAYERS, diff_id, msgspec.json.encode(row)))
        known = self._images.get(image_id)
        row_of_image = known.row if known else ImageRow(parent=parent)
        names = list(names)
        if any(not name.digest for name in names):
            row_of_image = msgspec.structs.replace(row_of_image, tagged_at=now)
        self._images[image_id] = _Known(row_of_image, config, tuple(diff_ids), created_at)
        writes.append(Put(_IMAGES, image_id, msgspec.json.encode(row_of_image)))
        for name in names:
            self._names[str(name)] = image_id
            writes.append(Put(_NAMES, str(name), image_id.encode()))
        self._changed()
        return self._store.transaction(writes)

    def tag(self, image_id: str, name: Reference, now: float) -> Awaitable[None]:
        known = self._images[image_id]
        known.row = msgspec.structs.replace(known.row, tagged_at=now)
        self._names[str(name)] = image_id
        self._changed()
        return self._store.transaction(
            [
                Put(_NAMES, str(name), image_id.encode()),
                Put(_IMAGES, image_id, msgspec.json.encode(known.row)),
            ]
        )

    def name(self, image_id: str, name: Reference) -> Awaitable[None]:
        """Add a name without counting it as the user's tagging."""
        self._names[str(name)] = image_id
        self._changed()
        return self._store.transaction([Put(_NAMES, str(name), image_id.encode())])

    def set_parent(self, image_id: str, parent: str) -> Awaitable[None]:
        known = self._images[image_id]
        known.row = msgspec.structs.replace(known.row, parent=parent)
        self._changed()
        return self._store.transaction([Put(_IMAGES, image_id, msgspec.json.encode(known.row))])

    def untag(self, names: Iterable[Reference]) -> Awaitable[None]:
        writes: list[Write] = []
        for name in names:
            self._names.pop(str(name), None)
            writes.append(Delete(_NAMES, str(name)))
        self._changed()
        return self._store.transaction(writes)

    def remove_images(self, image_ids: Iterable[str]) -> Awaitable[None]:
        writes: list[Write] = []
        for image_id in image_ids:
            self._images.pop(image_id, None)
            writes.append(Delete(_IMAGES, image_id))
        self._changed()
        return self._store.transaction(writes)

    def remove_layers(self, diff_ids: Iterable[str]) -> Awaitable[None]:
        writes: list[Write] = []
        for diff_id in diff_ids:
            self._layers.pop(diff_id, None)
            writes.append(Delete(_LAYERS, diff_id))
        self._changed()
        return self._store.transaction(writes)

    def put_layers(self, rows: Mapping[str, LayerRow]) -> Awaitable[None]:
        self._layers.update(rows)
        self._changed()
        return self._store.transaction([Put(_LAYERS, d, msgspec.json.encode(row)) for d, row in rows.items()])

    def put_root(self, container_id: str, row: RootRow) -> Awaitable[None]:
        self._roots[container_id] = row
        return self._store.table(_ROOTS).put(container_id, msgspec.json.encode(row))

    def remove_root(self, container_id: str) -> Awaitable[None]:
        self._roots.pop(container_id, None)
        return self._store.table(_ROOTS).delete(container_id)


class Lease:
    """Digests (layers by diff id, blobs) that must not be collected."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._held: list[str] = []

    def add(self, *digests: str) -> None:
        self._held.extend(digests)
        self._counts.update(digests)

    def release(self) -> list[str]:
        """Let go of everything; returns what was held. Safe to repeat."""
        held, self._held = self._held, []
        for digest in held:
            self._counts[digest] -= 1
            if self._counts[digest] <= 0:
                del self._counts[digest]
        return held
