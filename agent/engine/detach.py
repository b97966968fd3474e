"""Detach keys: the sequence by which an attached client lets go (`ctrl-p,ctrl-q`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from wire.errors import Invalid

__all__ = ["DEFAULT_KEYS", "DetachKeys", "parse_keys", "until_detached"]

DEFAULT_KEYS: Final = b"\x10\x11"
_CONTROL: Final = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_keys(text: str) -> bytes:
    """`ctrl-p,ctrl-q`, `a`, `DEL` as bytes; empty is Docker's default. Invalid with Docker's text."""
    if not text:
        return DEFAULT_KEYS
    keys = bytearray()
    for key in text.split(","):
        if key.startswith("ctrl-") and len(key) == 6:
            letter = key[5]
            if "a" <= letter <= "z":
                keys.append(ord(letter) - 96)
                continue
            if letter in _CONTROL:
                keys.append(_CONTROL[letter])
                continue
        elif key == "DEL":
            keys.append(127)
            continue
        elif len(key.encode()) == 1:
            keys += key.encode()
            continue
        raise Invalid(f"Invalid detach keys ({text}) provided")
    return bytes(keys)


class DetachKeys:
    """Finds the sequence in a client's input, over chunk borders. A begun sequence is held back until it fails."""

    def __init__(self, keys: bytes = DEFAULT_KEYS) -> None:
        self._keys = keys
        self._seen = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """(bytes to pass on, whether the sequence is complete). What follows the sequence is dropped."""
        if not self._keys or (not self._seen and self._keys[0] not in data):
            return data, False
        passed = bytearray()
        for byte in data:
            if byte == self._keys[self._seen]:
                self._seen += 1
                if self._seen == len(self._keys):
                    self._seen = 0
                    return bytes(passed), True
                continue
            passed += self._keys[: self._seen]
            self._seen = 0
            if byte == self._keys[0]:
                self._seen = 1
            else:
                passed.append(byte)
        return bytes(passed), False


async def until_detached(
    source: AsyncIterator[tuple[int, bytes]], detached: asyncio.Event
) -> AsyncGenerator[tuple[int, bytes]]:
    """What `source` yields, until it ends or `detached` is set, whichever comes first."""
    letting_go = asyncio.ensure_future(detached.wait())
    try:
        while not detached.is_set():
            step = asyncio.ensure_future(anext(source, None))
            await asyncio.wait((step, letting_go), return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                step.cancel()
                return
            item = step.result()
            if item is None:
                return
            yield item
    finally:
        letting_go.cancel()
