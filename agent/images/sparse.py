"""Sparse file maps in tar: the old GNU header and the three PAX forms (0.0, 0.1, 1.0) of GNU tar."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.images.limits import Limits
from wire.errors import Exhausted, Invalid

__all__ = ["Extent", "check_extents", "parse_gnu_extents", "parse_pax_extents"]

Extent = tuple[int, int]
"""Offset in the file, length; between extents the file reads as zero."""


def parse_gnu_extents(
    block: bytes, next_block: Callable[[], bytes], number: Callable[[bytes], int], limits: Limits
) -> tuple[list[Extent], int]:
    """Map and real size of a type `S` entry: four pairs in the header, 21 in each extension block that follows it."""
    real_size = number(block[483:495])
    extents: list[Extent] = []
    pairs, extended = block[386:482], block[482]
    while True:
        for at in range(0, len(pairs), 24):
            if not pairs[at] and not any(pairs[at : at + 24]):
                break
            extents.append((number(pairs[at : at + 12]), number(pairs[at + 12 : at + 24])))
        if len(extents) > limits.sparse_extents:
            raise Exhausted("archive/tar: sparse map is too long")
        if not extended:
            return extents, real_size
        more = next_block()
        if not more:
            raise Invalid("unexpected EOF")
        pairs, extended = more[:504], more[504]


def parse_pax_extents(
    pax: Mapping[str, bytes], next_line: Callable[[], bytes], limits: Limits
) -> tuple[list[Extent] | None, int, str]:
    """Map, real size and name of a PAX sparse entry; `next_line` reads format 1.0's map from the content."""
    name = pax.get("GNU.sparse.name", b"").decode("utf-8", "surrogateescape")
    size_text = pax.get("GNU.sparse.realsize") or pax.get("GNU.sparse.size") or b""
    if pax.get("GNU.sparse.major") == b"1":
        count = _decimal(next_line())
        if count > limits.sparse_extents:
            raise Exhausted("archive/tar: sparse map is too long")
        extents = [(_decimal(next_line()), _decimal(next_line())) for _ in range(count)]
        return extents, _decimal(size_text), name
    if "GNU.sparse.map" not in pax:
        raise Invalid("archive/tar: invalid sparse map")
    numbers = [_decimal(text) for text in pax["GNU.sparse.map"].split(b",")] if pax["GNU.sparse.map"] else []
    if len(numbers) % 2:
        raise Invalid("archive/tar: invalid sparse map")
    return list(zip(numbers[::2], numbers[1::2], strict=True)), _decimal(size_text), name


def check_extents(extents: list[Extent], real_size: int, stored: int, position: int) -> None:
    """Refuse a map that overlaps, runs backwards, leaves the file or disagrees with what is stored."""
    end = total = 0
    for offset, length in extents:
        if offset < end or length < 0 or offset + length > real_size:
            raise Invalid(f"archive/tar: invalid sparse map at byte {position}")
        end = offset + length
        total += length
    if real_size < 0 or total != stored:
        raise Invalid(f"archive/tar: invalid sparse map at byte {position}")


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise Invalid("archive/tar: invalid sparse map")
    return int(text)
