"""The local volume driver: a directory for each volume, mounted from its options while a container uses it.

DATA/volumes/<name>/_data     the content, and the mount point of a volume with options
DATA/volumes/<name>/_copy     an image's content on its way into a new volume; renamed over the empty _data
DATA/volumes/.gone-<name>     a removed volume whose content is being deleted (a digest of the name when it is long)
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import secrets
import shutil
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from agent.config import Config
from agent.host import failpoints, mounts
from agent.host.lookup import explain_failure
from agent.host.threads import in_thread
from agent.ports.storage import Store
from agent.ports.volumes import Volume
from agent.volumes import copy_up
from agent.volumes import options as volume_options
from wire.errors import Conflict, Internal, NotFound

__all__ = ["LocalVolumes"]

_log = logging.getLogger(__name__)

_GONE: Final = ".gone-"
_NAME_MAX: Final = 255
_MS_REMOUNT: Final = 0x20
_ADDRESS_OPTION = re.compile(r"(?:^|,)addr=([^,]+)")


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """A volume as it is kept in storage."""

    name: str
    created_at: float
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    anonymous: bool = False


class LocalVolumes:
    """See `agent.ports.volumes.Volumes`. File system work is done in threads, one operation at a time on a volume."""

    def __init__(self, config: Config, store: Store) -> None:
        self._root = config.volumes
        self._table = store.table("volumes.volumes")
        self._records = {key: msgspec.json.decode(document, type=_Record) for key, document in self._table.items()}
        self._users: dict[str, set[str]] = defaultdict(set)
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._measuring = asyncio.Semaphore(1)  # `df` must not take the disk from the containers

    def _data(self, name: str) -> Path:
        return self._root / name / "_data"

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Be the only one at work on a volume. The lock is forgotten with its last user."""
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[name]
            if users == 1:
                del self._locks[name]
            else:
                self._locks[name] = (lock, users - 1)

    def _volume(self, record: _Record) -> Volume:
        return Volume(
            name=record.name,
            created_at=record.created_at,
            mountpoint=self._data(record.name),
            options=record.options,
            labels=record.labels,
            anonymous=record.anonymous,
        )

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
        if name in self._records:
            return self._volume(self._records[name])
        volume_options.check_name(name)
        volume_options.parse(name, options or {})
        async with self._alone(name):
            if name in self._records:
                return self._volume(self._records[name])
            try:
                await in_thread(self._make_directory, name)
            except OSError as error:
                path = self._data(name).parent
                raise Internal(
                    f"create {name}: error while creating volume root path '{path}': mkdir {path}: "
                    f"{os.strerror(error.errno or 0).lower()}"
                ) from error
            failpoints.hit("volumes.after_directory")
            record = _Record(
                name=name,
                created_at=time.time(),
                options=dict(sorted((options or {}).items())),  # as Go prints maps
                labels=volume_options.labels_of(labels, anonymous=anonymous),
                anonymous=anonymous,
            )
            self._records[name] = record
            await self._table.put(name, msgspec.json.encode(record))
        return self._volume(record)

    def _make_directory(self, name: str) -> None:
        self._data(name).parent.mkdir(mode=0o701, parents=True, exist_ok=True)
        self._data(name).mkdir(mode=0o755, exist_ok=True)
        self._data(name).chmod(0o755)

    def get(self, name: str) -> Volume:
        if name not in self._records:
            raise NotFound(f"get {name}: no such volume")
        return self._volume(self._records[name])

    def list(self) -> Sequence[Volume]:
        return [self._volume(record) for record in self._records.values()]

    async def remove(self, name: str, *, force: bool = False) -> None:
        async with self._alone(name):
            if name not in self._records:
                if force:
                    return
                raise NotFound(f"get {name}: no such volume")
            if users := self._users.get(name):
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(sorted(users))}]")
            gone = self._gone(name)
            await in_thread(self._set_aside, name, gone)
            failpoints.hit("volumes.after_set_aside")
            del self._records[name]
            self._users.pop(name, None)
            await self._table.delete(name)
            failpoints.hit("volumes.after_row_removed")
            await in_thread(shutil.rmtree, gone, ignore_errors=True)

    def _set_aside(self, name: str, gone: Path) -> None:
        while mounts.unmount(self._data(name)):
            pass
        shutil.rmtree(gone, ignore_errors=True)
        if self._data(name).parent.exists():
            os.rename(self._data(name).parent, gone)

    async def mount(self, name: str, container_id: str) -> Path:
        record = self._record(name)
        async with self._alone(name):
            wanted = volume_options.parse(name, record.options)
            if not self._data(name).is_dir():  # somebody tidied up by hand
                await in_thread(self._make_directory, name)
            if wanted is not None and not self._users[name]:
                await in_thread(self._mount_options, name, await self._with_address(name, wanted))
            failpoints.hit("volumes.after_mount")
            self._users[name].add(container_id)
        return self._data(name)

    def _record(self, name: str) -> _Record:
        if name not in self._records:
            raise NotFound(f"get {name}: no such volume")
        return self._records[name]

    async def _with_address(self, name: str, wanted: volume_options.MountOptions) -> volume_options.MountOptions:
        """The kernel takes only addresses for a network file system's server."""
        found = _ADDRESS_OPTION.search(wanted.data)
        if wanted.fstype not in ("nfs", "nfs4", "cifs") or found is None:
            return wanted
        try:
            known = await asyncio.get_running_loop().getaddrinfo(found[1], None, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Internal(
                f"error while mounting volume '{self._data(name)}': error resolving passed in network volume address: "
                f"{await explain_failure(found[1])}"
            ) from error
        return replace(wanted, data=wanted.data.replace(f"addr={found[1]}", f"addr={known[0][4][0]}"))

    def _mount_options(self, name: str, wanted: volume_options.MountOptions) -> None:
        target = self._data(name)
        if mounts.is_mounted(target):
            return
        data = wanted.data
        shown = f"mount {wanted.device}:{target}"
        shown += f", flags: {wanted.flags:#x}" if wanted.flags else ""
        shown += f", data: {data}" if data else ""
        try:
            mounts.mount(wanted.device, target, wanted.fstype, flags=wanted.flags, data=data)
            narrowed = wanted.flags & (mounts.MS_RDONLY | mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC)
            if wanted.flags & mounts.MS_BIND and narrowed:  # mount(2): a bind ignores its other flags at first
                mounts.mount("", target, "", flags=mounts.MS_BIND | _MS_REMOUNT | narrowed)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise Internal(
                f"error while mounting volume '{target}': failed to mount local volume: {shown}: {reason}"
            ) from error

    async def unmount(self, name: str, container_id: str) -> None:
        if name not in self._records:
            return
        async with self._alone(name):
            users = self._users[name]
            users.discard(container_id)
            if not users and self._records[name].options:
                await in_thread(mounts.unmount, self._data(name))

    async def copy_up(self, name: str, rootfs: Path, path: str) -> None:
        self._record(name)
        async with self._alone(name):
            alone = len(self._users[name]) <= 1
            await in_thread(self._copy_up, name, rootfs, path, alone)

    def _copy_up(self, name: str, rootfs: Path, path: str, alone: bool) -> None:
        """Into a directory beside, renamed over the empty one: killed half way, the volume is still empty and the next
        start copies again. Where a rename cannot be (mounted, or another container has it) straight into it."""
        data = self._data(name)
        if not copy_up.is_empty(data):
            return
        if not alone or mounts.is_mounted(data):
            copy_up.copy_tree(rootfs, path, data)
            return
        beside = data.with_name("_copy")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o755)
        try:
            if copy_up.copy_tree(rootfs, path, beside):
                failpoints.hit("volumes.before_copy_renamed")
                os.rename(beside, data)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    async def usage_bytes(self, name: str) -> int:
        self._record(name)
        async with self._measuring:
            return await in_thread(_size_bytes, self._data(name))

    async def recover(self, in_use: Mapping[str, Sequence[str]]) -> None:
        self._users = defaultdict(set, {name: set(users) for name, users in in_use.items() if name in self._records})
        known = {self._gone(name): name for name in self._records}
        for gone in await in_thread(self._find_gone):
            if gone in known:  # killed between setting it aside and forgetting it
                del self._records[known[gone]]
                await self._table.delete(known[gone])
            await in_thread(shutil.rmtree, gone, ignore_errors=True)
        await in_thread(self._drop_nameless)
        for name, record in self._records.items():
            if record.options and not self._users.get(name):
                await in_thread(mounts.unmount, self._data(name))

    def _gone(self, name: str) -> Path:
        """Where a removed volume waits for its deletion. A name may be as long as a file's; with a prefix it is not."""
        if len(name) > _NAME_MAX - len(_GONE):
            name = hashlib.sha256(name.encode()).hexdigest()
        return self._root / f"{_GONE}{name}"

    def _find_gone(self) -> Sequence[Path]:
        if not self._root.is_dir():
            return []
        return [entry for entry in self._root.iterdir() if entry.name.startswith(_GONE)]

    def _drop_nameless(self) -> None:
        """Directories made for a row that was not written any more. One that holds anything is not ours to delete."""
        for entry in self._root.iterdir() if self._root.is_dir() else ():
            if entry.name not in self._records and not entry.name.startswith(_GONE):
                with suppress(OSError):
                    (entry / "_data").rmdir()
                with suppress(OSError):
                    entry.rmdir()

    async def close(self) -> None:
        return None


def _size_bytes(directory: Path) -> int:
    """The sizes of all files below, each inode once, as Docker counts them."""
    seen: set[tuple[int, int]] = set()
    total = 0
    waiting = [str(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    facts = entry.stat(follow_symlinks=False)
                    if (facts.st_dev, facts.st_ino) not in seen:
                        seen.add((facts.st_dev, facts.st_ino))
                        total += facts.st_size
        except OSError as error:  # it is in use: what vanishes meanwhile is not counted
            _log.debug("volume.unreadable error=%s", error)
    return total
