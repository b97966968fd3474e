"""Registration of the gateway room."""

from __future__ import annotations

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.gateway"
    label = "gateway"

    def ready(self) -> None:
        """Offer the runner of engine requests to the jobs room."""
        from controlplane.gateway.runner import run_engine_request
        from controlplane.jobs.runners import register

        register("engine", run_engine_request)
