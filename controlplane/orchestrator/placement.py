"""Which host a container goes to when its user does not say."""

from __future__ import annotations

import uuid

from django.db.models import Count, Q

from controlplane.fleet.choices import HostState, Link
from controlplane.fleet.models import Host
from controlplane.fleet.selectors import gateway_silent_since, list_hosts, state_of
from wire.errors import Unavailable

__all__ = ["choose_host", "default_host"]


def default_host(organisation_id: uuid.UUID) -> Host:
    """Return the host behind the default environment: the one that joined first and has linked up since.

    It stays that host while it is away: an error is better than another host's containers under the same address.
    Raises Unavailable when there is none.
    """
    hosts = list(list_hosts(organisation_id).order_by("created_at"))
    if not hosts:
        raise Unavailable("no host has joined yet: add one in the dashboard under Hosts")
    return next((host for host in hosts if host.link != Link.NEVER), hosts[0])


def choose_host(organisation_id: uuid.UUID) -> Host:
    """Return the reachable, schedulable host with the fewest running containers. Raises Unavailable when none is."""
    silent = gateway_silent_since()
    hosts = list_hosts(organisation_id).filter(schedulable=True)
    candidates = hosts.annotate(load=Count("containers", filter=Q(containers__state="running")))
    for host in candidates.order_by("load", "name"):
        if state_of(host, silent)[0] in (HostState.ONLINE, HostState.DEGRADED):
            return host
    raise Unavailable("no host is online and open for new containers")
