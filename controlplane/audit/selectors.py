"""Reads of the record."""

from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet

from controlplane.audit.models import AuditEntry

__all__ = ["list_entries"]


def list_entries(organisation_id: uuid.UUID, *, q: str = "", action: str = "", actor: str = "") -> QuerySet[AuditEntry]:
    """Return the organisation's entries with their outcomes, newest first."""
    query = AuditEntry.objects.filter(organisation_id=organisation_id).select_related("outcome")
    if action:
        query = query.filter(action=action)
    if actor:
        query = query.filter(actor_name=actor)
    if q:
        query = query.filter(
            Q(target_name__icontains=q) | Q(target_id__icontains=q) | Q(actor_name__icontains=q) | Q(request_id=q)
        )
    return query.order_by("-id")
