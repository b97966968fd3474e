"""Registration of the orchestrator room."""

from __future__ import annotations

from django.apps import AppConfig


class OrchestratorConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.orchestrator"
    label = "orchestrator"
