"""Texts as Go's `fmt` prints them, for what Docker writes into history and shows to clients."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

__all__ = ["go_list", "quote", "quote_list", "quote_rune", "rfc3339_nano"]

_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}


def _escaped(char: str, delimiter: str) -> str:
    if char == delimiter:
        return "\\" + char
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable():
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote(text: str) -> str:
    """`%q` of a string."""
    return '"' + "".join(_escaped(char, '"') for char in text) + '"'


def quote_rune(number: int) -> str:
    """`%q` of an integer, which Go takes for a character."""
    return "'" + _escaped(chr(number) if 0 <= number <= 0x10FFFF else "\ufffd", "'") + "'"


def quote_list(items: Iterable[str]) -> str:
    """`%q` of a slice of strings."""
    return "[" + " ".join(quote(item) for item in items) + "]"


def go_list(items: Iterable[str]) -> str:
    """`%v` of a slice of strings."""
    return "[" + " ".join(items) + "]"


def rfc3339_nano(seconds_ns: int) -> str:
    """Nanoseconds since the epoch as Go's RFC3339Nano in UTC: trailing zeros of the fraction are dropped."""
    whole, fraction = divmod(seconds_ns, 1_000_000_000)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"
