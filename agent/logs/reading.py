"""Reading a log: forwards in large blocks, backwards for a tail, onwards while it grows.

`Reading` takes blocks of whole lines with their position and makes messages or frames of them. A block with no partial
line, the common case by far, is converted by list operations over all its lines at once; only one that has any goes
through the assembler line by line.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.logs.records import PREFIX_BYTES, TIME_BYTES, Assembler, Message, format_time
from agent.logs.segments import Segment, list_segments
from agent.ports.logs import LogQuery
from wire.errors import Invalid

__all__ = ["BLOCK_BYTES", "Reading", "format_cursor"]

BLOCK_BYTES: Final = 128 << 10
_QUIET_S: Final = 0.01
"""Pause between two looks at a log that is being written to: bounds the wakes per second, and batches."""
_LOOK_BACK_RECORDS: Final = 1024
_STREAM_LETTER: Final = 39
_O: Final = ord("o")
_HEADER: Final = struct.Struct(">BxxxL")


def format_cursor(position: int, resume: int | None) -> str:
    """`position`, or `position-resume` when a message that began before it is not complete yet."""
    return str(position) if resume is None or resume >= position else f"{position}-{resume}"


def parse_cursor(cursor: str) -> tuple[int, int]:
    """(position, position to start reading at). Raises Invalid."""
    position, _, resume = cursor.partition("-")
    if not (position.isascii() and position.isdigit()) or (resume and not (resume.isascii() and resume.isdigit())):
        raise Invalid(f"invalid log cursor: {cursor!r}")
    return int(position), min(int(position), int(resume or position))


class _Headers(dict[int, bytes]):
    """Frame header by length of a record without its newline: the payload is its text and a newline."""

    def __init__(self, stream: int) -> None:
        super().__init__()
        self._stream = stream

    def __missing__(self, length: int) -> bytes:
        header = _HEADER.pack(self._stream, length - PREFIX_BYTES + 1)
        if length < 65536:
            self[length] = header
        return header


_OUT, _ERR = _Headers(1), _Headers(2)


class Reading:
    """One pass over a log for one query. `changed` is set whenever the log's directory changes (followers only)."""

    def __init__(self, log: Path, query: LogQuery, changed: asyncio.Event) -> None:
        self._log = log
        self._query = query
        self._changed = changed
        self._since = format_time(query.since_ns) if query.since_ns is not None else b""
        self._until = format_time(query.until_ns) if query.until_ns is not None else b""
        self._descriptor = -1
        self._segment: Segment | None = None
        self._skip_to = 0  # positions up to here were delivered before
        self._drop = 0  # messages still to be dropped, for a tail that cannot be cut exactly
        self._finished = False

    # where to begin

    def _begin(self) -> int:
        query = self._query
        segments = list_segments(self._log)
        first = segments[0].start if segments else 0
        end = segments[-1].end if segments else 0
        if query.cursor is not None:
            position, start = parse_cursor(query.cursor)
            self._skip_to = min(position, end + 2)  # a line given without its end has a position just beyond
            return min(max(start, first), end)
        if query.tail is None:
            return first
        if query.tail == 0:
            # Not `end`: a line half there belongs to what comes.
            start, _ = _find_tail(segments, 0)
            over = not query.follow or (query.ended is not None and query.ended.is_set())
            self._skip_to = end + 2 if over else end  # when nobody goes on with it, it is an old line, too
            return start
        start, has_partial = _find_tail(segments, query.tail)
        if has_partial:
            self._drop = max(0, self._count(start) - query.tail)
        return start

    def _count(self, start: int) -> int:
        """Messages from `start` to the end; only for a tail with pieces of lines in it."""
        assembler, count = Assembler(), 0
        for segment in list_segments(self._log):
            if segment.end <= start:
                continue
            with suppress(FileNotFoundError), open(segment.path, "rb") as file:
                file.seek(max(0, start - segment.start))
                position = segment.start + file.tell()
                for line in file:
                    count += sum(1 for _ in assembler.feed(line.removesuffix(b"\n"), position))
                    position += len(line)
        return count + sum(1 for _ in assembler.flush(0))

    # blocks

    async def _blocks(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (position, whole lines) until the end, or for ever."""
        position = self._begin()
        rest = b""
        try:
            while True:
                self._changed.clear()
                # Asked before reading: what the writer wrote last is then in what we read.
                over = not self._query.follow or (self._query.ended is not None and self._query.ended.is_set())
                data = self._read(position + len(rest))
                if data:
                    block = rest + data if rest else data
                    cut = block.rfind(b"\n") + 1
                    if cut:
                        yield position, block[:cut]
                        position += cut
                    rest = block[cut:]
                    await asyncio.sleep(0)
                    continue
                beyond = self._next_position(position + len(rest))
                if beyond is not None:
                    if rest and self._segment is None:  # a segment that ends within a line was cut by a crash
                        yield position, rest + b"\n"
                        rest = b""
                    if not rest:
                        position = beyond
                    continue
                if over:
                    return
                await self._wait()
        finally:
            self._close()

    async def _wait(self) -> None:
        """Until the log may have grown or the writer may have ended."""
        ended = self._query.ended
        waits = [asyncio.ensure_future(self._changed.wait())]
        if ended is not None and not ended.is_set():
            waits.append(asyncio.ensure_future(ended.wait()))
        elif ended is not None:
            waits[0].cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            return
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        await asyncio.sleep(_QUIET_S)

    def _read(self, position: int) -> bytes:
        """What stands at `position` in the open segment, or b"" when none is open or it ends there."""
        if self._segment is None:
            return b""
        return os.pread(self._descriptor, BLOCK_BYTES, position - self._segment.start)

    def _next_position(self, position: int) -> int | None:
        """Where to read on when nothing more was at `position`; None when there is nothing (yet).

        Opens the segment that holds it, when none is open. Leaves the open one only once the writer has: that is when a
        later file has appeared, and then the open one is looked at a last time.
        """
        segments = list_segments(self._log)
        if self._segment is None:
            return self._open(segments, position)
        if any(s.current and _is_same_file(self._descriptor, s.path) for s in segments):
            return position if self._has_more(position) else None
        later = [s for s in segments if s.end > self._segment.start and s.start >= position and (s.size or s.current)]
        later = [s for s in later if not _is_same_file(self._descriptor, s.path)]
        if self._has_more(position):
            return position
        if not later:
            return None
        self._close()
        return later[0].start

    def _has_more(self, position: int) -> bool:
        assert self._segment is not None
        return self._segment.start + os.fstat(self._descriptor).st_size > position

    def _open(self, segments: list[Segment], position: int) -> int | None:
        for segment in segments:
            if position < segment.end or segment.current:
                try:
                    self._descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                except FileNotFoundError:
                    return None
                self._segment = segment
                return max(position, segment.start)
        return None

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._segment = None

    # messages

    async def messages(self) -> AsyncIterator[tuple[list[Message], int | None]]:
        """Yield batches of messages with the resume position after each batch's last; for readers that need cursors.

        A batch never spans a point where a message is pending, so its inner cursors need none.
        """
        assembler = Assembler()
        position = 0
        async for position, block in self._blocks():
            batch: list[Message] = []
            for line in block[:-1].split(b"\n"):
                pending_before = assembler.resume
                for message in assembler.feed(line, position):
                    if not self._wanted(message):
                        continue
                    if pending_before is not None or assembler.resume is not None:
                        if batch:
                            yield batch, None if pending_before is None else pending_before
                            batch = []
                        yield [message], assembler.resume
                    else:
                        batch.append(message)
                position += len(line) + 1
                if self._finished:
                    break
            if batch:
                yield batch, assembler.resume
            if self._finished:
                return
        if self._may_flush():
            for message in assembler.flush(position):
                if self._wanted(message):
                    yield [message], assembler.resume

    def _may_flush(self) -> bool:
        """Whether a line without an end is all there will be of it."""
        ended = self._query.ended
        return ended is None or ended.is_set()

    def _wanted(self, message: Message) -> bool:
        position, time, stream, _ = message
        if position <= self._skip_to:
            return False
        if self._drop:
            self._drop -= 1
            return False
        if self._until and time > self._until:
            self._finished = True
        if self._finished or (self._since and time < self._since):
            return False
        return self._query.stdout if stream == 1 else self._query.stderr

    async def plain_or_messages(
        self,
    ) -> AsyncIterator[tuple[int, bytes, list[tuple[Message, int | None]] | None]]:
        """Yield (position, block, None) for a block of whole records that is wanted as it is, else (_, _, messages),
        each with its resume position."""
        assembler = Assembler()
        position = 0
        async for position, block in self._blocks():
            if self._is_plain(assembler, position, block) and min(map(len, block[:-1].split(b"\n"))) >= PREFIX_BYTES:
                yield position, block, None
                position += len(block)
                continue
            made: list[tuple[Message, int | None]] = []
            for line in block[:-1].split(b"\n"):
                made += [(m, assembler.resume) for m in assembler.feed(line, position) if self._wanted(m)]
                position += len(line) + 1
                if self._finished:
                    break
            if made:
                yield position, b"", made
            if self._finished:
                return
        if self._may_flush():
            rest = [(m, assembler.resume) for m in assembler.flush(position) if self._wanted(m)]
            if rest:
                yield position, b"", rest

    def _is_plain(self, assembler: Assembler, position: int, block: bytes) -> bool:
        """Whether every record of a block is a message of its own that is wanted."""
        query = self._query
        return not (
            self._since
            or self._until
            or not (query.stdout and query.stderr)
            or self._drop
            or position < self._skip_to
            or assembler.resume is not None
            or b" stdout P " in block
            or b" stderr P " in block
        )

    # frames

    async def frames(self, *, multiplexed: bool, timestamps: bool, coalesce: bool) -> AsyncIterator[bytes]:
        """See the port."""
        assembler = Assembler()
        position = 0
        async for position, block in self._blocks():
            plain = self._is_plain(assembler, position, block)
            quick = _frame_block(block, multiplexed, timestamps, coalesce) if plain else None
            out = quick or self._frame_slowly(assembler, position, block, multiplexed, timestamps)
            position += len(block)
            if out:
                yield out
            if self._finished:
                return
        if self._may_flush():
            rest = [_frame(m, multiplexed, timestamps) for m in assembler.flush(position) if self._wanted(m)]
            if rest:
                yield b"".join(rest)

    def _frame_slowly(
        self, assembler: Assembler, position: int, block: bytes, multiplexed: bool, timestamps: bool
    ) -> bytes:
        made: list[bytes] = []
        for line in block[:-1].split(b"\n"):
            for message in assembler.feed(line, position):
                if self._wanted(message):
                    made.append(_frame(message, multiplexed, timestamps))
            position += len(line) + 1
            if self._finished:
                break
        return b"".join(made)


def _frame(message: Message, multiplexed: bool, timestamps: bool) -> bytes:
    _, time, stream, data = message
    if timestamps:
        data = time + b"Z " + data
    return _HEADER.pack(stream, len(data)) + data if multiplexed else data


def _frame_block(block: bytes, multiplexed: bool, timestamps: bool, coalesce: bool) -> bytes | None:
    """A block of whole lines at once; None when one of them is not of the usual shape."""
    lines = block[:-1].split(b"\n")
    if min(map(len, lines)) < PREFIX_BYTES:
        return None
    start, letter = PREFIX_BYTES, _STREAM_LETTER
    if not multiplexed or (coalesce and _is_one_stream(block)):
        if timestamps:
            data = b"\n".join([line[:TIME_BYTES] + b"Z " + line[start:] for line in lines]) + b"\n"
        else:
            data = b"\n".join([line[start:] for line in lines]) + b"\n"
        return _HEADER.pack(1 if block[letter] == _O else 2, len(data)) + data if multiplexed else data
    out, err = _OUT, _ERR
    if timestamps:
        more = TIME_BYTES + 2  # the frame's payload also holds `TIMEZ `
        made = [
            (out if line[letter] == _O else err)[len(line) + more] + line[:TIME_BYTES] + b"Z " + line[start:]
            for line in lines
        ]
    else:
        made = [(out if line[letter] == _O else err)[len(line)] + line[start:] for line in lines]
    return b"\n".join(made) + b"\n"


def _is_one_stream(block: bytes) -> bool:
    """Whether every line is of the first line's stream; a text that looks like the other only costs the slower way."""
    other = b" stderr F " if block[_STREAM_LETTER] == _O else b" stdout F "
    return other not in block


def _is_same_file(descriptor: int, path: Path) -> bool | None:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return None


def _find_tail(segments: list[Segment], wanted: int) -> tuple[int, bool]:
    """Where to begin for the last `wanted` whole lines, and whether pieces of lines lie after it.

    Ends of records are counted backwards. Beyond them it looks back a little further, to each stream's last whole line,
    so that no message is seen without its head; what is then too many is for the caller to drop.
    """
    lines = 0
    has_partial = False
    later = segments[-1].end if segments else 0  # beginning of the record that follows the one looked at
    headless = {b"stdout", b"stderr"}
    looks_left = _LOOK_BACK_RECORDS
    for base, body in _bodies_backwards(segments):
        count = body.count(b"\n")
        if lines + count <= wanted and b" stdout P " not in body and b" stderr P " not in body:
            lines += count
            later = base
            continue
        position = base + len(body)
        for line in reversed(body[:-1].split(b"\n")):
            position -= len(line) + 1
            whole = line[43:44] != b"P"
            if lines < wanted:
                lines += whole
            elif not headless or not looks_left:
                return later, has_partial
            elif whole:
                headless.discard(line[36:42])
                looks_left -= 1
                continue
            elif line[36:42] not in headless:
                continue
            has_partial |= not whole
            later = position
    return later, has_partial


def _bodies_backwards(segments: list[Segment]) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole records with their position, last first; a record still being written is left out."""
    for segment in reversed(segments):
        try:
            descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            high, carried = segment.size, b""
            while high:
                low = max(0, high - BLOCK_BYTES)
                block = os.pread(descriptor, high - low, low) + carried
                high = low
                first = block.find(b"\n") + 1 if low else 0
                if low and not first:
                    carried = block
                    continue
                carried = block[:first]
                body = block[first : block.rfind(b"\n") + 1]
                if body:
                    yield segment.start + low + first, body
        finally:
            os.close(descriptor)
