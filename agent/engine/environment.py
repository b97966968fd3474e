"""The environment of a container's processes, in Docker's order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["build_environment", "override"]

_DEFAULT_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def override(base: Iterable[str], changes: Iterable[str]) -> list[str]:
    """`base` with `changes` in place or appended; a change without `=` removes the variable."""
    merged: dict[str, str] = {}
    for item in base:
        merged.setdefault(item.partition("=")[0], item)
    for item in changes:
        name, equals, _ = item.partition("=")
        if equals:
            merged[name] = item
        else:
            merged.pop(name, None)
    return list(merged.values())


def build_environment(
    hostname: str, config_env: Sequence[str], *, tty: bool, home: str, linked: Sequence[str] = ()
) -> tuple[str, ...]:
    """What a process gets. HOME comes last, unless `config_env` has it; an empty one is filled in."""
    base = [_DEFAULT_PATH, f"HOSTNAME={hostname}", *(["TERM=xterm"] if tty else []), *linked]
    return with_home(override(base, config_env), home)


def with_home(env: Iterable[str], home: str) -> tuple[str, ...]:
    """Add HOME when it is missing or empty, as the runtimes do."""
    kept = [f"HOME={home}" if item == "HOME=" else item for item in env]
    if not any(item.startswith("HOME=") for item in kept):
        kept.append(f"HOME={home}")
    return tuple(kept)
