"""Registration of the fleet room."""

from __future__ import annotations

from django.apps import AppConfig


class FleetConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.fleet"
    label = "fleet"
