"""How long to wait before dialling again: exponential, with jitter, so that a fleet does not return as one wave."""

from __future__ import annotations

import random

__all__ = ["Backoff"]


class Backoff:
    """Give delays. The first after a link that had stood is short; each further failure doubles it up to `limit_s`."""

    def __init__(self, *, first_s: float = 0.5, limit_s: float = 30.0, source: random.Random | None = None) -> None:
        self._first_s = first_s
        self._limit_s = limit_s
        self._random = source or random.SystemRandom()
        self._failures = 0

    def next_s(self) -> float:
        """Return the next delay in seconds: between half and all of the present step."""
        step_s: float = min(self._limit_s, self._first_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return step_s * self._random.uniform(0.5, 1)

    def reset(self) -> None:
        """Begin again: the link had stood for a while."""
        self._failures = 0
