"""A journal in memory for tests of rooms that are given a store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence

from agent.ports.storage import Delete, Put, Write

__all__ = ["MemoryStore"]


class _Table:
    def __init__(self, store: MemoryStore, name: str) -> None:
        self._store, self._name = store, name
        self.rows: dict[str, bytes] = {}

    def find(self, key: str) -> bytes | None:
        return self.rows.get(key)

    def items(self) -> Iterator[tuple[str, bytes]]:
        return iter(sorted(self.rows.items()))

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, key: str) -> bool:
        return key in self.rows

    def put(self, key: str, document: bytes) -> Awaitable[None]:
        return self._store.transaction((Put(self._name, key, document),))

    def delete(self, key: str) -> Awaitable[None]:
        return self._store.transaction((Delete(self._name, key),))


class MemoryStore:
    """`agent.ports.storage.Store`; every write is at once durable."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}

    def table(self, name: str) -> _Table:
        return self._tables.setdefault(name, _Table(self, name))

    def transaction(self, writes: Sequence[Write]) -> Awaitable[None]:
        for write in writes:
            rows = self.table(write.table).rows
            if isinstance(write, Put):
                rows[write.key] = write.document
            else:
                rows.pop(write.key, None)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def close(self) -> None:
        pass
