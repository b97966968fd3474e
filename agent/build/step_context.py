"""What every step of a build works with: the ports, the options, the context and the cache of this one build."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.build.context import BuildContext
from agent.build.mounted_tree import MountedTree
from agent.build.options import BuildOptions
from agent.build.step_cache import StepCache
from agent.engine.image_holds import ImageHold
from agent.ports.images import Image, Images, Rootfs
from agent.ports.storage import Store
from wire.errors import Conflict, NotFound

if TYPE_CHECKING:
    from agent.build.cache_mounts import CacheMounts
    from agent.build.cache_sources import CacheSources
    from agent.engine.engine import Engine

__all__ = ["StepContext", "new_container_id"]


def new_container_id() -> str:
    """A container's id: 64 hexadecimal digits."""
    return os.urandom(32).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """Shared by all stages of one build. `scratch` is a directory of this build alone, made when first used;
    `secrets_directory` is one in memory, for what must never reach a disk."""

    engine: Engine
    images: Images
    store: Store
    cache: StepCache
    cache_mounts: CacheMounts
    options: BuildOptions
    context: BuildContext
    scratch: Path
    secrets_directory: Path
    docker_version: str
    hold: ImageHold
    cache_sources: CacheSources | None = None
    secrets: Mapping[str, bytes] = field(default_factory=dict)

    def image_config(self, image_id: str) -> Mapping[str, Any]:
        """An image's config document; empty for an empty stage."""
        return self.images.resolve(image_id).config if image_id else {}

    def find_image(self, ref: str) -> Image | None:
        """The image a reference names here."""
        try:
            return self.images.resolve(ref)
        except (NotFound, Conflict):  # Conflict: a few letters that begin several ids, so a name to pull
            return None

    @asynccontextmanager
    async def mounted(self, image_id: str) -> AsyncIterator[Rootfs]:
        """An image's root, writable and thrown away afterwards; "" is an empty one."""
        container_id = new_container_id()
        try:
            await self.images.prepare(container_id, image_id, init=False)
            yield await self.images.mount(container_id)
        finally:
            await self.images.remove(container_id)

    @asynccontextmanager
    async def tree_of(self, image_id: str) -> AsyncIterator[MountedTree]:
        """An image's files."""
        async with self.mounted(image_id) as rootfs:
            tree = MountedTree(rootfs.path)
            try:
                yield tree
            finally:
                tree.close()
