"""Registration of the audit room."""

from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.audit"
    label = "audit"
