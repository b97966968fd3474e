"""The journal keeps what it acknowledged, in order, all or nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from agent.ports.storage import Delete, Put
from agent.storage.sqlite import SqliteStore
from tests.instances import wait_until
from wire.errors import Internal


async def test_documents_survive_reopening(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    await store.table("a.things").put("k", b"1")
    await store.table("a.things").put("k", b"2")
    await store.table("b.things").put("k", b"other")
    await store.table("a.things").delete("absent")
    await store.close()

    again = SqliteStore(tmp_path / "journal.db")
    assert list(again.table("a.things").items()) == [("k", b"2")]
    assert again.table("b.things").find("k") == b"other"
    await again.close()


async def test_a_write_is_seen_at_once_and_close_waits_for_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    _ = store.transaction([Put("t", "x", b"1"), Put("t", "y", b"2"), Delete("t", "x")])
    assert store.table("t").find("x") is None
    assert store.table("t").find("y") == b"2"
    await store.close()

    again = SqliteStore(tmp_path / "journal.db")
    assert list(again.table("t").items()) == [("y", b"2")]
    await again.close()


async def test_a_failed_transaction_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    await store.table("t").put("x", b"1")
    blocker = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    blocker.execute("DROP TABLE document")
    blocker.close()
    with pytest.raises(Internal, match="cannot write the journal"):
        await store.transaction([Put("t", "x", b"2"), Put("t", "y", b"3")])
    await store.close()


async def test_what_could_not_be_written_is_written_when_it_can_be(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    blocker = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    (made,) = blocker.execute("SELECT sql FROM sqlite_master WHERE name = 'document'").fetchone()
    blocker.execute("DROP TABLE document")
    with pytest.raises(Internal, match="cannot write the journal"):
        await store.table("t").put("x", b"1")
    with pytest.raises(Internal, match="cannot write the journal"):
        await store.table("t").put("x", b"2")
    blocker.execute(made)
    wait_until(lambda: blocker.execute("SELECT body FROM document").fetchall(), 60, "the writer tries again")
    assert blocker.execute("SELECT key, body FROM document").fetchall() == [("x", b"2")]
    blocker.close()
    await store.close()


async def test_the_log_has_its_space_in_advance_and_reads_as_before(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    await store.table("t").put("x", b"1")
    assert (tmp_path / "journal.db-wal").stat().st_blocks * 512 >= 8 << 20
    killed = tmp_path / "killed"  # the files as kill -9 leaves them
    killed.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(tmp_path / name, killed / name)
    await store.table("t").put("x", b"2")
    await store.close()

    again = SqliteStore(killed / "journal.db")
    assert again.table("t").find("x") == b"1"
    await again.close()


async def test_a_journal_from_the_future_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    await store.close()
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("UPDATE meta SET value = '999'")
    connection.commit()
    connection.close()
    with pytest.raises(Internal, match="newer agent"):
        SqliteStore(tmp_path / "journal.db")
