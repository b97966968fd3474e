"""Registration of the workloads room."""

from __future__ import annotations

from django.apps import AppConfig


class WorkloadsConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.workloads"
    label = "workloads"
