"""Run blocking database functions off the event loop, on a small pool of threads with their own connections.

`asgiref.sync_to_async` runs everything of one request in one shared thread and opens a connection in whichever thread
it happens to be; the streaming side of the plane needs neither. A connection of this pool stays open between calls
with SQLite (there is no server to run out of connections) and goes back to psycopg's pool with PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, connections

__all__ = ["in_thread", "release_connections"]

P = ParamSpec("P")
R = TypeVar("R")

_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="database")


def release_connections(*, failed: bool = False) -> None:
    """Give this thread's connections back where they are pooled, and drop broken ones. Safe to repeat."""
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            continue
        if failed or connection.vendor != "sqlite":
            connection.close()


def _call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        result = function(*args, **kwargs)
    except DatabaseError:
        release_connections(failed=True)
        raise
    except BaseException:
        release_connections()
        raise
    release_connections()
    return result


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Await `function` on the database pool. It runs to its end even if the caller is cancelled."""
    return await asyncio.get_running_loop().run_in_executor(_pool, lambda: _call(function, *args, **kwargs))
