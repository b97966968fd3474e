"""A context that came compressed, as plain bytes: gzip, bzip2, xz or zstd told by their first bytes, always bounded.

Never by a program: nothing that a context holds is ever run to read it.
"""

from __future__ import annotations

import bz2
import io
import lzma
from collections.abc import Iterable, Iterator
from typing import IO, Protocol, cast

import zstandard
from isal import igzip_lib

from wire.errors import Exhausted, Internal

__all__ = ["decompress", "is_compressed"]

_PIECE_BYTES = 1 << 20
_RATIO_MAX = 1_100
_RATIO_FREE_BYTES = 1 << 30
_MAGIC_BYTES = 6
_MAGICS = ((b"\x1f\x8b\x08", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))

_DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    OSError,
    ValueError,
    lzma.LZMAError,
    zstandard.ZstdError,
    cast(type[Exception], igzip_lib.IsalError),  # isal's own stubs call the class an instance
)


class _Decoder(Protocol):
    """What the three incremental decoders share."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def is_compressed(head: bytes) -> str:
    """The format that `head` begins (six bytes are enough), "" for none of ours."""
    return next((name for magic, name in _MAGICS if head.startswith(magic)), "")


def decompress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Plain bytes of `chunks`; as they are when not compressed. Raises Internal for damage, Exhausted for a bomb."""
    source = iter(chunks)
    head = b""
    while len(head) < _MAGIC_BYTES and (chunk := next(source, b"")):
        head += chunk
    kind = is_compressed(head)
    if not kind:
        if head:
            yield head
        yield from source
        return
    made = read = 0
    try:
        for taken, piece in _zstd(head, source) if kind == "zstd" else _members(kind, head, source):
            read += taken
            made += len(piece)
            if made > _RATIO_FREE_BYTES and made > _RATIO_MAX * max(read, 1):
                raise Exhausted(f"the {kind} stream expands to more than is allowed")
            if piece:
                yield piece
    except _DAMAGE as error:
        raise Internal(f"{kind}: invalid data: {error}") from error


def _decoder(kind: str) -> _Decoder:
    decoder: _Decoder
    if kind == "gzip":
        decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    elif kind == "bzip2":
        decoder = bz2.BZ2Decompressor()
    else:
        decoder = lzma.LZMADecompressor(memlimit=256 << 20)
    return decoder


def _members(kind: str, head: bytes, source: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Members of the stream one after another; zeros after the last are allowed."""
    data = head
    while data:
        decoder, taken = _decoder(kind), len(data)
        while not decoder.eof:
            piece = decoder.decompress(data, _PIECE_BYTES)
            yield taken, piece
            data, taken = b"", 0
            if decoder.needs_input and not decoder.eof:
                data = next(source, b"")
                taken = len(data)
                if not data:
                    raise EOFError("unexpected EOF")
        data = decoder.unused_data
        while not data.strip(b"\0"):
            data = next(source, b"")
            if not data:
                return
        data = data.lstrip(b"\0")


class _Chunks(io.RawIOBase):
    """A file-like view of chunks, counting what was taken."""

    def __init__(self, head: bytes, source: Iterator[bytes]) -> None:
        super().__init__()
        self._rest = head
        self._source = source
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._rest or next(self._source, b"")
        self._rest = b""
        if 0 <= size < len(piece):
            piece, self._rest = piece[:size], piece[size:]
        self.taken += len(piece)
        return piece


def _zstd(head: bytes, source: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    chunks = _Chunks(head, source)
    reader = zstandard.ZstdDecompressor(max_window_size=128 << 20).stream_reader(
        cast(IO[bytes], chunks), read_across_frames=True
    )
    counted = 0
    while piece := reader.read(_PIECE_BYTES):
        yield chunks.taken - counted, piece
        counted = chunks.taken
