"""The one clock of the plane: aware UTC. Tests replace `now` here and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now", "rfc3339"]


def now() -> datetime:
    """Return the present time, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(value: datetime | None) -> str | None:
    """Return `value` as `2026-01-02T03:04:05.678901Z`; None stays None."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
