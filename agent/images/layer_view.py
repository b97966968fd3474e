"""What a stack of layer directories looks like merged, by overlayfs's rules, without mounting it.

Layer directories never change once they have their name, so plain paths are safe here as long as no component is a
link; every step looks with `lstat` and goes only into real directories.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.images.unpack import OPAQUE_XATTR

__all__ = ["MergedDirectory", "find_entry", "is_opaque", "is_whiteout"]


def is_whiteout(facts: os.stat_result) -> bool:
    return stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0


def is_opaque(path: str) -> bool:
    try:
        return os.getxattr(path, OPAQUE_XATTR, follow_symlinks=False) == b"y"
    except OSError:
        return False


class MergedDirectory:
    """A directory of the merged tree: the real directories that make it up, top first."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[str]) -> None:
        self._parts = parts

    def find(self, name: str) -> os.stat_result | None:
        """What the merged tree has under `name`, or None."""
        for part in self._parts:
            try:
                facts = os.lstat(f"{part}/{name}")
            except OSError:  # not there, or deeper than a path can say
                continue
            return None if is_whiteout(facts) else facts
        return None

    def enter(self, name: str) -> MergedDirectory:
        """The subdirectory `name`; an empty one when the merged tree has no directory there."""
        found: list[str] = []
        for part in self._parts:
            path = f"{part}/{name}"
            try:
                facts = os.lstat(path)
            except OSError:  # not there, or deeper than a path can say
                continue
            if not stat.S_ISDIR(facts.st_mode):
                break
            found.append(path)
            if is_opaque(path):
                break
        return MergedDirectory(found)

    def names(self) -> Iterator[str]:
        """Names the merged directory shows."""
        seen: set[str] = set()
        for part in self._parts:
            for name in os.listdir(part):
                if name in seen:
                    continue
                seen.add(name)
                if not is_whiteout(os.lstat(f"{part}/{name}")):
                    yield name


def find_entry(lowers: Sequence[Path], name: str) -> os.stat_result | None:
    """What these layers (top first) show at the root under `name`."""
    return MergedDirectory([str(lower) for lower in lowers]).find(name)
