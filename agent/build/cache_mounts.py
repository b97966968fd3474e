"""Directories that `RUN --mount=type=cache` sees in every build: kept on disk by id, removed only by a prune.

`shared` gives any number of steps the same directory, `locked` one after another, `private` a further directory to a
step that finds it in use.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.host.threads import in_thread
from agent.ports.storage import Store

__all__ = ["CacheMount", "CacheMounts"]

_TABLE = "build.cache_mounts"


class CacheMountRow(msgspec.Struct, kw_only=True):
    """What is known of one directory. `key` is the id users give it, `target` where it was first mounted."""

    key: str
    target: str
    made_at: float
    used_at: float
    uses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheMount:
    """A directory as it is; `in_use` says that a step has it now."""

    id: str
    row: CacheMountRow
    path: Path
    in_use: bool


class CacheMounts:
    """All of them. `directory` is theirs alone."""

    def __init__(self, store: Store, directory: Path) -> None:
        self._table = store.table(_TABLE)
        self._directory = directory
        self._users: Counter[str] = Counter()
        self._locks: dict[str, asyncio.Lock] = {}

    def start(self) -> None:
        """Remove directories that no row names. Blocking; safe to repeat."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = {name for name, _ in self._table.items()}
        for entry in list(os.scandir(self._directory)):
            if entry.name not in known:
                shutil.rmtree(entry.path, ignore_errors=True)

    @asynccontextmanager
    async def use(
        self, key: str, *, target: str, sharing: str, mode: int, owner: tuple[int, int]
    ) -> AsyncIterator[tuple[Path, bool]]:
        """Have the directory for the length of the block: its path, and whether it was made just now."""
        if sharing == "locked":
            lock = self._locks.setdefault(key, asyncio.Lock())
            async with lock, self._claimed(key, target, mode, owner) as claimed:
                yield claimed
            return
        number, name = 0, key
        while sharing == "private" and self._users[_identity(name)]:
            number += 1
            name = f"{key}\0{number}"
        async with self._claimed(name, target, mode, owner) as claimed:
            yield claimed

    @asynccontextmanager
    async def _claimed(
        self, key: str, target: str, mode: int, owner: tuple[int, int]
    ) -> AsyncIterator[tuple[Path, bool]]:
        identity = _identity(key)
        self._users[identity] += 1
        try:
            document = self._table.find(identity)
            now = time.time()
            row = (
                msgspec.json.decode(document, type=CacheMountRow)
                if document is not None
                else CacheMountRow(key=key, target=target, made_at=now, used_at=now)
            )
            row.used_at, row.uses = now, row.uses + 1
            await self._table.put(identity, msgspec.json.encode(row))
            path = self._directory / identity
            made = await in_thread(_ensure_directory, path, mode, owner)
            yield path, made
        finally:
            self._users[identity] -= 1

    def all(self) -> list[CacheMount]:
        """Every directory there is, without its size."""
        return [
            CacheMount(
                id=identity,
                row=msgspec.json.decode(document, type=CacheMountRow),
                path=self._directory / identity,
                in_use=self._users[identity] > 0,
            )
            for identity, document in self._table.items()
        ]

    async def remove(self, identity: str) -> int:
        """Remove one that no step has; returns the bytes it held, 0 when it is in use or absent."""
        if self._users[identity]:
            return 0
        path = self._directory / identity
        size = await in_thread(directory_bytes, path)
        await self._table.delete(identity)
        await in_thread(shutil.rmtree, path, True)
        return size


def _identity(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:25]


def _ensure_directory(path: Path, mode: int, owner: tuple[int, int]) -> bool:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return False
    os.chown(path, *owner)
    path.chmod(mode)
    return True


def directory_bytes(path: Path) -> int:
    """Bytes of the files below a directory, each inode once. Blocking."""
    total, seen = 0, set()
    for folder, _, names in os.walk(path):
        for name in names:
            facts = os.lstat(os.path.join(folder, name))
            if facts.st_ino not in seen:
                seen.add(facts.st_ino)
                total += facts.st_size
    return total
