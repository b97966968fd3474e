"""The image port on this host's disk: one thin class over the modules that do the work."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from agent.host import failpoints
from agent.images.archives import Archives
from agent.images.catalog import chain_ids
from agent.images.content import Content
from agent.images.importing import Importing, name_of
from agent.images.limits import DEFAULT_LIMITS, Limits
from agent.images.loading import Loading
from agent.images.pulling import Pulling
from agent.images.pushing import Pushing
from agent.images.registry.endpoints import Endpoints
from agent.images.registry.login import check_login, inspect_distribution
from agent.images.registry.search import search
from agent.images.roots import Roots
from agent.images.saving import Saving
from agent.images.sessions import Sessions
from agent.images.snapshots import OverlaySnapshotter, Snapshotter
from agent.ports.images import ArchiveStat, Credentials, Image, ImageListener, Progress, Rootfs
from agent.ports.storage import Store
from wire.errors import Conflict, Invalid, NotFound
from wire.refs import parse_reference

__all__ = ["LocalImages"]


class LocalImages:
    """See `agent.ports.images.Images`. `root` is this room's directory; nobody else writes there."""

    def __init__(
        self,
        root: Path,
        store: Store,
        *,
        insecure_registries: Sequence[str] = (),
        registry_mirrors: Sequence[str] = (),
        limits: Limits = DEFAULT_LIMITS,
        retry_s: float = 2.0,
        snapshots: Snapshotter | None = None,
    ) -> None:
        self._content = Content(root, store, snapshots or OverlaySnapshotter(root, limits), limits)
        self._sessions = Sessions()
        self._endpoints = endpoints = Endpoints(insecure_registries, registry_mirrors)
        self._pulling = Pulling(self._content, endpoints, self._sessions, retry_s=retry_s)
        self._pushing = Pushing(self._content, endpoints, self._sessions, retry_s=retry_s)
        self._catalog = self._content.catalog
        self._roots = Roots(self._content)
        self._importing = Importing(self._content)
        self._loading = Loading(self._content, limits)
        self._saving = Saving(self._content)
        self._archives = Archives(self._content, limits)

    # life
    async def start(self) -> None:
        await self._content.start()

    async def close(self) -> None:
        await self._sessions.close()
        await self._content.close()

    async def recover(self, container_ids: Sequence[str]) -> None:
        await self._roots.recover(container_ids)

    def watch(self, listener: ImageListener) -> None:
        self._content.watch(listener)

    # names and content
    def resolve(self, ref: str) -> Image:
        return self._catalog.image(self._catalog.resolve(ref))

    def list(self) -> Sequence[Image]:
        return [self._catalog.image(image_id) for image_id in self._catalog.image_ids()]

    def children(self, image_id: str) -> Sequence[str]:
        return self._catalog.children(image_id)

    def layer_sizes(self, image_id: str) -> Sequence[int]:
        rows = self._catalog.layers()
        return [rows[d].size_bytes if d in rows else 0 for d in self._catalog.image(image_id).diff_ids]

    def shared_size_bytes(self, image_id: str) -> int:
        users = self._catalog.layer_users()
        chains = chain_ids(self._catalog.image(image_id).diff_ids)
        return sum(size for chain, size in zip(chains, self.layer_sizes(image_id), strict=True) if users[chain] > 1)

    def layers_size_bytes(self) -> int:
        return sum(row.size_bytes for row in self._catalog.layers().values())

    def graph_driver(self, ref: str) -> Mapping[str, object]:
        root = self._catalog.root(ref)
        if root is not None:
            return self._roots.graph_driver(root.diff_ids, ref)
        return self._roots.graph_driver(self._catalog.image(ref).diff_ids)

    async def tag(self, image_id: str, repo: str, tag: str) -> None:
        name = name_of(repo, tag)
        if name is None:
            raise Invalid("invalid reference format")
        self._catalog.image(image_id)
        await self._catalog.tag(image_id, name, time.time())
        self._content.announce("tag", image_id, name.familiar)

    async def untag(self, ref: str, *, announce: bool = True) -> str:
        name = parse_reference(ref).with_default_tag()
        if name.digest:
            name = name.with_digest(name.digest)
        image_id = self._catalog.find_name(name)
        if image_id is None:
            raise NotFound(f"No such image: {name.familiar}")
        await self._catalog.untag([name])
        if announce:
            self._content.announce("untag", image_id, image_id)
        return name.familiar

    async def delete(self, image_id: str, *, prune_parents: bool = True) -> Sequence[str]:
        doomed: list[str] = []
        layers: list[str] = []
        current = image_id
        while True:
            image = self._catalog.image(current)
            if image.repo_tags or image.repo_digests:
                raise Conflict(f"image {current} still has names")
            await self._catalog.remove_images([current])
            failpoints.hit("images.after_image_row_removed")
            doomed.append(current)
            gone = set(await self._content.collect([current]))
            chains = zip(image.diff_ids, chain_ids(image.diff_ids), strict=True)
            layers.extend(chain for diff_id, chain in reversed(list(chains)) if diff_id in gone)
            parent = image.parent
            if not prune_parents or not parent or not self._catalog.has_image(parent):
                break
            above = self._catalog.image(parent)
            if above.repo_tags or above.repo_digests or self._catalog.children(parent):
                break
            current = parent
        for gone_id in doomed:
            self._content.announce("delete", gone_id, gone_id)
        return doomed + layers

    # moving images
    def pull(
        self, ref: str, *, platform: str = "", all_tags: bool = False, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        return self._pulling.pull(ref, platform=platform, all_tags=all_tags, credentials=credentials)

    def push(self, repo: str, *, tag: str | None, credentials: Credentials | None = None) -> AsyncIterator[Progress]:
        return self._pushing.push(repo, tag=tag, credentials=credentials)

    def load(self, source: BinaryIO | AsyncIterator[bytes], *, quiet: bool = False) -> AsyncIterator[Progress]:
        return self._loading.load(source, quiet=quiet)

    def save(self, refs: Sequence[str]) -> AsyncIterator[bytes]:
        return self._saving.save(refs)

    async def check_login(self, credentials: Credentials) -> str:
        return await check_login(self._sessions.get(), self._endpoints, credentials)

    async def distribution(self, ref: str, credentials: Credentials | None = None) -> dict[str, object]:
        return await inspect_distribution(self._sessions.get(), self._endpoints, ref, credentials)

    async def search(
        self, term: str, *, limit: int = 0, credentials: Credentials | None = None
    ) -> Sequence[Mapping[str, Any]]:
        return await search(self._sessions.get(), self._endpoints, term, limit=limit, credentials=credentials)

    # making images
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
        return await self._importing.import_tar(
            source, repo=repo, tag=tag, changes=changes, message=message, platform=platform
        )

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
        return await self._importing.commit(
            container_id,
            config=config,
            repo=repo,
            tag=tag,
            author=author,
            comment=comment,
            created_by=created_by,
            made_by=made_by,
        )

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
        image_id = await self._importing.create_image(
            parent=parent, config=config, layers_from=layers_from, history=history, container_id=container_id, take=take
        )
        if take and container_id:
            await self._roots.remove(container_id)
        return image_id

    async def cut_image(self, image_id: str, *, history_length: int, parent: str, config: Mapping[str, object]) -> str:
        return await self._importing.cut_image(image_id, history_length=history_length, parent=parent, config=config)

    # root file systems
    async def prepare(self, container_id: str, image_id: str, *, init: bool = True) -> Rootfs:
        return await self._roots.prepare(container_id, image_id, init=init)

    async def mount(self, container_id: str) -> Rootfs:
        return await self._roots.mount(container_id)

    async def unmount(self, container_id: str) -> None:
        await self._roots.unmount(container_id)

    async def remove(self, container_id: str) -> None:
        await self._roots.remove(container_id)

    async def changes(self, container_id: str) -> Sequence[tuple[int, str]]:
        return await self._roots.changes(container_id)

    async def writable_size_bytes(self, container_id: str) -> int:
        return await self._roots.writable_size_bytes(container_id)

    def export(self, container_id: str) -> AsyncIterator[bytes]:
        return self._roots.export(container_id)

    # files of a container
    async def archive_stat(self, root: Path, path: str) -> ArchiveStat:
        return await self._archives.stat(root, path)

    async def archive_get(
        self, root: Path, path: str, *, hollow: Container[str] = ()
    ) -> tuple[ArchiveStat, AsyncIterator[bytes]]:
        return await self._archives.get(root, path, hollow)

    async def archive_put(
        self,
        root: Path,
        path: str,
        source: AsyncIterator[bytes],
        *,
        no_overwrite_dir_non_dir: bool = False,
        owner: tuple[int, int] | None = None,
    ) -> None:
        await self._archives.put(root, path, source, no_overwrite_dir_non_dir=no_overwrite_dir_non_dir, owner=owner)
