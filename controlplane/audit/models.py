"""An entry is written before the effect, its outcome after it. Neither is ever changed (a trigger refuses it)."""

from __future__ import annotations

from typing import Any

from django.db import models

__all__ = ["AuditEntry", "AuditOutcome"]


class AuditEntry(models.Model):
    """Who asked for what. Names are copied, so that the record stays readable after the objects are gone."""

    organisation_id = models.UUIDField(null=True, db_index=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor_type = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=150)
    method = models.CharField(max_length=16)
    source = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64, db_index=True)
    target_type = models.CharField(max_length=32)
    target_id = models.CharField(max_length=300, blank=True)
    target_name = models.CharField(max_length=300, blank=True)
    host_id = models.UUIDField(null=True)
    host_name = models.CharField(max_length=100, blank=True)
    request_id = models.CharField(max_length=32, blank=True, db_index=True)
    job_id = models.UUIDField(null=True, db_index=True)
    decision = models.CharField(max_length=8)  # allowed | denied
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-id",)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; an entry that exists is never changed."""
        if not self._state.adding:
            raise TypeError("audit entries are append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse."""
        raise TypeError("audit entries are append-only")


class AuditOutcome(models.Model):
    """How what an entry announced ended. At most one per entry; none yet means it is under way or was cut off."""

    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="outcome")
    at = models.DateTimeField(auto_now_add=True)
    result = models.CharField(max_length=16)  # succeeded | failed | cancelled | interrupted
    detail = models.CharField(max_length=500, blank=True)
