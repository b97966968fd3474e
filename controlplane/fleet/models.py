"""Hosts and how they come and go. The gateway writes what it observes (`link*`, `facts`, `usage`, `findings`); people
write names, labels and `schedulable`."""

from __future__ import annotations

import uuid

from django.db import models

from controlplane.fleet.choices import Link

__all__ = ["Enrolment", "GatewayLease", "Host", "LinkEvent"]


class Host(models.Model):
    """One machine with an agent. A removed host keeps its row (records name it) and loses its credential."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="hosts")
    name = models.CharField(max_length=63)
    credential_digest = models.CharField(max_length=64, unique=True, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)
    labels = models.JSONField(default=dict)
    schedulable = models.BooleanField(default=True)

    link = models.CharField(max_length=8, choices=Link.choices, default=Link.NEVER)
    link_since = models.DateTimeField(auto_now_add=True)
    link_epoch = models.BigIntegerField(default=0)  # of the gateway that holds (held) the tunnel
    last_seen_at = models.DateTimeField(null=True)
    version = models.CharField(max_length=64, blank=True)
    runtime = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict)  # os, kernel, cpus, memory_bytes, …: changes seldom
    usage = models.JSONField(default=dict)  # memory_used_bytes, cpu_percent, disk_…: changes always
    findings = models.JSONField(default=list)  # of the agent's doctor

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organisation", "name"), condition=models.Q(removed_at=None), name="one_live_host_per_name"
            ),
        )


class LinkEvent(models.Model):
    """One change of a host's link, for the history bar."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="link_events")
    at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=8)
    detail = models.CharField(max_length=300, blank=True)


class Enrolment(models.Model):
    """Permission for one machine to join: single use, expiring. `problem` is why the last attempt was refused."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=63, blank=True)
    labels = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    host = models.ForeignKey(Host, null=True, on_delete=models.SET_NULL, related_name="enrolments")
    problem = models.CharField(max_length=300, blank=True)


class GatewayLease(models.Model):
    """Who is the gateway: the epoch fences a gateway that was replaced; `renewed_at` shows that it lives. One row."""

    epoch = models.BigIntegerField(default=0)
    renewed_at = models.DateTimeField(null=True)
