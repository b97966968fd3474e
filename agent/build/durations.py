"""Durations as Go writes and reads them (`1m30s`, `250ms`)."""

from __future__ import annotations

import re
from decimal import Decimal

__all__ = ["format_duration", "parse_duration_ns"]

_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_TERM = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse_duration_ns(text: str) -> int:
    """Return nanoseconds. Raises ValueError in Go's words."""
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return 0
    position, total = 0, Decimal(0)
    while position < len(body):
        match = _TERM.match(body, position)
        if match is None:
            if re.fullmatch(r"\d+\.?\d*|\.\d+", body[position:]):
                raise ValueError(f'time: missing unit in duration "{text}"')
            raise ValueError(f'time: invalid duration "{text}"')
        total += Decimal(match[1]) * _UNITS_NS[match[2]]
        position = match.end()
    if not position:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * int(total)


def format_duration(nanoseconds: int) -> str:
    """As Go's Duration.String: `0s`, `1.5ms`, `1m0s`, `2h0m0s`."""
    if nanoseconds == 0:
        return "0s"
    sign, left = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if left < 10**9:
        unit, size = ("ns", 1) if left < 10**3 else ("µs", 10**3) if left < 10**6 else ("ms", 10**6)
        return f"{sign}{_decimal(left, size)}{unit}"
    minutes, rest = divmod(left, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 10**9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(value: int, size: int) -> str:
    whole, fraction = divmod(value, size)
    if not fraction:
        return str(whole)
    return f"{whole}.{str(fraction).rjust(len(str(size)) - 1, '0').rstrip('0')}"
