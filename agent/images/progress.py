"""Docker's progress lines: the exact words, and the bar and numbers older clients print as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from agent.ports.images import Progress

__all__ = ["Emit", "Meter", "aux", "from_thread", "human_size", "message", "status", "transfer"]

Emit = Callable[[Progress], None]
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_BAR: Final = 50
_EVERY_S: Final = 0.1


def message(text: str, id: str = "") -> Progress:
    """A line that is about no transfer."""
    return {"status": text, "id": id} if id else {"status": text}


def status(id: str, action: str) -> Progress:
    """A state of one layer."""
    return {"status": action, "progressDetail": {}, "id": id}


def transfer(id: str, action: str, current: int, total: int) -> Progress:
    """How far one layer is, in bytes; `total` 0 when it is not known."""
    detail = {"current": current, "total": total} if total > 0 else {"current": current}
    return {"status": action, "progressDetail": detail, "progress": _bar(current, total), "id": id}


def aux(value: dict[str, object]) -> Progress:
    """What a program reads and a person is not shown."""
    return {"progressDetail": {}, "aux": value}


def human_size(size: int) -> str:
    """Decimal units with four significant digits, as Docker's go-units prints them."""
    value = float(size)
    unit = 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value /= 1000
        unit += 1
    return f"{value:.4g}{_UNITS[unit]}"


def _bar(current: int, total: int) -> str:
    if total <= 0:
        return f"{human_size(current):>8}"
    if current > total:
        return f"{human_size(current):>8}"
    done = min(int(current / total * 100) // 2, _BAR)
    return f"[{'=' * done}>{' ' * (_BAR - done)}] {human_size(current):>8}/{human_size(total)}"


def from_thread(emit: Emit) -> Emit:
    """`emit`, callable from another thread. Made on the event loop."""
    loop = asyncio.get_running_loop()

    def hand_on(line: Progress) -> None:
        loop.call_soon_threadsafe(emit, line)

    return hand_on


class Meter:
    """Progress of one transfer, told at most every 100 ms. Safe to use from a thread when `emit` is."""

    def __init__(self, emit: Emit, id: str, action: str, total: int) -> None:
        self._emit = emit
        self._id = id
        self._action = action
        self._total = total
        self._next = 0.0
        self.current = 0

    def add(self, size: int) -> None:
        self.current += size
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY_S
            self._emit(transfer(self._id, self._action, self.current, self._total))

    def reset(self) -> None:
        self.current = 0
