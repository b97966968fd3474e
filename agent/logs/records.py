"""conmon's k8s-file lines, and Docker's messages made of them.

A line is `2026-11-24T17:49:16.110251157+00:00 stdout F text`. We run conmon with TZ=UTC, so everything before the text
has a fixed width; a line of another shape (cut by a full disk, say) is skipped. `P` marks a piece of a line whose end
had not been read yet. Docker's message is a whole line, or a piece of at most 16 KiB of a longer one.

Every message has a position of its own for cursors: where the record that completed it ends, or just beyond.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

__all__ = ["PREFIX_BYTES", "Assembler", "Message", "format_time", "parse_time"]

PREFIX_BYTES: Final = 45
TIME_BYTES: Final = 29  # without the offset
_LIMIT_BYTES: Final = 16384
_STREAM_LETTER: Final = 39  # stdOut, stdErr
_TAG: Final = 43
_O, _F, _T, _SPACE = b"oFT "

Message = tuple[int, bytes, int, bytes]
"""(position after it, time as `2026-11-24T17:49:16.110251157`, stream, data with its newline if it has one)."""


def parse_time(text: bytes) -> int:
    """Nanoseconds since the epoch of a record's time."""
    return _seconds(text[:19]) * 1_000_000_000 + int(text[20:29])


@lru_cache(16)
def _seconds(text: bytes) -> int:
    """Neighbouring records share their second, and reading it is slow."""
    return int(datetime.strptime(text.decode(), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())


def format_time(time_ns: int) -> bytes:
    """The inverse, for comparing as bytes."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    if not 0 <= seconds < 253402300800:  # years 1970 to 9999
        return b"0" if seconds < 0 else b"9999"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}".encode()


class Assembler:
    """Joins records to messages. One per reader; fed complete lines in order. Positions of messages only ever grow.

    `resume` is the smallest position from which a new assembler would come to the same state: the first record of a
    line whose end is not there yet, else None.
    """

    __slots__ = ("_floor", "_pending")

    def __init__(self) -> None:
        self._pending: dict[int, tuple[int, bytes, list[bytes], int]] = {}  # stream: start, time, parts, size
        self._floor: int | None = None

    @property
    def resume(self) -> int | None:
        return min((entry[0] for entry in self._pending.values()), default=self._floor)

    def feed(self, line: bytes, start: int) -> Iterator[Message]:
        """Take one line (without its newline) that begins at position `start`; yield what it completes."""
        if len(line) < PREFIX_BYTES or line[10] != _T or line[_TAG + 1] != _SPACE:
            return
        stream = 1 if line[_STREAM_LETTER] == _O else 2
        time, text = line[:TIME_BYTES], line[PREFIX_BYTES:]
        pending = self._pending.get(stream)
        if pending is not None and pending[3] + len(text) > _LIMIT_BYTES:
            self._pending[stream] = (start, time, [text], len(text))
            # Known only now to be complete; a place within this record is its own and after all before.
            yield start + 1, pending[1], stream, b"".join(pending[2])
            pending = self._pending[stream]
        elif pending is not None:
            pending[2].append(text)
            pending = self._pending[stream] = (pending[0], time, pending[2], pending[3] + len(text))
        elif line[_TAG] != _F:
            self._pending[stream] = (start, time, [text], len(text))
            return
        else:
            yield start + len(line) + 1, time, stream, text + b"\n"
            return
        if line[_TAG] == _F:
            del self._pending[stream]
            yield start + len(line) + 1, time, stream, b"".join(pending[2]) + b"\n"

    def flush(self, position: int) -> Iterator[Message]:
        """The writer has ended, all before `position` was fed: what is pending is complete as it is."""
        self._floor = position
        for number, stream in enumerate(sorted(self._pending, key=lambda s: self._pending[s][0])):
            _, time, parts, _ = self._pending.pop(stream)
            yield position + 1 + number, time, stream, b"".join(parts)
