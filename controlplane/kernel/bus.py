"""News inside one process: typed events, handlers connected in a room's `apps.py`.

This is how news goes upward: the gateway publishes, `workloads` listens, and neither imports the other. Handlers run
in the publisher's thread, in the order they were connected. One that fails does not keep the next from running, but the
publisher learns of it: news that was not taken in must be told again.
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
    """Hand `event` to its handlers, in this thread. Raises the first handler's failure after all have run."""
    failure: Exception | None = None
    for handler in _handlers[type(event)]:
        try:
            handler(event)
        except Exception as error:
            logger.warning("bus.handler_failed event=%s handler=%s", type(event).__name__, handler)
            failure = failure or error
    if failure is not None:
        raise failure
