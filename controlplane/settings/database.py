"""`MOORING_DATABASE_URL` to Django's dictionary: PostgreSQL with a pool, or SQLite in WAL mode.

Persistent connections leak under ASGI (every request may run in a new thread), so PostgreSQL uses psycopg's pool with
`CONN_MAX_AGE` 0. SQLite begins write transactions IMMEDIATE: a read that later writes would otherwise fail at once
with "database is locked" instead of waiting for its turn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["database_from_environment"]


def database_from_environment(url: str | None, default_file: Path) -> dict[str, Any]:
    """Return the settings of the default database. Raises ValueError for a scheme that is not offered."""
    if not url:
        return _sqlite(default_file)
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(Path(unquote(parts.path)))
    if parts.scheme in ("postgres", "postgresql"):
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 0,
            "OPTIONS": {"pool": {"min_size": 2, "max_size": 16, "timeout": 10}, **dict(parse_qsl(parts.query))},
        }
    raise ValueError(f"MOORING_DATABASE_URL: unknown scheme {parts.scheme!r}; use postgresql:// or sqlite://")


def _sqlite(file: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
        },
    }
