"""Registration of the engine_api room."""

from __future__ import annotations

from django.apps import AppConfig


class EngineApiConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.engine_api"
    label = "engine_api"
