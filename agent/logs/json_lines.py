"""Log messages as JSON lines for viewers, converted once for all who read the same part of a log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from agent.logs.reading import Reading, format_cursor
from agent.logs.records import PREFIX_BYTES, TIME_BYTES, Message, parse_time

__all__ = ["ConvertedBlocks", "json_lines"]

_LIMIT_BYTES: Final = 4 << 20
_STREAM_LETTER: Final = 39
_O: Final = ord("o")

_encode = msgspec.json.Encoder().encode


class ConvertedBlocks:
    """What was converted lately, by log and position. A log is only ever appended to, so nothing in it goes stale."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[tuple[str, int], tuple[int, bytes]] = OrderedDict()
        self._bytes = 0

    def find(self, log: str, position: int) -> tuple[int, bytes] | None:
        """(length of the records, their JSON lines) of what was converted from exactly this position."""
        found = self._blocks.get((log, position))
        if found is not None:
            self._blocks.move_to_end((log, position))
        return found

    def keep(self, log: str, position: int, length: int, lines: bytes) -> None:
        """Remember it; the least used go."""
        old = self._blocks.pop((log, position), None)
        self._bytes += len(lines) - (len(old[1]) if old is not None else 0)
        self._blocks[(log, position)] = (length, lines)
        while self._bytes > _LIMIT_BYTES:
            _, (_, dropped) = self._blocks.popitem(last=False)
            self._bytes -= len(dropped)

    def forget(self, log: str) -> None:
        """The log is deleted."""
        for key in [key for key in self._blocks if key[0] == log]:
            self._bytes -= len(self._blocks.pop(key)[1])


async def json_lines(reading: Reading, log: str, known: ConvertedBlocks) -> AsyncIterator[bytes]:
    """See `ports.logs.Logs.json_lines`."""
    async for position, block, messages in reading.plain_or_messages():
        if messages is not None:
            yield b"".join([_line(message, resume) for message, resume in messages])
            continue
        while block:
            found = known.find(log, position)
            if found is None or found[0] > len(block):
                found = len(block), _convert(position, block)
                known.keep(log, position, *found)
            yield found[1]
            position += found[0]
            block = block[found[0] :]


def _line(message: Message, resume: int | None) -> bytes:
    end, time, stream, data = message
    text = data.decode("utf-8", "replace")
    return _encode({"c": format_cursor(end, resume), "t": parse_time(time), "s": stream, "l": text}) + b"\n"


def _convert(position: int, block: bytes) -> bytes:
    """A block of whole records without pieces."""
    made: list[bytes] = []
    second, base = b"", 0
    for line in block[:-1].split(b"\n"):
        position += len(line) + 1
        if line[:19] != second:
            second = line[:19]
            base = parse_time(second + b".000000000")
        at = base + int(line[20:TIME_BYTES])
        stream = 1 if line[_STREAM_LETTER] == _O else 2
        text = _encode(line[PREFIX_BYTES:].decode("utf-8", "replace") + "\n")
        made.append(b'{"c":"%d","t":%d,"s":%d,"l":%b}\n' % (position, at, stream, text))
    return b"".join(made)
