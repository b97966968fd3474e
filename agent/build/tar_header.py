"""One 512-byte tar header block, decoded: ustar, GNU and old tar (POSIX pax(1), GNU tar's manual)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["BLOCK_BYTES", "BadHeader", "TarHeader", "parse_header"]

BLOCK_BYTES = 512
_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_USTAR = b"ustar\x00"


class BadHeader(ValueError):
    """The block is no header."""


@dataclass(slots=True)
class TarHeader:
    """The fields as they are written; `name` keeps the slash that marks a directory, `mode` all of its bits."""

    name: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    type: bytes
    linkname: str
    uname: str
    gname: str
    devmajor: int
    devminor: int


def parse_header(block: bytes) -> TarHeader:
    """Decode a block that is not all zeros. Raises BadHeader when its checksum or a number is wrong."""
    (name, mode, uid, gid, size, mtime, checksum, kind, link, magic, uname, gname, major, minor, prefix) = (
        _FIELDS.unpack(block)
    )
    # Bytes of the checksum itself count as blanks.
    if _number(checksum) != sum(block) - sum(checksum) + 256:
        raise BadHeader("checksum")
    path = _text(name)
    if magic[:6] == _USTAR and prefix[0]:
        path = f"{_text(prefix)}/{path}"
    return TarHeader(
        path,
        _number(mode),
        _number(uid),
        _number(gid),
        _number(size),
        _number(mtime),
        kind,
        _text(link),
        _text(uname),
        _text(gname),
        _number(major),
        _number(minor),
    )


def _text(field: bytes) -> str:
    end = field.find(b"\0")
    return (field if end < 0 else field[:end]).decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """Octal digits, or GNU's binary form when the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big") | (field[0] & 0x7F) << 8 * (len(field) - 1)
        return value - (1 << 8 * len(field) - 1) if field[0] & 0x40 else value
    digits = field.rstrip(b"\0 ").lstrip(b" ")
    end = digits.find(b"\0")
    if end >= 0:
        digits = digits[:end]
    if not digits:
        return 0
    try:
        return int(digits, 8)
    except ValueError:
        raise BadHeader("number") from None
