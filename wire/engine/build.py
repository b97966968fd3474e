"""Shapes of the build endpoints: the answer of `POST /build/prune` and the build-cache records of `GET /system/df`."""

from __future__ import annotations

import msgspec

__all__ = ["BuildCacheRecord", "BuildPruneReport"]


class BuildPruneReport(msgspec.Struct, kw_only=True):
    """What a prune of the build cache removed; `CachesDeleted` is null when nothing was."""

    CachesDeleted: list[str] | None = None
    SpaceReclaimed: int = 0


class BuildCacheRecord(msgspec.Struct, kw_only=True):
    """One thing the build cache keeps. Times are RFC 3339 with nanoseconds, UTC."""

    ID: str
    Parents: list[str] | None = None
    Type: str = "regular"
    Description: str = ""
    InUse: bool = False
    Shared: bool = False
    Size: int = 0
    CreatedAt: str = ""
    LastUsedAt: str | None = None
    UsageCount: int = 0
