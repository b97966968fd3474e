"""The volume port: named and anonymous volumes of the local driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["Volume", "Volumes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume that exists; `mountpoint` is its directory on the host."""

    name: str
    created_at: float
    mountpoint: Path
    driver: str = "local"
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False


class Volumes(Protocol):
    """Volumes are durable. Who uses a volume is told by the engine at each call that matters."""

    async def create(
        self,
        name: str | None,
        *,
        driver: str = "local",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Volume:
        """Create, or return the one that exists under this name (Docker's rule: options must agree else Conflict).
        Without a name: anonymous, 64 hex."""
        ...

    def get(self, name: str) -> Volume:
        """NotFound: `get NAME: no such volume`."""
        ...

    def list(self) -> Sequence[Volume]: ...
    async def remove(self, name: str, *, force: bool = False) -> None: ...
    async def mount(self, name: str, container_id: str) -> Path:
        """Make it usable for a container (mounts tmpfs/nfs/bind options on first use); returns the source path."""
        ...

    async def unmount(self, name: str, container_id: str) -> None: ...
    async def copy_up(self, name: str, rootfs: Path, path: str) -> None:
        """Fill an empty volume with what the image has at `path` (owner and mode included); nothing when not empty.
        Resolved inside `rootfs` only."""
        ...

    async def usage_bytes(self, name: str) -> int: ...
    async def recover(self, in_use: Mapping[str, Sequence[str]]) -> None:
        """After an agent restart: volume name -> ids of running containers that use it."""
        ...
