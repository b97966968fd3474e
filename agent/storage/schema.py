"""What the journal file looks like, and the steps that bring an older file to it.

    meta(name TEXT PRIMARY KEY, value TEXT)          schema_version
    document(space TEXT, key TEXT, body BLOB,        one row for each document of each table of the port;
             PRIMARY KEY (space, key)) WITHOUT ROWID  `space` is the table's name

Documents are whole: a room that changes the shape of its documents reads the old shape for as long as it promises to.
A change of the file itself adds a step to `MIGRATIONS`; steps are never edited once released.
"""

from __future__ import annotations

import sqlite3

from wire.errors import Internal

__all__ = ["MIGRATIONS", "migrate"]

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE document(
        space TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (space, key)
    ) WITHOUT ROWID;
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema; each step is one transaction. Internal when the file is from the future."""
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise Internal(
            f"the journal has schema {version}, this agent knows {len(MIGRATIONS)}: it was written by a newer agent"
        )
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(
            f"BEGIN IMMEDIATE;{MIGRATIONS[number]};"
            f"INSERT OR REPLACE INTO meta VALUES('schema_version', '{number + 1}');COMMIT;"
        )


def _version(connection: sqlite3.Connection) -> int:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    if known is None:
        return 0
    row = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    return int(row[0]) if row else 0
