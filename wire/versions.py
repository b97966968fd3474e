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


_DIGITS_AND_DOT = "0123456789."
MIN_API = ApiVersion(1, 24)
MAX_API = ApiVersion(1, 45)
DOCKER_VERSION = "26.1.5"
"""The engine whose behaviour we match; clients compare `ServerVersion` to decide what to ask, images record it."""


def parse(text: str) -> ApiVersion:
    """Return the version that `text` names; what is left out is 0, what follows the minor number is not looked at."""
    numbers = _numbers(text)
    return ApiVersion(numbers[0], numbers[1] if len(numbers) > 1 else 0)


def split_prefix(path: str) -> tuple[str, str]:
    """Split an optional `/vX.Y` from the front of `path`: the version as it is written, "" without one, and the rest.

    As in Docker's router any digits and dots are a version, be it one that `check` refuses.
    """
    if path.startswith("/v"):
        prefix, slash, rest = path[2:].partition("/")
        if slash and prefix and not prefix.strip(_DIGITS_AND_DOT):
            return prefix, "/" + rest
    return "", path


def check(text: str) -> None:
    """Raise Invalid in Docker's words when the version `text` is outside MIN_API…MAX_API."""
    numbers = _numbers(text)
    if numbers < MIN_API:
        raise errors.Invalid(
            f"client version {text} is too old. Minimum supported API version is {MIN_API}, please upgrade your "
            "client to a newer version"
        )
    if numbers > MAX_API:
        raise errors.Invalid(f"client version {text} is too new. Maximum supported API version is {MAX_API}")


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers between the dots, zeros at the end dropped: 1.45.0 is 1.45."""
    numbers = [int(part or 0) for part in text.split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
