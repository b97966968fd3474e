"""Volume shapes of the Engine API, in Docker's order of fields."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from wire.engine.shape import Shape

__all__ = ["Volume", "VolumeCreateRequest", "VolumeList", "VolumePruneReport", "VolumeUsage"]


class VolumeCreateRequest(Shape):
    """`POST /volumes/create`. `cluster_volume_spec` is only known in order to refuse it."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    cluster_volume_spec: dict[str, object] | None = None


class VolumeUsage(Shape):
    """`size` in bytes, -1 when not known."""

    ref_count: int
    size: int


class Volume(Shape):
    """`options` and `labels` are null, not empty, when nothing was given."""

    created_at: str
    driver: str
    labels: dict[str, str] | None
    mountpoint: str
    name: str
    options: dict[str, str] | None
    scope: str = "local"
    usage_data: VolumeUsage | UnsetType = UNSET


class VolumeList(Shape):
    volumes: list[Volume]
    warnings: list[str] | None = None


class VolumePruneReport(Shape):
    volumes_deleted: list[str] | None
    space_reclaimed: int
