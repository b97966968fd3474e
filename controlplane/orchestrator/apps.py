"""Registration of the orchestrator room."""

from __future__ import annotations

from django.apps import AppConfig


class OrchestratorConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.orchestrator"
    label = "orchestrator"

    def ready(self) -> None:
        """Offer the runners of composite jobs to the jobs room."""
        from controlplane.jobs.runners import register
        from controlplane.orchestrator.runners import run_container, run_pull

        register("container.run", run_container)
        register("image.pull", run_pull)
