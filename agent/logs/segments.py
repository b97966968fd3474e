"""The files of one log, as one sequence of bytes.

On disk, for the log `web.log` after two rotations:

    web.log.00000000000000000000   first segment: positions 0 …
    web.log.00000000000020004211   second: its name says where it begins
    web.log                        the one conmon appends to; begins where the last of the others ends

Nothing else is stored: a position is a segment's beginning plus an offset in it. A rotation renames, so a file keeps
its positions. When only one file may be kept, the last renamed one is replaced by an empty file that holds the place.
Between the rename and conmon's reopening there is no `web.log`, and conmon still appends to the renamed file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Segment", "list_segments", "rotated_path"]

_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Segment:
    """One file: the position of its first byte, its size when looked at, whether conmon appends to `path` by name."""

    path: Path
    start: int
    size: int
    current: bool

    @property
    def end(self) -> int:
        return self.start + self.size


def rotated_path(log: Path, start: int) -> Path:
    """Name of the segment that begins at `start`."""
    return log.with_name(f"{log.name}.{start:0{_DIGITS}d}")


def list_segments(log: Path) -> list[Segment]:
    """The segments there are, oldest first; empty for a log that was never written.

    Consistent although rotation goes on: the listing counts only when the current file was the same one before and
    after it.
    """
    while True:
        before = _stat(log)
        rotated = _list_rotated(log)
        after = _stat(log)
        if (before and before[0]) == (after and after[0]):
            break
    if after is not None:
        rotated.append(Segment(log, rotated[-1].end if rotated else 0, after[1], current=True))
    return rotated


def _list_rotated(log: Path) -> list[Segment]:
    prefix = f"{log.name}."
    found: list[Segment] = []
    try:
        names = os.listdir(log.parent)
    except FileNotFoundError:
        return found
    for name in names:
        digits = name.removeprefix(prefix)
        if name.startswith(prefix) and len(digits) == _DIGITS and digits.isdigit():
            facts = _stat(log.with_name(name))
            if facts is not None:  # deleted meanwhile: from the oldest on, so the others stand
                found.append(Segment(log.with_name(name), int(digits), facts[1], current=False))
    return sorted(found, key=lambda segment: segment.start)


def _stat(path: Path) -> tuple[int, int] | None:
    """(inode, size)."""
    with suppress(FileNotFoundError):
        facts = os.stat(path)
        return facts.st_ino, facts.st_size
    return None
