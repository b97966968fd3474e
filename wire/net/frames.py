"""The multiplexer's frames on the wire, as a pure codec.

    0      1      2          4                 8                 12
    +------+------+----------+-----------------+-----------------+----------
    | ver  | type |  flags   |    stream id    |     number      | payload
    +------+------+----------+-----------------+-----------------+----------

`number` is the payload's length for DATA, the credit in bytes for WINDOW, an opaque value for PING, a code for GOAWAY
and, with RST, the code of the reset. Only DATA has a payload. All integers are big-endian.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["ACK", "FIN", "HEADER_BYTES", "RST", "SYN", "Code", "Decoder", "Frame", "Kind", "ProtocolError", "pack"]

VERSION: Final = 1
HEADER_BYTES: Final = 12
_HEADER = struct.Struct(">BBHLL")

SYN: Final = 1  # first frame of a stream
ACK: Final = 2  # answer to a PING
FIN: Final = 4  # the sender will write no more (half-close)
RST: Final = 8  # the sender gives the stream up, both directions
_FLAGS: Final = SYN | ACK | FIN | RST


class Kind(enum.IntEnum):
    DATA = 0
    WINDOW = 1
    PING = 2
    GOAWAY = 3


class Code(enum.IntEnum):
    """Why a stream was reset or a session ends."""

    NORMAL = 0  # GOAWAY: drained; RST: the sender lost interest
    REFUSED = 1  # too many streams, or draining
    FLOW_CONTROL = 2  # more bytes than credit
    PROTOCOL = 3  # frames that make no sense
    INTERNAL = 4  # a fault at the sender


class ProtocolError(Exception):
    """The peer sent bytes that no correct peer sends; the session cannot go on."""


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    number: int
    payload: bytes


def pack(kind: int, flags: int, stream: int, number: int) -> bytes:
    """Return the 12 header bytes."""
    return _HEADER.pack(VERSION, kind, flags, stream, number)


class Decoder:
    """Cut a byte stream into frames; keeps at most one incomplete frame between calls.

    A header that is wrong or announces more than `max_payload_bytes` raises ProtocolError before its payload is kept.
    """

    def __init__(self, max_payload_bytes: int) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield every frame that `data` completes."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        view = memoryview(data)
        at, end = 0, len(data)
        unpack, limit = _HEADER.unpack_from, self._max_payload_bytes
        while end - at >= HEADER_BYTES:
            version, kind, flags, stream, number = unpack(data, at)
            if version != VERSION or kind > Kind.GOAWAY or flags & ~_FLAGS:
                raise ProtocolError(f"bad frame header: version {version}, type {kind}, flags {flags:#x}")
            body = at + HEADER_BYTES
            if kind != Kind.DATA:
                at = body
                yield Frame(kind, flags, stream, number, b"")
                continue
            if number > limit:
                raise ProtocolError(f"a frame of {number} bytes; the limit is {limit}")
            if end - body < number:
                break
            at = body + number
            yield Frame(kind, flags, stream, number, bytes(view[body:at]))
        if at < end:
            self._rest = bytes(view[at:])
