"""Docker's image objects, as `/images/*`, `/distribution/*` and `/commit` speak them.

Field names are Docker's. What an older API version had besides (`VirtualSize`, `ContainerConfig`, the `<none>:<none>`
names) is added by the edge that knows the version.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "CommitResponse", "Descriptor", "DistributionInspect", "GraphDriver", "HistoryItem", "ImageDeleteItem",
    "ImageInspect", "ImageMetadata", "ImageSummary", "ImagesPruneResponse", "Platform", "RootFs",
]  # fmt: skip


class GraphDriver(msgspec.Struct, kw_only=True):
    """Where the storage driver keeps an image or container."""

    Data: dict[str, str] | None = None
    Name: str = ""


class RootFs(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Layers of an image, lowest first, by the digest of their uncompressed tar."""

    Type: str
    Layers: list[str] = []


class ImageMetadata(msgspec.Struct, kw_only=True):
    """What only this host knows about an image; `LastTagTime` is RFC 3339, year 1 when it was never tagged here."""

    LastTagTime: str


class ImageInspect(msgspec.Struct, kw_only=True):
    """`GET /images/{name}/json`, API 1.44 and later; fields Go omits when empty are `UNSET`."""

    Id: str
    RepoTags: list[str]
    RepoDigests: list[str]
    Parent: str = ""
    Comment: str = ""
    Created: str | msgspec.UnsetType = msgspec.UNSET
    DockerVersion: str = ""
    Author: str = ""
    Config: dict[str, Any] | None = None
    Architecture: str = ""
    Variant: str | msgspec.UnsetType = msgspec.UNSET
    Os: str = ""
    OsVersion: str | msgspec.UnsetType = msgspec.UNSET
    Size: int = 0
    GraphDriver: GraphDriver
    RootFS: RootFs
    Metadata: ImageMetadata


class ImageSummary(msgspec.Struct, kw_only=True):
    """One item of `GET /images/json`. `SharedSize` and `Containers` are -1 when not asked for."""

    Containers: int = -1
    Created: int
    Id: str
    Labels: dict[str, str] | None
    ParentId: str = ""
    RepoDigests: list[str]
    RepoTags: list[str]
    SharedSize: int = -1
    Size: int


class HistoryItem(msgspec.Struct, kw_only=True):
    """One item of `GET /images/{name}/history`, newest first."""

    Comment: str = ""
    Created: int
    CreatedBy: str = ""
    Id: str = "<missing>"
    Size: int = 0
    Tags: list[str] | None = None


class ImageDeleteItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of what a delete did; exactly one of the two is set."""

    Untagged: str = ""
    Deleted: str = ""


class ImagesPruneResponse(msgspec.Struct, kw_only=True):
    """`POST /images/prune`; `ImagesDeleted` is null when nothing was."""

    ImagesDeleted: list[ImageDeleteItem] | None
    SpaceReclaimed: int


class CommitResponse(msgspec.Struct, kw_only=True):
    """`POST /commit`."""

    Id: str


class Platform(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A platform in OCI's spelling; serialised with lower-case names as the image specification has them."""

    architecture: str = ""
    os: str = ""
    os_version: str = msgspec.field(default="", name="os.version")
    os_features: list[str] = msgspec.field(default_factory=list, name="os.features")
    variant: str = ""


class Descriptor(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An OCI content descriptor."""

    mediaType: str = ""
    digest: str = ""
    size: int = 0
    urls: list[str] = []
    annotations: dict[str, str] = {}
    platform: Platform | None = None


class DistributionInspect(msgspec.Struct, kw_only=True):
    """`GET /distribution/{name}/json`."""

    Descriptor: Descriptor
    Platforms: list[Platform]
