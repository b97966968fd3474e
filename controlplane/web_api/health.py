"""Is every part of the plane alive? Each part shows a sign of life somewhere the others can read."""

from __future__ import annotations

import time
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from controlplane.fleet.selectors import gateway_silent_since
from controlplane.kernel.heartbeats import age_s
from controlplane.kernel.news import redis_client

__all__ = ["health_report"]

BEAT_SILENT_AFTER_S = 20.0
WORKER_SILENT_AFTER_S = 20.0


def health_report() -> dict[str, Any]:
    """Return `{ok, components: {name: {ok, detail}}}`."""
    components = {"database": _database()}
    if components["database"]["ok"]:
        components["gateway"] = _gateway()
        components["worker"] = _heartbeat("worker", WORKER_SILENT_AFTER_S)
        components["beat"] = _heartbeat("beat", BEAT_SILENT_AFTER_S)
    components["redis"] = _redis()
    return {"ok": all(part["ok"] for part in components.values()), "components": components}


def _part(ok: bool, detail: str) -> dict[str, Any]:
    return {"ok": ok, "detail": detail}


def _database() -> dict[str, Any]:
    started = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM django_migrations")
            cursor.fetchone()
    except DatabaseError as error:
        return _part(False, f"{error}")
    return _part(True, f"{connection.vendor}, {(time.monotonic() - started) * 1000:.1f} ms")


def _gateway() -> dict[str, Any]:
    silent = gateway_silent_since()
    return _part(silent is None, "alive" if silent is None else f"silent since {silent:%H:%M:%S}")


def _heartbeat(name: str, limit_s: float) -> dict[str, Any]:
    age = age_s(name)
    if age is None:
        return _part(False, "no sign of life yet")
    return _part(age < limit_s, f"last sign of life {age:.0f} s ago")


def _redis() -> dict[str, Any]:
    if settings.MOORING_REDIS_URL == "memory://":
        return _part(True, "in memory")
    try:
        redis_client().ping()
    except (redis.RedisError, OSError) as error:
        return _part(False, f"{error}")
    return _part(True, "alive")
