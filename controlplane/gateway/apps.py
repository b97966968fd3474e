"""Registration of the gateway room."""

from __future__ import annotations

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.gateway"
    label = "gateway"
