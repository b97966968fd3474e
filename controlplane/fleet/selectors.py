"""Reads of hosts, and what their stored link means now."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db.models import QuerySet

from controlplane.fleet.choices import HostState, Link
from controlplane.fleet.models import Enrolment, GatewayLease, Host
from controlplane.kernel.clock import now
from controlplane.kernel.secrets import digest_of
from wire.errors import NotFound

__all__ = [
    "find_host_by_credential", "gateway_silent_since", "get_enrolment", "get_host", "get_host_by_name", "list_hosts",
    "state_of",
]  # fmt: skip

GATEWAY_SILENT_AFTER = timedelta(seconds=10)
_ERROR_SEVERITIES = {"error", "critical", "fail"}


def list_hosts(organisation_id: uuid.UUID) -> QuerySet[Host]:
    """Return the organisation's hosts by name, without the removed ones."""
    return Host.objects.filter(organisation_id=organisation_id, removed_at=None).order_by("name")


def get_host(organisation_id: uuid.UUID, ref: str | uuid.UUID) -> Host:
    """Return the host with that id or name. Raises NotFound."""
    query = list_hosts(organisation_id)
    try:
        host = query.filter(pk=ref if isinstance(ref, uuid.UUID) else uuid.UUID(ref)).first()
    except ValueError:
        host = None
    host = host or query.filter(name=str(ref)).first()
    if host is None:
        raise NotFound(f"No such host: {ref}")
    return host


def get_host_by_name(organisation_id: uuid.UUID, name: str) -> Host:
    """Return the host called `name`. Raises NotFound."""
    host = list_hosts(organisation_id).filter(name=name).first()
    if host is None:
        raise NotFound(f"No such host: {name}")
    return host


def find_host_by_credential(credential: str) -> Host | None:
    """Return the host that proves itself with `credential`, if any."""
    return Host.objects.filter(credential_digest=digest_of(credential), removed_at=None).first()


def get_enrolment(organisation_id: uuid.UUID, enrolment_id: uuid.UUID) -> Enrolment:
    """Return the enrolment. Raises NotFound."""
    row = Enrolment.objects.select_related("host").filter(organisation_id=organisation_id, pk=enrolment_id).first()
    if row is None:
        raise NotFound(f"No such enrolment: {enrolment_id}")
    return row


def gateway_silent_since() -> datetime | None:
    """Return since when no gateway has shown a sign of life, or None while one does."""
    lease = GatewayLease.objects.first()
    if lease is None or lease.renewed_at is None:
        return datetime.min.replace(tzinfo=now().tzinfo)
    return lease.renewed_at if now() - lease.renewed_at > GATEWAY_SILENT_AFTER else None


def state_of(host: Host, gateway_silent: datetime | None) -> tuple[HostState, datetime]:
    """Return what is known about `host` now and since when.

    `gateway_silent` is `gateway_silent_since()`: while nobody holds the tunnels, nothing is known of linked hosts.
    """
    if host.link == Link.NEVER:
        return HostState.PENDING, host.link_since
    if host.link == Link.LEFT:
        return HostState.OFFLINE, host.link_since
    if host.link == Link.LOST:
        return HostState.UNKNOWN, host.link_since
    if gateway_silent is not None:
        return HostState.UNKNOWN, max(gateway_silent, host.link_since)
    if any(str(finding.get("severity", "")).lower() in _ERROR_SEVERITIES for finding in host.findings):
        return HostState.DEGRADED, host.link_since
    return HostState.ONLINE, host.link_since
