"""Compressed streams in, plain bytes out, and gzip the other way; never by a program, always bounded.

The format is told from the first bytes, as Docker does, not from a media type. gzip is done by ISA-L (about a third of
zlib's time), which releases the interpreter lock, as zstandard, bz2 and lzma do.
"""

from __future__ import annotations

import bz2
import lzma
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Final, Protocol, cast

import zstandard
from isal import igzip_lib, isal_zlib

from agent.images.limits import DEFAULT_LIMITS, Limits
from wire.errors import Exhausted, Invalid

__all__ = ["MAGIC_BYTES", "decompress", "detect", "gzip_chunks", "prefetch", "read_chunks"]

MAGIC_BYTES: Final = 10
_CHUNK: Final = 1 << 20
_READ: Final = 256 << 10
_DAMAGE: Final[tuple[type[Exception], ...]] = (
    OSError, EOFError, ValueError, cast(type[Exception], igzip_lib.error), lzma.LZMAError, zstandard.ZstdError
)  # fmt: skip


class _Decoder(Protocol):
    """The incremental interface that bz2, lzma and igzip share. `max_length` bounds one answer, not the stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def detect(head: bytes) -> str:
    """`gzip`, `zstd`, `bzip2`, `xz`, or "" for anything else, from the first bytes (ten are enough)."""
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        return "zstd"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    return ""


def read_chunks(read: Callable[[int], bytes], size: int = _READ) -> Iterator[bytes]:
    """Chunks of a file-like `read` until it answers b""."""
    while chunk := read(size):
        yield chunk


def decompress(chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """Plain bytes of `chunks`, whatever they are compressed with; pieces of at most about 1 MiB.

    Raises Invalid for damaged or cut streams, Exhausted when the ratio or the byte limit says it is a bomb.
    """
    source = iter(chunks)
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= MAGIC_BYTES:
            break
    kind = detect(head)
    if not kind:
        if head:
            yield head
        yield from source
        return
    yield from _decode(kind, head, source, limits)


def _decode(kind: str, head: bytes, source: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    read = made = 0
    try:
        for consumed, piece in _members(kind, head, source):
            read += consumed
            if not piece:
                continue
            made += len(piece)
            if made > limits.total_bytes or (made > limits.ratio_free_bytes and made > limits.ratio * max(read, 1)):
                raise Exhausted(f"{kind} stream expands to more than is allowed ({made} bytes from {read})")
            yield piece
    except _DAMAGE as error:
        cut = isinstance(error, EOFError)
        raise Invalid("unexpected EOF" if cut else f"{kind}: invalid data: {error}") from error


def _members(kind: str, head: bytes, source: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """(compressed bytes newly taken, piece) over all members of the stream; zero padding after one is allowed."""
    if kind == "zstd":
        yield from _zstd(head, source)
        return
    decoder, data = _decoder(kind), head
    while True:
        taken = len(data)
        while True:
            piece = decoder.decompress(data, _CHUNK)
            yield taken, piece
            data, taken = b"", 0
            if decoder.eof or decoder.needs_input:
                break
        if not decoder.eof:
            following = next(source, None)
            if following is None:
                raise EOFError("unexpected EOF")
            data = following
            continue
        rest = decoder.unused_data
        while not rest.strip(b"\0"):
            following = next(source, None)
            if following is None:
                return
            yield len(following), b""
            rest = following
        decoder, data = _decoder(kind), rest.lstrip(b"\0")


def _decoder(kind: str) -> _Decoder:
    decoder: _Decoder
    if kind == "gzip":
        decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    elif kind == "bzip2":
        decoder = bz2.BZ2Decompressor()
    else:
        decoder = lzma.LZMADecompressor(memlimit=256 << 20)
    return decoder


class _Source:
    """What zstandard reads from: an iterator of chunks with a `read`, and a count of what was taken."""

    def __init__(self, head: bytes, source: Iterator[bytes]) -> None:
        self._head = head
        self._source = source
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        piece, self._head = self._head, b""
        if not piece:
            piece = next(self._source, b"")
        if 0 <= size < len(piece):
            piece, self._head = piece[:size], piece[size:]
        self.taken += len(piece)
        return piece


def _zstd(head: bytes, source: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    # The reader bounds each answer, which decompressobj does not: a four-byte block may stand for 128 KiB.
    reading = _Source(head, source)
    counted = 0
    reader = zstandard.ZstdDecompressor(max_window_size=128 << 20).stream_reader(
        cast(IO[bytes], reading), read_size=_READ, read_across_frames=True
    )
    while piece := reader.read(_CHUNK):
        yield reading.taken - counted, piece
        counted = reading.taken


def gzip_chunks(chunks: Iterable[bytes], level: int = 1) -> Iterator[bytes]:
    """`chunks` as one gzip member with no name and no time, so equal input gives equal output."""
    compressor = _compressor(level)
    for chunk in chunks:
        if piece := compressor.compress(chunk):
            yield piece
    yield compressor.flush()


def _compressor(level: int) -> _Compressor:
    """An ISA-L gzip compressor; levels 0 to 3."""
    made: _Compressor = isal_zlib.compressobj(level, isal_zlib.DEFLATED, 31)
    return made


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Stop(Exception):
    pass


def prefetch(chunks: Iterable[bytes], depth: int = 4) -> Iterator[bytes]:
    """`chunks`, made in a thread of its own up to `depth` ahead: overlaps decompression with what the caller does.

    The thread ends when the source does, fails, or the caller closes or drops the iterator.
    """
    items: queue.Queue[bytes | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: bytes | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                items.put(item, timeout=0.2)
                return
            except queue.Full:
                continue
        raise _Stop

    def work() -> None:
        try:
            for chunk in chunks:
                put(chunk)
            put(None)
        except _Stop:
            pass
        except BaseException as error:
            try:
                put(error)
            except _Stop:
                pass

    thread = threading.Thread(target=work, name="images-prefetch", daemon=True)
    thread.start()
    try:
        while (item := items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
