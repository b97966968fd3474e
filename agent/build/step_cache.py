"""What earlier steps made, by content: a step whose inputs are the same has the same result.

A key is the parent image, the text history shows (which holds the hash of every file copied and every argument used)
and whatever else the step reads. A row is only believed while its image exists. A second table remembers the hash of
files inside images, which never change, so that a cached `COPY --from` reads nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable

import msgspec

from agent.ports.storage import Delete, Store, Write

__all__ = ["StepCache", "StepRow", "step_key"]

_STEPS = "build.steps"
_HASHES = "build.hashes"


class StepRow(msgspec.Struct, kw_only=True):
    """One known step."""

    image_id: str
    parent_id: str
    text: str
    made_at: float


class HashRow(msgspec.Struct, kw_only=True):
    """The hash of what a source names inside an image; `image_id` is there to find rows of images that are gone."""

    image_id: str
    digest: str


def step_key(parent_id: str, text: str, inputs: Iterable[str] = ()) -> str:
    """The key of a step; `inputs` are further things that decide its result."""
    return hashlib.sha256("\0".join((parent_id, text, *inputs)).encode("utf-8", "surrogateescape")).hexdigest()


class StepCache:
    """Reads from memory, writes through the store."""

    def __init__(self, store: Store, has_image: Callable[[str], bool]) -> None:
        self._store = store
        self._steps = store.table(_STEPS)
        self._hashes = store.table(_HASHES)
        self._has_image = has_image

    def find(self, key: str) -> str | None:
        """The image that the step made, while it exists."""
        document = self._steps.find(key)
        if document is None:
            return None
        row = msgspec.json.decode(document, type=StepRow)
        return row.image_id if self._has_image(row.image_id) else None

    async def put(self, key: str, image_id: str, *, parent_id: str, text: str) -> None:
        """Remember a result, in place of an earlier one."""
        row = StepRow(image_id=image_id, parent_id=parent_id, text=text, made_at=time.time())
        await self._steps.put(key, msgspec.json.encode(row))

    def find_hash(self, key: str) -> str | None:
        """The hash remembered for files inside an image."""
        document = self._hashes.find(key)
        return None if document is None else msgspec.json.decode(document, type=HashRow).digest

    async def put_hash(self, key: str, image_id: str, digest: str) -> None:
        await self._hashes.put(key, msgspec.json.encode(HashRow(image_id=image_id, digest=digest)))

    async def forget_missing(self) -> int:
        """Drop the rows whose image is gone; returns how many."""
        writes: list[Write] = []
        for key, document in self._steps.items():
            if not self._has_image(msgspec.json.decode(document, type=StepRow).image_id):
                writes.append(Delete(_STEPS, key))
        for key, document in self._hashes.items():
            if not self._has_image(msgspec.json.decode(document, type=HashRow).image_id):
                writes.append(Delete(_HASHES, key))
        if writes:
            await self._store.transaction(writes)
        return len(writes)
