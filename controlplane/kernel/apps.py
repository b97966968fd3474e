"""Registration of the kernel room."""

from __future__ import annotations

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.kernel"
    label = "kernel"
