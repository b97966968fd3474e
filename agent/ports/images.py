"""The image port: content, names, layers and root file systems. Fits an unpacking driver and the EROFS driver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

__all__ = ["ArchiveStat", "Credentials", "Image", "ImageListener", "Images", "Progress", "Rootfs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What `X-Registry-Auth` carried; never logged."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""
    server_address: str = ""

    def __repr__(self) -> str:
        return f"Credentials(server_address={self.server_address!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that is present. `id` is `sha256:…` of the config; `config` is the config document, decoded.

    `diff_ids` are the layers from the lowest up; `repo_digests` are `name@sha256:…`.
    """

    id: str
    config: Mapping[str, Any]
    diff_ids: tuple[str, ...]
    size_bytes: int
    created_at: float
    repo_tags: tuple[str, ...] = ()
    repo_digests: tuple[str, ...] = ()
    parent: str = ""
    tagged_at: float = 0.0


Progress = dict[str, object]
"""One JSON message of Docker's progress stream: status, id, progressDetail, progress, stream, aux, error…"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rootfs:
    """A container's root: `path` is the mounted overlay, `upper` its writable part."""

    container_id: str
    image_id: str
    path: Path
    upper: Path
    lowers: tuple[Path, ...] = field(default_factory=tuple)
    driver: str = "overlay2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStat:
    """What `X-Docker-Container-Path-Stat` says of a path. `mode` is Go's `os.FileMode` (type bits at the top)."""

    name: str
    size_bytes: int
    mode: int
    modified_at_ns: int
    link_target: str = ""
    is_dir: bool = False


ImageListener = Callable[[str, str, str], None]
"""Called with (Docker's event action, actor id, name) once the change is durable: pull, push, tag, untag, delete,
import, load, save. The actor is the image id or, for pull and push, the reference, as Docker has it."""


class Images(Protocol):
    """Names, content and root file systems. Every acknowledged change is durable; killed at any line nothing leaks."""

    # names and content
    def resolve(self, ref: str) -> Image:
        """By name[:tag], name@digest, id or unique id prefix. NotFound: `No such image: REF`."""
        ...

    def list(self) -> Sequence[Image]: ...
    def children(self, image_id: str) -> Sequence[str]: ...
    def layer_sizes(self, image_id: str) -> Sequence[int]: ...
    def shared_size_bytes(self, image_id: str) -> int:
        """Bytes of its layers that another image has too (`SharedSize`)."""
        ...

    def layers_size_bytes(self) -> int:
        """Bytes of all layers, each counted once (`LayersSize` of `system df`)."""
        ...

    def graph_driver(self, ref: str) -> Mapping[str, object]:
        """`GraphDriver` of an image or container inspect; `ref` is an image id or a container id."""
        ...

    def watch(self, listener: ImageListener) -> None:
        """Tell `listener` of every change from now on, on the event loop. The engine turns it into events."""
        ...

    async def tag(self, image_id: str, repo: str, tag: str) -> None:
        """Name the image `repo:tag` (`latest` when `tag` is empty), taking the name from any other image."""
        ...

    async def untag(self, ref: str, *, announce: bool = True) -> str:
        """Drop one tag or repo digest; returns it in familiar form. NotFound when there is no such name. Docker tells
        no event of the digests that go with the last tag: hence `announce`."""
        ...

    async def delete(self, image_id: str, *, prune_parents: bool = True) -> Sequence[str]:
        """Remove the image and layers nothing else uses; returns what was deleted, as `sha256:…`: image ids, and layers
        by their chain id, as Docker prints them. Names must be gone; whether containers use it is the engine's
        question."""
        ...

    # moving images
    def pull(
        self,
        ref: str,
        *,
        platform: str = "",
        all_tags: bool = False,
        credentials: Credentials | None = None,
    ) -> AsyncIterator[Progress]:
        """Fetch and name it, yielding Docker's progress lines exactly. Single flight per image. Raises before the first
        item when the reference or registry refuses."""
        ...

    def push(
        self, repo: str, *, tag: str | None, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]: ...
    def load(self, source: BinaryIO | AsyncIterator[bytes], *, quiet: bool = False) -> AsyncIterator[Progress]: ...
    def save(self, refs: Sequence[str]) -> AsyncIterator[bytes]:
        """docker-archive with OCI layout in it, as Docker writes."""
        ...

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
        """One-layer image from a root tar; returns the id. `changes` is a partial image `config`."""
        ...

    async def check_login(self, credentials: Credentials) -> str:
        """Try the registry; returns an identity token or ''. Unauthenticated with the registry's word."""
        ...

    async def distribution(self, ref: str, credentials: Credentials | None = None) -> dict[str, object]:
        """Descriptor and platforms, Docker's `/distribution/{name}/json` shape."""
        ...

    async def search(
        self, term: str, *, limit: int = 0, credentials: Credentials | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Repositories that a registry's index finds, in Docker's shape. Invalid for a bad term or limit."""
        ...

    # root file systems
    async def prepare(self, container_id: str, image_id: str, *, init: bool = True) -> Rootfs:
        """Make the container's upper and its place above the image's layers durable; not mounted yet.

        An init layer between the two hides the image's dev, proc, sys and etc/{hosts,hostname,resolv.conf}, so that
        nothing an image has there can lead a runtime out of the root. `image_id` may be "" for an empty root (FROM
        scratch). Conflict when the container has a root already.

        Without `init` there is no such layer: for the builder, which reads and writes files there and runs nothing.
        """
        ...

    async def mount(self, container_id: str) -> Rootfs:
        """Mount it (safe to repeat)."""
        ...

    async def unmount(self, container_id: str) -> None: ...
    async def remove(self, container_id: str) -> None:
        """Unmount and delete the container's writable layer. Safe to repeat."""
        ...

    async def changes(self, container_id: str) -> Sequence[tuple[int, str]]:
        """Docker's diff: (0 modified, 1 added, 2 deleted; path), sorted by path."""
        ...

    def export(self, container_id: str) -> AsyncIterator[bytes]:
        """The container's whole root as a tar, as `docker export`; mounts it meanwhile when it is not mounted."""
        ...

    # files of a container; `root` is a mounted rootfs or `/proc/PID/root`, every path is resolved inside it
    async def archive_stat(self, root: Path, path: str) -> ArchiveStat:
        """`lstat` of the last component, or of the directory behind it when `path` ends in a slash. NotFound: the text
        `Could not find the file PATH in container ID` is the caller's, who knows the id; ours names the path."""
        ...

    async def archive_get(
        self, root: Path, path: str, *, hollow: Container[str] = ()
    ) -> tuple[ArchiveStat, AsyncIterator[bytes]]:
        """Tar of the file or tree at `path`, entries named from its last component. Of directories directly below it
        that `hollow` names, only the entry itself is given."""
        ...

    async def archive_put(
        self,
        root: Path,
        path: str,
        source: AsyncIterator[bytes],
        *,
        no_overwrite_dir_non_dir: bool = False,
        owner: tuple[int, int] | None = None,
    ) -> None:
        """Unpack a tar (plain, gzip, zstd, bzip2, xz; decompressed here, never by a program) into directory `path`.

        `owner` (uid, gid) is given to everything that is made (`copyUIDGID` means the container's user). NotFound when
        `path` does not exist, Invalid when it is not a directory or the archive is bad, Forbidden when it is read-only.
        """
        ...

    async def writable_size_bytes(self, container_id: str) -> int: ...
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
        """New image from the container's image plus its writable layer; returns the id. `made_by` is the container's
        own config, which old API versions show."""
        ...

    # for the builder: images made step by step
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
        """New image that has `layers_from`'s layers (or none) and this whole config document; returns its id.

        `container_id` names a prepared root, made from `layers_from`, whose writable layer becomes one more layer on
        top, unless nothing was changed in it. `rootfs` of the document is filled in here; `history` is appended to
        that of `layers_from`, its last entry marked `empty_layer` when no layer was added. The container's root stays
        as it is, mounted or not, and its owner removes it; with `take` its writable files become the layer without
        being copied and the root is gone afterwards. `parent` is recorded as the image's parent ("" for none).
        """
        ...

    async def cut_image(self, image_id: str, *, history_length: int, parent: str, config: Mapping[str, object]) -> str:
        """New image of the first `history_length` history entries of another and of the layers those made, with this
        config document, whose `rootfs` and `history` are filled in; returns its id. For a build cache taken from an
        image whose earlier steps are not here as images."""
        ...

    # upkeep
    async def start(self) -> None:
        """Check what the disk has against what is recorded; delete what no row names."""
        ...

    async def close(self) -> None: ...
    async def recover(self, container_ids: Sequence[str]) -> None:
        """After an agent restart: containers whose roots must stay; every other root of ours is removed."""
        ...
