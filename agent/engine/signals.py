"""Signal names and numbers as Docker reads them."""

from __future__ import annotations

import re
import signal

from wire.errors import Invalid

__all__ = ["parse_signal", "stop_signal"]

_NUMBERS = {item.name.removeprefix("SIG"): item.value for item in signal.Signals} | {
    "CLD": signal.SIGCHLD,
    "IOT": signal.SIGABRT,
    "POLL": signal.SIGIO,
    "RTMIN": 34,
    "RTMAX": 64,
}
_REALTIME = re.compile(r"RT(MIN\+|MAX-)(\d{1,2})")


def parse_signal(text: str) -> int:
    """Number of `TERM`, `SIGTERM`, `sigterm`, `RTMIN+3` or `15`. Invalid with Docker's text.

    A number is taken as it is, but for 0; whether there is such a signal is asked where it is sent."""
    if re.fullmatch(r"[+-]?[0-9]+", text):
        number = int(text)
        if number == 0:
            raise Invalid(f"invalid signal: {text}")
        return number
    name = text.upper().removeprefix("SIG")
    if (known := _NUMBERS.get(name)) is not None:
        return int(known)
    if (found := _REALTIME.fullmatch(name)) and int(found[2]) < 16:
        return 34 + int(found[2]) if found[1] == "MIN+" else 64 - int(found[2])
    raise Invalid(f"invalid signal: {text}")


def stop_signal(configured: object) -> int:
    """The signal that asks a container to stop; SIGTERM unless its config names another that is known."""
    if isinstance(configured, str) and configured:
        try:
            number = parse_signal(configured)
        except Invalid:
            return signal.SIGTERM
        return number if 0 < number <= 64 else signal.SIGTERM
    return signal.SIGTERM
