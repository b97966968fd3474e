"""Docker's multiplexed stream framing (Engine API, `ContainerAttach`): 8-byte header, then the payload.

Header: stream number (0 stdin, 1 stdout, 2 stderr), three zero bytes, payload length as 32-bit big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["STDERR", "STDIN", "STDOUT", "Decoder", "frame"]

STDIN, STDOUT, STDERR = 0, 1, 2
_HEADER = struct.Struct(">BxxxL")


def frame(stream: int, payload: bytes) -> bytes:
    """Return `payload` framed for `stream`."""
    return _HEADER.pack(stream, len(payload)) + payload


class Decoder:
    """Split a multiplexed byte stream into (stream, payload) pairs; keeps incomplete frames between calls."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Add `data` and yield every frame that is complete."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            stream, length = _HEADER.unpack_from(self._buffer)
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield stream, payload
