"""Shows the programs' log files as one readable stream, each line headed by its program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

_COLOURS = (36, 34, 32, 35, 33, 31)


def follow(directory: Path, names: Sequence[str], finished: Callable[[], bool]) -> None:
    """Print what is appended to `directory/NAME.log` until `finished()`; survives rotation."""
    files: dict[str, tuple[BinaryIO, int]] = {}
    colour = sys.stdout.isatty()
    first = True
    while True:
        done = finished()
        for index, name in enumerate(names):
            head = f"{name:<8}| "
            if colour:
                head = f"\033[{_COLOURS[index % len(_COLOURS)]}m{head}\033[0m"
            for line in _new_lines(directory / f"{name}.log", name, files, from_start=not first):
                sys.stdout.write(head + line.decode(errors="replace"))
        sys.stdout.flush()
        first = False
        if done:
            return
        time.sleep(0.2)


def _new_lines(path: Path, name: str, files: dict[str, tuple[BinaryIO, int]], *, from_start: bool) -> list[bytes]:
    """Whole lines that came since the last call."""
    try:
        inode = path.stat().st_ino
    except FileNotFoundError:
        return []
    opened = files.get(name)
    lines: list[bytes] = []
    if opened is not None and opened[1] != inode:
        lines = opened[0].readlines()
        opened[0].close()
        opened = None
        from_start = True
    if opened is None:
        stream = path.open("rb")
        if not from_start:
            stream.seek(0, 2)
        opened = files[name] = (stream, inode)
    stream = opened[0]
    while line := stream.readline():
        if not line.endswith(b"\n"):
            stream.seek(-len(line), 1)
            break
        lines.append(line)
    return lines
