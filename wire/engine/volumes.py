"""Volume requests of the Engine API."""

from __future__ import annotations

from wire.engine.shape import Shape

__all__ = ["VolumeCreateRequest"]


class VolumeCreateRequest(Shape):
    """`POST /volumes/create`. `cluster_volume_spec` is only known in order to refuse it."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    cluster_volume_spec: dict[str, object] | None = None
