"""Names and numbers that STOPSIGNAL takes."""

from __future__ import annotations

import signal

__all__ = ["is_signal"]

_EXTRA = ("CLD", "IOT", "POLL", "STKFLT", "UNUSED", "RTMIN", "RTMAX")
_NAMES = frozenset(name.name.removeprefix("SIG") for name in signal.Signals) | frozenset(_EXTRA)


def is_signal(text: str) -> bool:
    """Whether Docker takes `text` for a signal: a positive number, or a name with or without SIG in any case."""
    if text.lstrip("+-").isdecimal():
        return int(text) > 0
    name = text.upper().removeprefix("SIG")
    if name in _NAMES:
        return True
    for base, sign in (("RTMIN", "+"), ("RTMAX", "-")):
        offset = name.removeprefix(f"{base}{sign}")
        if offset != name and offset.isdecimal():
            return 1 <= int(offset) <= (15 if base == "RTMIN" else 14)
    return False
