"""The storage port: what every store does, the journal and the fake alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.ports.storage import Delete, Put, Store
from agent.storage.sqlite import SqliteStore
from tests.fakes.store import MemoryStore


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = SqliteStore(tmp_path / "journal.db") if request.param == "sqlite" else MemoryStore()
    yield made
    await made.close()


async def test_rows_are_in_order_of_key_and_safe_to_change_while_read(store: Store) -> None:
    table = store.table("a.things")
    for key in ("b", "a", "c"):
        await table.put(key, key.encode())
    seen = []
    for key, document in table.items():
        seen.append((key, document))
        await table.delete(key)
    assert seen == [("a", b"a"), ("b", b"b"), ("c", b"c")]
    assert len(table) == 0


async def test_a_transaction_is_seen_at_once_and_whole(store: Store) -> None:
    await store.table("t").put("old", b"1")
    waiting = store.transaction([Put("t", "new", b"2"), Delete("t", "old"), Put("u", "x", b"3")])
    assert (store.table("t").find("old"), store.table("t").find("new")) == (None, b"2")
    assert "x" in store.table("u")
    await waiting


async def test_the_last_write_of_a_key_wins(store: Store) -> None:
    table = store.table("t")
    _ = table.put("k", b"1")
    _ = table.put("k", b"2")
    await table.put("k", b"3")
    assert table.find("k") == b"3"
    await table.delete("k")
    await table.delete("k")
    assert table.find("k") is None
