"""Reactions to what the gateway hears of hosts. Each may be called again with the same news."""

from __future__ import annotations

from controlplane.gateway.observation import HostNews, HostObjects, HostSnapshot
from controlplane.workloads.actions import apply_news, replace_all, replace_objects

__all__ = ["on_news", "on_objects", "on_snapshot"]


def on_snapshot(event: HostSnapshot) -> None:
    """Mirror a whole host."""
    replace_all(event.host_id, event.state)


def on_news(event: HostNews) -> None:
    """Mirror numbered changes."""
    apply_news(event.host_id, event.lines)


def on_objects(event: HostObjects) -> None:
    """Mirror one kind of object."""
    replace_objects(event.host_id, event.kind, event.items)
