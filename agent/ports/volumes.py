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
        anonymous: bool = False,
    ) -> Volume:
        """Create, or return unchanged the one that exists under this name, whatever its labels and options (as Docker
        does). Without a name, or with `anonymous` under a name the caller has noted before: anonymous (64 hex, label
        `com.docker.volume.anonymous`).

        Invalid, NotFound (driver) with Docker's `create NAME: …` texts."""
        ...

    def get(self, name: str) -> Volume:
        """NotFound: `get NAME: no such volume`."""
        ...

    def list(self) -> Sequence[Volume]: ...
    async def remove(self, name: str, *, force: bool = False) -> None:
        """Delete it with its content. NotFound as `get` (nothing with `force`); Conflict while a container has it
        mounted. Whether a stopped container refers to it is the engine's question."""
        ...

    async def mount(self, name: str, container_id: str) -> Path:
        """Make it usable for a container (mounts tmpfs/nfs/bind options on first use); returns the source path.
        Safe to repeat for the same container."""
        ...

    async def unmount(self, name: str, container_id: str) -> None: ...
    async def copy_up(self, name: str, rootfs: Path, path: str) -> None:
        """Fill an empty volume with what the image has at `path` (owner and mode included); nothing when not empty.
        Resolved inside `rootfs` only."""
        ...

    async def usage_bytes(self, name: str) -> int:
        """Sizes of its files, each inode once, as Docker counts them. Takes as long as a walk of the tree."""
        ...

    async def recover(self, in_use: Mapping[str, Sequence[str]]) -> None:
        """After an agent restart: volume name -> ids of running containers that use it. Unmounts what nobody uses."""
        ...

    async def close(self) -> None:
        """Stop background work; mounts stay."""
        ...
