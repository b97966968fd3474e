"""Time as Docker prints it. Nanoseconds since the epoch inside, RFC 3339 with nanoseconds outside."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from wire.errors import Invalid

__all__ = ["ZERO_TIME", "now_ns", "parse_timestamp", "rfc3339", "rfc3339_nano"]

ZERO_TIME = "0001-01-01T00:00:00Z"

now_ns = time.time_ns


def rfc3339_nano(at_ns: int) -> str:
    """`2026-11-24T17:30:26.984692815Z`; trailing zeros are dropped as Go does, 0 is Go's zero time."""
    if not at_ns:
        return ZERO_TIME
    seconds, rest = divmod(at_ns, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest:09d}".rstrip("0").rstrip(".") + "Z"


def rfc3339(at_ns: int) -> str:
    """To the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ns // 1_000_000_000))


def parse_timestamp(text: str) -> int | None:
    """A `since`/`until` of the API: unix seconds with up to nine decimals, or RFC 3339; None for empty or 0.

    Returns ns. Invalid when it is neither."""
    if not text or text == "0":
        return None
    seconds, dot, fraction = text.partition(".")
    if text.isascii() and seconds.removeprefix("-").isdigit() and (not dot or fraction.isdigit()):
        if not -(2**63) <= int(seconds) < 2**63:
            raise Invalid(f'strconv.ParseInt: parsing "{seconds}": value out of range')
        return int(seconds) * 1_000_000_000 + (int(fraction[:9].ljust(9, "0")) if fraction else 0)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        wrong = fraction if dot and seconds.removeprefix("-").isdigit() else seconds
        raise Invalid(f'strconv.ParseInt: parsing "{wrong}": invalid syntax') from error
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return int(aware.timestamp()) * 1_000_000_000 + aware.microsecond * 1000
