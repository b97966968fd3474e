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
    # A stack and not recursion: the tree may be deeper than the interpreter's limit.
    stack = [_Visit(str(upper), "", below, opaque=False)]
    while stack:
        visit = stack[-1]
        name = next(visit.names, None)
        if name is not None:
            inner = _look(visit, name, found)
            if inner is not None:
                stack.append(inner)
            continue
        stack.pop()
        if visit.opaque:
            gone = [other for other in visit.below.names() if other not in visit.listed]
            found.extend((DELETED, f"{visit.path}/{other}") for other in gone)
        if stack and (visit.kind >= 0 or len(found) > visit.found_before):
            found.append((max(visit.kind, MODIFIED), visit.path))
    return sorted(found, key=lambda change: change[1])


class _Visit:
    """A directory of the writable layer. `kind` is its own change, -1 when only what is in it can be one."""

    __slots__ = ("below", "found_before", "kind", "listed", "names", "opaque", "path", "upper")

    def __init__(self, upper: str, path: str, below: MergedDirectory, *, opaque: bool, kind: int = -1) -> None:
        self.upper = upper
        self.path = path
        self.below = below
        self.opaque = opaque
        self.kind = kind
        self.found_before = 0
        try:
            self.listed = frozenset(os.listdir(upper))
        except OSError:  # gone, or deeper than a path can say
            self.listed = frozenset()
        self.names = iter(self.listed)


def _look(visit: _Visit, name: str, found: list[tuple[int, str]]) -> _Visit | None:
    """Note what became of one entry; a directory is noted when its visit ends."""
    here, shown = f"{visit.upper}/{name}", f"{visit.path}/{name}"
    try:
        facts = os.lstat(here)
    except OSError:
        return None
    old = visit.below.find(name)
    if is_whiteout(facts):
        if old is not None:
            found.append((DELETED, shown))
        return None
    kind = ADDED if old is None else MODIFIED if _differs(old, facts) else -1
    if not stat.S_ISDIR(facts.st_mode):
        if kind >= 0:
            found.append((kind, shown))
        return None
    merged = old is not None and stat.S_ISDIR(old.st_mode)
    below = visit.below.enter(name) if merged else MergedDirectory(())
    inner = _Visit(here, shown, below, opaque=is_opaque(here), kind=kind)
    inner.found_before = len(found)
    return inner


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
            except OSError:
                continue
            if stat.S_ISDIR(facts.st_mode):
                pending.append(entry.path)
            elif facts.st_size and (facts.st_nlink == 1 or facts.st_ino not in seen):
                seen.add(facts.st_ino)
                total += facts.st_size
    return total
