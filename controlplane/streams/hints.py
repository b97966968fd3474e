"""Fan hints out to this process's dashboards. A slow viewer's hints collapse: each names an object to fetch again."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from controlplane.kernel.news import Hint

__all__ = ["HintHub", "Subscription", "hub"]

SHOWN_TYPES = frozenset({"container", "host", "job", "image", "network", "volume"})
BROWSER_TYPES = SHOWN_TYPES | {"host_removed"}
LIMIT = 500


class Subscription:
    """One viewer's pending hints, at most one per object; beyond a limit, one per type without an id: all of it."""

    def __init__(self) -> None:
        self._pending: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._came = asyncio.Event()

    def put(self, key: tuple[Any, ...], hint: dict[str, Any]) -> None:
        """Add a hint, replacing an older one about the same object."""
        if len(self._pending) >= LIMIT:
            self.put_all(hint["version"])
        else:
            self._pending[key] = hint
            self._came.set()

    def put_all(self, version: int) -> None:
        """Everything may have changed."""
        self._pending = {
            (kind,): {"type": kind, "host": None, "id": None, "version": version} for kind in sorted(SHOWN_TYPES)
        }
        self._came.set()

    async def take(self) -> list[dict[str, Any]]:
        """Wait for hints and return them all."""
        await self._came.wait()
        self._came.clear()
        hints, self._pending = list(self._pending.values()), {}
        return hints


class HintHub:
    """One per process; `on_hint` is connected to its hint listener."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._job_watchers: dict[str, set[asyncio.Event]] = {}
        self._versions = itertools.count(1)

    def subscribe(self) -> Subscription:
        """Return a new subscription; `unsubscribe` it."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget it."""
        self._subscriptions.discard(subscription)

    def watch_job(self, job_id: str, event: asyncio.Event) -> None:
        """Set `event` whenever the job or its output changes."""
        self._job_watchers.setdefault(job_id, set()).add(event)

    def unwatch_job(self, job_id: str, event: asyncio.Event) -> None:
        """Forget it."""
        watchers = self._job_watchers.get(job_id, set())
        watchers.discard(event)
        if not watchers:
            self._job_watchers.pop(job_id, None)

    def on_hint(self, hint: Hint | None) -> None:
        """Hand a hint on; after a reconnection (None) everything may have changed."""
        version = next(self._versions)
        if hint is None:
            for subscription in self._subscriptions:
                subscription.put_all(version)
            for events in self._job_watchers.values():
                for event in events:
                    event.set()
            return
        kind = hint.get("type")
        if kind in ("job", "job_output"):
            for event in self._job_watchers.get(str(hint.get("id")), ()):
                event.set()
        if kind not in BROWSER_TYPES:
            return
        shown = {
            "type": "host" if kind == "host_removed" else kind,
            "host": hint.get("host"),
            "id": hint.get("id"),
            "version": version,
        }
        for subscription in self._subscriptions:
            subscription.put((kind, hint.get("host"), hint.get("id")), shown)


_hub = HintHub()


def hub() -> HintHub:
    """Return this process's hub."""
    return _hub
