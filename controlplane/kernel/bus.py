"""News inside one process: typed events, handlers connected in a room's `apps.py`.

This is how news goes upward: the gateway publishes, `workloads` listens, and neither imports the other. Handlers run
in the publisher's thread, in the order they were connected; one that fails is logged and does not stop the next.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["publish", "subscribe"]

logger = logging.getLogger(__name__)
E = TypeVar("E")
_handlers: dict[type[Any], list[Callable[[Any], None]]] = defaultdict(list)


def subscribe(kind: type[E], handler: Callable[[E], None]) -> None:
    """Call `handler` for every published event of exactly `kind`. Connecting twice calls it once."""
    if handler not in _handlers[kind]:
        _handlers[kind].append(handler)


def publish(event: object) -> None:
    """Hand `event` to its handlers, in this thread."""
    for handler in _handlers[type(event)]:
        try:
            handler(event)
        except Exception:
            logger.exception("bus.handler_failed event=%s handler=%s", type(event).__name__, handler)
