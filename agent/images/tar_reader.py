"""Reading tar: ustar, PAX and GNU headers, long names, extended attributes, sparse files; a stream, never a seek.

Own parser because the standard library's extracts with names it should not trust and loops or misreads on hostile
headers (CVE-2025-4517, -8194, -13462). This one only reads: it never touches a file system, every number is bounded,
and every error knows the byte it was found at. Precedence is that of Go's archive/tar, which wrote most images: PAX
over GNU long names over the header; global PAX headers are ignored as Docker does.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from agent.images.limits import DEFAULT_LIMITS, Limits
from agent.images.sparse import Extent, check_extents, parse_gnu_extents, parse_pax_extents
from wire.errors import Exhausted, Invalid

__all__ = ["BLOCK", "CHAR", "DIRECTORY", "FIFO", "HARDLINK", "REGULAR", "SYMLINK", "TarEntry", "TarReader"]

_log = logging.getLogger(__name__)

BLOCK_BYTES: Final = 512
REGULAR: Final = b"0"
HARDLINK: Final = b"1"
SYMLINK: Final = b"2"
CHAR: Final = b"3"
BLOCK: Final = b"4"
DIRECTORY: Final = b"5"
FIFO: Final = b"6"
_KINDS: Final = {b"\0": REGULAR, b"0": REGULAR, b"7": REGULAR, b"S": REGULAR} | {
    kind: kind for kind in (HARDLINK, SYMLINK, CHAR, BLOCK, DIRECTORY, FIFO)
}
_HEADER: Final = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_ZERO: Final = bytes(BLOCK_BYTES)
_XATTR: Final = "SCHILY.xattr."


class TarEntry:
    """One member. `size_bytes` is that of the file as unpacked; with `extents` the archive holds only those parts."""

    __slots__ = (
        "extents", "gid", "kind", "link", "major", "minor", "mode", "mtime_ns", "name", "position", "size_bytes",
        "stored_bytes", "uid", "xattrs",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: bytes,
        *,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        size_bytes: int = 0,
        mtime_ns: int = 0,
        link: str = "",
        major: int = 0,
        minor: int = 0,
        xattrs: dict[str, bytes] | None = None,
        position: int = 0,
    ) -> None:
        self.name = name
        self.kind = kind
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.size_bytes = size_bytes
        self.stored_bytes = size_bytes
        self.mtime_ns = mtime_ns
        self.link = link
        self.major = major
        self.minor = minor
        self.xattrs = xattrs
        self.extents: list[Extent] | None = None
        self.position = position


class TarReader:
    """Iterate it for entries; between two, `data()` gives the current entry's content. What is not read is skipped.

    `chunks` yields non-empty byte strings of any size. After the end marker the rest of the stream is read and
    dropped, so that whoever hashes it sees all of it. Raises Invalid for what is not tar, Exhausted past `limits`.
    """

    def __init__(self, chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> None:
        self._chunks = iter(chunks)
        self._limits = limits
        self._view = memoryview(b"")
        self._at = 0  # position in _view
        self._before = 0  # bytes of the stream before _view
        self._left = 0  # unread bytes of the current entry's content
        self._padding = 0
        self._entries = 0
        self._total = 0

    @property
    def position(self) -> int:
        return self._before + self._at

    def __iter__(self) -> Iterator[TarEntry]:
        while (entry := self._next()) is not None:
            yield entry
        self._drain()

    def data(self) -> Iterator[memoryview]:
        """Content of the current entry as stored, in pieces that are valid until the next one is asked for."""
        while self._left:
            if self._at == len(self._view) and not self._more():
                raise Invalid("unexpected EOF")
            piece = self._view[self._at : self._at + self._left]
            self._at += len(piece)
            self._left -= len(piece)
            yield piece

    def read_data(self, limit_bytes: int) -> bytes:
        """All content of the current entry. Exhausted when it is longer than `limit_bytes`."""
        if self._left > limit_bytes:
            raise Exhausted(f"archive/tar: entry of {self._left} bytes is larger than the {limit_bytes} allowed")
        return b"".join(self.data())

    # the stream
    def _more(self) -> bool:
        self._before += len(self._view)
        self._at = 0
        for chunk in self._chunks:
            if chunk:
                self._view = memoryview(chunk)
                return True
        self._view = memoryview(b"")
        return False

    def _take(self, size: int) -> bytes:
        """Exactly `size` bytes, or b"" at a clean end of the stream."""
        end = self._at + size
        if end <= len(self._view):
            piece = bytes(self._view[self._at : end])
            self._at = end
            return piece
        parts: list[bytes] = []
        missing = size
        while missing:
            if self._at == len(self._view) and not self._more():
                if missing == size:
                    return b""
                raise Invalid("unexpected EOF")
            piece = bytes(self._view[self._at : self._at + missing])
            self._at += len(piece)
            missing -= len(piece)
            parts.append(piece)
        return b"".join(parts)

    def _skip(self, size: int) -> None:
        while size:
            if self._at == len(self._view) and not self._more():
                raise Invalid("unexpected EOF")
            step = min(size, len(self._view) - self._at)
            self._at += step
            size -= step

    def _drain(self) -> None:
        while self._more():
            pass

    def _bad(self, why: str, position: int) -> Invalid:
        """Clients are told in Docker's words; what was found, and where, is in the log."""
        _log.info("archive.refused: %s at byte %d", why, position)
        return Invalid("archive/tar: invalid tar header", why=why, position=position)

    # headers
    def _next(self) -> TarEntry | None:
        if self._left or self._padding:
            self._skip(self._left)
            self._left = 0
            self._skip_padding()
        pax: dict[str, bytes] = {}
        long_name = long_link = b""
        chain = 0
        while True:
            position = self.position
            block = self._take(BLOCK_BYTES)
            if not block:
                if chain:
                    raise Invalid("unexpected EOF")
                return None
            if block == _ZERO:
                if chain:
                    raise self._bad("end marker after an extended header", position)
                second = self._take(BLOCK_BYTES)
                if second and second != _ZERO:
                    raise self._bad("single zero block", position)
                return None
            kind = self._check(block, position)
            if kind in (b"x", b"X", b"L", b"K", b"g"):
                chain += 1
                if chain > self._limits.metadata_chain:
                    raise self._bad("too many extended headers in a row", position)
                body = self._metadata(block, position)
                if kind == b"L":
                    long_name = body.split(b"\0", 1)[0]
                elif kind == b"K":
                    long_link = body.split(b"\0", 1)[0]
                elif kind != b"g":
                    pax = self._parse_pax(body, position)
                continue
            return self._entry(block, kind, pax, long_name, long_link, position)

    def _check(self, block: bytes, position: int) -> bytes:
        stored = self._number(block[148:156], "checksum", position)
        total = sum(block) - sum(block[148:156]) + 256
        if stored != total:
            # Some old writers summed signed bytes.
            signed = sum(b - 256 if b > 127 else b for b in block[:148] + block[156:]) + 256
            if stored != signed:
                raise self._bad("checksum differs", position)
        return block[156:157]

    def _metadata(self, block: bytes, position: int) -> bytes:
        size = self._number(block[124:136], "size", position)
        if not 0 <= size <= self._limits.metadata_bytes:
            raise self._bad(f"extended header of {size} bytes", position)
        body = self._take(size) if size else b""
        if len(body) != size:
            raise Invalid("unexpected EOF")
        self._padding = -size % BLOCK_BYTES
        self._skip_padding()
        return body

    def _skip_padding(self) -> None:
        padding, self._padding = self._padding, 0
        self._skip(padding)

    def _number(self, field: bytes, what: str, position: int) -> int:
        first = field[0]
        if first & 0x80:  # base-256, two's complement
            value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
            return value - (1 << (8 * len(field) - 1)) if first & 0x40 else value
        text = field.split(b"\0", 1)[0].strip(b" ")
        if not text:
            return 0
        if not text.isdigit() or b"8" in text or b"9" in text:
            raise self._bad(f"{what} is not a number", position)
        return int(text, 8)

    def _parse_pax(self, body: bytes, position: int) -> dict[str, bytes]:
        records: dict[str, bytes] = {}
        sparse: list[bytes] = []
        at = 0
        while at < len(body):
            space = body.find(b" ", at, at + 12)
            digits = body[at:space] if space > 0 else b""
            if not digits.isdigit():
                raise self._bad("malformed PAX record", position)
            end = at + int(digits)
            equals = body.find(b"=", space + 1, end)
            if end > len(body) or equals < 0 or body[end - 1 : end] != b"\n" or equals == space + 1:
                raise self._bad("malformed PAX record", position)
            key = body[space + 1 : equals].decode("utf-8", "surrogateescape")
            value = body[equals + 1 : end - 1]
            if key in ("GNU.sparse.offset", "GNU.sparse.numbytes"):  # format 0.0 repeats them
                sparse.append(value)
            records[key] = value
            at = end
        if sparse:
            records["GNU.sparse.map"] = b",".join(sparse)
        return records

    def _entry(
        self, block: bytes, flag: bytes, pax: dict[str, bytes], long_name: bytes, long_link: bytes, position: int
    ) -> TarEntry:
        (name, mode, uid, gid, size, mtime, _, _, link, magic, version, _, _, major, minor, prefix) = _HEADER.unpack(
            block
        )
        kind = _KINDS.get(flag)
        if kind is None:
            raise Invalid(f"unhandled tar header type {flag[0]} at byte {position}")
        name = name.split(b"\0", 1)[0]
        if magic == b"ustar\0" and version != b" \0" and prefix[0]:
            name = prefix.split(b"\0", 1)[0] + b"/" + name
        name = pax.get("path") or long_name or name
        link = pax.get("linkpath") or long_link or link.split(b"\0", 1)[0]
        if b"\0" in name or b"\0" in link:
            raise self._bad("NUL in a name", position)
        if len(name) > self._limits.name_bytes or len(link) > self._limits.name_bytes:
            raise self._bad("name is too long", position)
        if flag in (b"\0", b"0") and name.endswith(b"/"):
            kind = DIRECTORY
        number = self._number
        entry = TarEntry(
            os.fsdecode(name),
            kind,
            mode=number(mode, "mode", position) & 0o7777,
            uid=self._pax_int(pax, "uid", position) if "uid" in pax else number(uid, "uid", position),
            gid=self._pax_int(pax, "gid", position) if "gid" in pax else number(gid, "gid", position),
            mtime_ns=self._pax_time(pax["mtime"], position)
            if pax.get("mtime")
            else number(mtime, "mtime", position) * 1_000_000_000,
            link=os.fsdecode(link),
            position=position,
        )
        if kind in (CHAR, BLOCK):
            entry.major = number(major, "device", position)
            entry.minor = number(minor, "device", position)
        if not (0 <= entry.uid < 0xFFFF_FFFF and 0 <= entry.gid < 0xFFFF_FFFF):
            raise self._bad("owner is out of range", position)
        if not -(1 << 63) < entry.mtime_ns < 1 << 63:
            raise self._bad("time is out of range", position)
        if pax:
            xattrs = {key[len(_XATTR) :]: value for key, value in pax.items() if key.startswith(_XATTR)}
            entry.xattrs = xattrs or None
        stored = self._pax_int(pax, "size", position) if "size" in pax else number(size, "size", position)
        self._set_size(entry, kind, flag, stored, pax, block, position)
        return entry

    def _set_size(
        self,
        entry: TarEntry,
        kind: bytes,
        flag: bytes,
        stored: int,
        pax: dict[str, bytes],
        block: bytes,
        position: int,
    ) -> None:
        if stored < 0:
            raise self._bad("negative size", position)
        self._entries += 1
        if self._entries > self._limits.entries:
            raise Exhausted(f"archive/tar: more than {self._limits.entries} entries")
        if kind != REGULAR:
            # Only regular files have content; the size old writers gave to hard links is not followed by any.
            return
        if stored > self._limits.entry_bytes:
            raise Exhausted(f"archive/tar: entry of {stored} bytes at byte {position} is larger than allowed")
        self._left = stored
        self._padding = -stored % BLOCK_BYTES
        entry.stored_bytes = entry.size_bytes = stored
        extents: list[Extent] | None = None
        if flag == b"S":
            extents, entry.size_bytes = parse_gnu_extents(
                block, lambda: self._take(BLOCK_BYTES), lambda f: self._number(f, "sparse map", position), self._limits
            )
        elif any(key.startswith("GNU.sparse.") for key in pax):
            extents, entry.size_bytes, name = parse_pax_extents(pax, self._sparse_line, self._limits)
            entry.name = name or entry.name
            if pax.get("GNU.sparse.major") == b"1":
                self._end_sparse_map()
                entry.stored_bytes = self._left
        if extents is not None:
            check_extents(extents, entry.size_bytes, entry.stored_bytes, position)
            if entry.size_bytes > self._limits.entry_bytes:
                raise Exhausted(
                    f"archive/tar: entry of {entry.size_bytes} bytes at byte {position} is larger than allowed"
                )
            entry.extents = extents
        self._total += entry.size_bytes
        if self._total > self._limits.total_bytes:
            raise Exhausted(f"archive/tar: more than {self._limits.total_bytes} bytes of content")

    # PAX 1.0 keeps the sparse map, as decimal lines, in front of the content and pads it to a block.
    _map_bytes = 0

    def _sparse_line(self) -> bytes:
        line = bytearray()
        while len(line) < 24:
            if not self._left:
                raise Invalid("unexpected EOF")
            byte = self._take(1)
            if not byte:
                raise Invalid("unexpected EOF")
            self._left -= 1
            self._map_bytes += 1
            if byte == b"\n":
                return bytes(line)
            line += byte
        raise self._bad("sparse map", self.position)

    def _end_sparse_map(self) -> None:
        rest = -self._map_bytes % BLOCK_BYTES
        self._map_bytes = 0
        if rest > self._left:
            raise self._bad("sparse map", self.position)
        self._skip(rest)
        self._left -= rest

    def _pax_int(self, pax: dict[str, bytes], key: str, position: int) -> int:
        text = pax[key]
        if not text.isdigit() or len(text) > 20:
            raise self._bad(f"PAX {key} is not a number", position)
        return int(text)

    def _pax_time(self, text: bytes, position: int) -> int:
        whole, _, fraction = text.partition(b".")
        digits = whole.removeprefix(b"-")
        if not digits.isdigit() or len(digits) > 12 or (fraction and not fraction.isdigit()):
            raise self._bad("PAX mtime is not a number", position)
        ns = int(digits) * 1_000_000_000 + int((fraction + b"000000000")[:9])
        return -ns if whole.startswith(b"-") else ns
