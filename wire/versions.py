"""Engine API versions: the `/vX.Y` path prefix, the range we speak, and Docker's words outside it."""

from __future__ import annotations

from typing import NamedTuple

from wire import errors

__all__ = ["DOCKER_VERSION", "MAX_API", "MIN_API", "ApiVersion", "check", "parse", "split_prefix"]


class ApiVersion(NamedTuple):
    """An Engine API version; compares by number, so 1.9 < 1.24."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


MIN_API = ApiVersion(1, 24)
MAX_API = ApiVersion(1, 45)
DOCKER_VERSION = "26.1.5"
"""The engine whose behaviour we match; clients compare `ServerVersion` to decide what to ask, images record it."""


def parse(text: str) -> ApiVersion | None:
    """Return the version that `text` (`1.45`; `2` is 2.0) names, None when it is not of that form."""
    major, dot, minor = text.partition(".")
    if not _is_number(major) or (dot and not _is_number(minor)):
        return None
    return ApiVersion(int(major), int(minor or 0))


def split_prefix(path: str) -> tuple[ApiVersion | None, str]:
    """Split an optional `/vX.Y` from the front of `path`; (None, path) when there is none. The range is not checked."""
    if path.startswith("/v"):
        prefix, slash, rest = path[2:].partition("/")
        version = parse(prefix)
        if version is not None and slash:
            return version, "/" + rest
    return None, path


def check(version: ApiVersion) -> None:
    """Raise Invalid in Docker's words when `version` is outside MIN_API…MAX_API."""
    if version < MIN_API:
        raise errors.Invalid(
            f"client version {version} is too old. Minimum supported API version is {MIN_API}, please upgrade your "
            "client to a newer version"
        )
    if version > MAX_API:
        raise errors.Invalid(f"client version {version} is too new. Maximum supported API version is {MAX_API}")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4
