"""The journal: documents in memory for readers, one writer thread that commits batches to SQLite (WAL, FULL).

Writes that arrive while a commit is being synchronised share the next one, so a burst of acknowledged writes costs
about one disk synchronisation each round, not one each.

A full disk must not keep containers from being stopped and removed: the write-ahead log is given its space in advance
(frames of zeroes after the last commit are no frames to SQLite), which is enough for some thousand writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Final

from agent.ports.storage import Delete, Put, Write
from agent.storage.schema import migrate
from wire.errors import Internal

__all__ = ["SqliteStore", "SqliteTable"]

_log = logging.getLogger(__name__)
_RESERVE_BYTES: Final = 8 << 20
_RETRY_S: Final = 1.0
_Batch = tuple[Sequence[Write], "asyncio.Future[None]"]


class SqliteTable:
    """See `agent.ports.storage.Table`."""

    def __init__(self, store: SqliteStore, name: str, rows: dict[str, bytes]) -> None:
        self._store = store
        self._name = name
        self.rows = rows

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


class SqliteStore:
    """See `agent.ports.storage.Store`. Made and used on one event loop; only the writer thread touches the file.

    When a commit fails (disk full in spite of the reserve) its awaitables raise Internal; memory keeps what was asked
    for, and the writer tries until the file has it as well. A restart before that goes back to what was acknowledged.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._tables: dict[str, SqliteTable] = {}
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._closed = False
        self._unwritten: dict[tuple[str, str], Write] = {}  # of failed commits, newest of each key; the writer's own
        self._load()
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
        self._writer.start()

    def table(self, name: str) -> SqliteTable:
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = SqliteTable(self, name, {})
        return found

    def transaction(self, writes: Sequence[Write]) -> Awaitable[None]:
        if self._closed:
            raise Internal("the journal is closed")
        for write in writes:
            rows = self.table(write.table).rows
            if isinstance(write, Put):
                rows[write.key] = write.document
            else:
                rows.pop(write.key, None)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_report)
        self._queue.put((writes, done))
        return done

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._writer.join)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        os.chmod(self._path, 0o600)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _load(self) -> None:
        with contextlib.closing(self._connect()) as connection:
            migrate(connection)
            for space, key, body in connection.execute("SELECT space, key, body FROM document"):
                self.table(space).rows[key] = body

    def _write(self) -> None:
        with contextlib.closing(self._connect()) as connection:
            self._reserve(connection)
            while True:
                try:
                    batches = [self._queue.get(timeout=_RETRY_S if self._unwritten else None)]
                except queue.Empty:
                    self._commit(connection, [])
                    continue
                with contextlib.suppress(queue.Empty):
                    while True:
                        batches.append(self._queue.get_nowait())
                work = [batch for batch in batches if batch is not None]
                if work or self._unwritten:
                    self._commit(connection, work)
                if len(work) != len(batches):
                    return

    def _reserve(self, connection: sqlite3.Connection) -> None:
        """Allocate the write-ahead log's space. SQLite itself keeps its size until the last connection closes it."""
        try:
            connection.execute("SELECT 1 FROM meta").fetchone()  # opens the log
            descriptor = os.open(f"{self._path}-wal", os.O_RDWR | os.O_CLOEXEC)
            try:
                os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("journal.no_reserve error=%s", error)

    def _commit(self, connection: sqlite3.Connection, work: Sequence[_Batch]) -> None:
        failure: Exception | None = None
        rows = dict(self._unwritten)
        rows |= {(write.table, write.key): write for writes, _ in work for write in writes}
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in rows.values():
                if isinstance(write, Put):
                    connection.execute(
                        "INSERT OR REPLACE INTO document VALUES(?, ?, ?)", (write.table, write.key, write.document)
                    )
                else:
                    connection.execute("DELETE FROM document WHERE space = ? AND key = ?", (write.table, write.key))
            connection.execute("COMMIT")
            self._unwritten = {}
        except sqlite3.Error as error:
            failure = error
            self._unwritten = rows
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        if work:
            loop = work[0][1].get_loop()
            with contextlib.suppress(RuntimeError):  # the loop was closed while we wrote: nobody is left to be told
                loop.call_soon_threadsafe(_resolve, [done for _, done in work], failure)


def _resolve(futures: Sequence[asyncio.Future[None]], failure: Exception | None) -> None:
    for done in futures:
        if done.done():
            continue
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(Internal(f"cannot write the journal: {failure}"))


def _report(done: asyncio.Future[None]) -> None:
    """Mark a failure as seen, so that a write nobody awaited is logged instead of warned about by asyncio."""
    if not done.cancelled() and (error := done.exception()) is not None:
        _log.error("journal.write_failed error=%s", error)
