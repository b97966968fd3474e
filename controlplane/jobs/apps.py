"""Registration of the jobs room."""

from __future__ import annotations

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.jobs"
    label = "jobs"
