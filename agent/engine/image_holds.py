"""Images that work in progress stands on: prunes, and the removal of parents, leave them alone.

A build's steps are images without a name that no container may be using just then; they must still be there when the
next step begins. Holds live as long as the agent: after a kill the build is gone with them.
"""

from __future__ import annotations

import math
import time
from collections import Counter

__all__ = ["ImageHold", "ImageHolds"]


class ImageHold:
    """The images of one piece of work. Its owner closes it at the end."""

    def __init__(self, held: Counter[str], opened: dict[ImageHold, float]) -> None:
        self._held = held
        self._opened = opened
        self._own: set[str] = set()
        opened[self] = time.time()

    def add(self, image_id: str) -> None:
        """Keep an image until `close`. Safe to repeat; "" is no image."""
        if image_id and image_id not in self._own:
            self._own.add(image_id)
            self._held[image_id] += 1

    def close(self) -> None:
        """Let go of them all. Safe to repeat."""
        for image_id in self._own:
            self._held[image_id] -= 1
            if not self._held[image_id]:
                del self._held[image_id]
        self._own.clear()
        self._opened.pop(self, None)


class ImageHolds:
    """All holds of the agent."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._opened: dict[ImageHold, float] = {}

    def open(self) -> ImageHold:
        return ImageHold(self._held, self._opened)

    @property
    def since(self) -> float:
        """When the oldest work in progress began, in seconds since the epoch: an image made after that may be one which
        its maker has not been told of yet, and so has not held."""
        return min(self._opened.values(), default=math.inf)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._held
