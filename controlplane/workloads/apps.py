"""Registration of the workloads room."""

from __future__ import annotations

from django.apps import AppConfig


class WorkloadsConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.workloads"
    label = "workloads"

    def ready(self) -> None:
        """Listen to what the gateway hears of hosts."""
        from controlplane.gateway.observation import HostNews, HostObjects, HostSnapshot
        from controlplane.kernel.bus import subscribe
        from controlplane.kernel.tasks import CleaningTime
        from controlplane.workloads.actions import forget_removed_hosts
        from controlplane.workloads.handlers import on_news, on_objects, on_snapshot
        from controlplane.workloads.terminals import forget_old_tickets

        subscribe(HostSnapshot, on_snapshot)
        subscribe(HostNews, on_news)
        subscribe(HostObjects, on_objects)
        subscribe(CleaningTime, lambda _: forget_old_tickets())
        subscribe(CleaningTime, lambda _: forget_removed_hosts())
