"""Write and read signs of life."""

from __future__ import annotations

from controlplane.kernel.clock import now
from controlplane.kernel.models import Heartbeat

__all__ = ["age_s", "beat"]


def beat(name: str) -> None:
    """Show that `name` is alive."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now()})


def age_s(name: str) -> float | None:
    """Return how many seconds ago `name` was last seen; None: never."""
    row = Heartbeat.objects.filter(pk=name).first()
    return (now() - row.at).total_seconds() if row is not None else None
