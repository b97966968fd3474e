"""A storage driver that needs no root and unpacks nothing, for the agent on the fake runtime and for tests.

Images are pulled, checked, named, saved and pushed as ever, for all of that is about blobs; a layer's directory stays
empty and a container's root is a plain directory, its writable layer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from agent.images.snapshots import OverlaySnapshotter, RootPaths
from agent.images.tar_reader import REGULAR, SYMLINK, TarReader
from agent.images.unpack import Unpacked, clean_name
from wire.errors import NotFound

__all__ = ["FakeSnapshotter"]


class FakeSnapshotter(OverlaySnapshotter):
    """See the module docstring."""

    def _fill(self, chunks: Iterable[bytes], directory: int) -> Unpacked:
        size = entries = 0
        for entry in TarReader(chunks, self._limits):
            clean_name(entry.name)
            entries += 1
            if entry.kind == REGULAR:
                size += entry.size_bytes
            elif entry.kind == SYMLINK:
                size += len(os.fsencode(entry.link))
        return Unpacked(size, entries)

    def paths(self, container_id: str, diff_ids: Sequence[str], *, init: bool = True) -> RootPaths:
        home = self._root_of(container_id)
        lowers = tuple(self.layer_path(diff_id) for diff_id in dict.fromkeys(reversed(diff_ids)))
        return RootPaths(merged=home / "upper", upper=home / "upper", work=home / "work", lowers=lowers)

    def mount(self, container_id: str, diff_ids: Sequence[str], *, init: bool = True) -> RootPaths:
        where = self.paths(container_id, diff_ids, init=init)
        if not where.upper.exists():
            raise NotFound(f"no root file system for container {container_id}")
        return where

    def unmount(self, container_id: str) -> None:
        self._root_of(container_id)
