"""`docker diff`: what a container changed, read from its writable layer and what lies below it.

Docker compares two mounted trees; the answer is the same, by its rules: a file is modified when mode, owner, device,
size, time or capability differ, a directory when its mode or owner does or something in it changed, a removed tree is
one line. Only the writable layer is walked.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.images.layer_view import MergedDirectory, is_opaque, is_whiteout

__all__ = ["ADDED", "DELETED", "MODIFIED", "list_changes", "tree_size_bytes"]

MODIFIED: Final = 0
ADDED: Final = 1
DELETED: Final = 2


def list_changes(upper: Path, lowers: Sequence[Path]) -> list[tuple[int, str]]:
    """(kind, path) sorted by path. Blocking; the container may run meanwhile."""
    found: list[tuple[int, str]] = []
    below = MergedDirectory([str(lower) for lower in lowers])
    _walk(str(upper), below, "", added=False, opaque=False, found=found)
    return sorted(found, key=lambda change: change[1])


def _walk(
    upper: str, below: MergedDirectory, path: str, *, added: bool, opaque: bool, found: list[tuple[int, str]]
) -> bool:
    """Add the changes inside directory `path`; whether there were any."""
    before = len(found)
    try:
        names = os.listdir(upper)
    except OSError:  # gone, or deeper than a path can say
        return False
    for name in names:
        here = f"{upper}/{name}"
        try:
            facts = os.lstat(here)
        except FileNotFoundError:
            continue
        shown = f"{path}/{name}"
        old = None if added else below.find(name)
        if is_whiteout(facts):
            if old is not None:
                found.append((DELETED, shown))
            continue
        is_new = old is None
        is_modified = old is not None and _differs(old, facts)
        inside = False
        if stat.S_ISDIR(facts.st_mode):
            merged = old is not None and stat.S_ISDIR(old.st_mode)
            inner = below.enter(name) if merged else MergedDirectory(())
            inside = _walk(here, inner, shown, added=not merged, opaque=is_opaque(here), found=found)
        if is_new:
            found.append((ADDED, shown))
        elif is_modified or inside:
            found.append((MODIFIED, shown))
    if opaque:
        kept = set(names)
        found.extend((DELETED, f"{path}/{name}") for name in below.names() if name not in kept)
    return len(found) > before


def _differs(old: os.stat_result, new: os.stat_result) -> bool:
    if (old.st_mode, old.st_uid, old.st_gid, old.st_rdev) != (new.st_mode, new.st_uid, new.st_gid, new.st_rdev):
        return True
    if stat.S_ISDIR(new.st_mode):
        return False
    return old.st_size != new.st_size or old.st_mtime_ns != new.st_mtime_ns


def tree_size_bytes(directory: Path) -> int:
    """Bytes of files and link texts, each inode once, directories not counted: how Docker sizes a layer. Blocking."""
    total = 0
    seen: set[int] = set()
    pending = [str(directory)]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:  # gone, or deeper than a path can say
            continue
        for entry in entries:
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(facts.st_mode):
                pending.append(entry.path)
            elif facts.st_size and (facts.st_nlink == 1 or facts.st_ino not in seen):
                seen.add(facts.st_ino)
                total += facts.st_size
    return total
