"""Volumes without mounts: directories below a root that the test gives; options are kept and not mounted."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.ports.volumes import Volume
from agent.volumes import options as volume_options
from wire.errors import Conflict, NotFound

__all__ = ["FakeVolumes"]


class FakeVolumes:
    """`agent.ports.volumes.Volumes`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._volumes: dict[str, Volume] = {}
        self._users: dict[str, set[str]] = {}

    async def create(
        self,
        name: str | None,
        *,
        driver: str = "local",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> Volume:
        anonymous = anonymous or not name
        name = name or secrets.token_hex(32)
        volume_options.check_driver(name, driver)
        if name in self._volumes:
            return self._volumes[name]
        volume_options.check_name(name)
        volume_options.parse(name, options or {})
        directory = self._root / name / "_data"
        directory.mkdir(parents=True)
        self._volumes[name] = Volume(
            name=name,
            created_at=time.time(),
            mountpoint=directory,
            options=dict(options or {}),
            labels=volume_options.labels_of(labels, anonymous=anonymous),
            anonymous=anonymous,
        )
        return self._volumes[name]

    def get(self, name: str) -> Volume:
        if name not in self._volumes:
            raise NotFound(f"get {name}: no such volume")
        return self._volumes[name]

    def list(self) -> Sequence[Volume]:
        return list(self._volumes.values())

    async def remove(self, name: str, *, force: bool = False) -> None:
        if name not in self._volumes:
            if force:
                return
            raise NotFound(f"get {name}: no such volume")
        if users := self._users.get(name):
            raise Conflict(f"remove {name}: volume is in use - [{', '.join(sorted(users))}]")
        shutil.rmtree(self._root / name)
        del self._volumes[name]

    async def mount(self, name: str, container_id: str) -> Path:
        volume = self.get(name)
        self._users.setdefault(name, set()).add(container_id)
        return volume.mountpoint

    async def unmount(self, name: str, container_id: str) -> None:
        self._users.get(name, set()).discard(container_id)

    async def copy_up(self, name: str, rootfs: Path, path: str) -> None:
        target = self.get(name).mountpoint
        source = rootfs / path.lstrip("/")
        if source.is_dir() and not any(target.iterdir()):
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)

    async def usage_bytes(self, name: str) -> int:
        return sum(entry.stat().st_size for entry in self.get(name).mountpoint.rglob("*") if entry.is_file())

    async def recover(self, in_use: Mapping[str, Sequence[str]]) -> None:
        self._users = {name: set(users) for name, users in in_use.items()}

    async def close(self) -> None:
        return None
