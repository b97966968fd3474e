"""Hosts and enrolments as dictionaries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from controlplane.fleet.choices import HostState, Link
from controlplane.fleet.models import Enrolment, Host, LinkEvent
from controlplane.fleet.selectors import gateway_silent_since, state_of
from controlplane.kernel.clock import now, rfc3339
from controlplane.workloads.models import Container

__all__ = ["HostRefs", "enrolment_dict", "host_dicts"]

HISTORY = 50


class HostRefs:
    """Host references for one answer: the gateway's lease is read once, each host is judged once."""

    def __init__(self) -> None:
        self._silent = gateway_silent_since()
        self._states: dict[uuid.UUID, tuple[HostState, datetime]] = {}

    def state(self, host: Host) -> tuple[HostState, datetime]:
        """Return what is known about `host` and since when."""
        if host.pk not in self._states:
            self._states[host.pk] = state_of(host, self._silent)
        return self._states[host.pk]

    def ref(self, host: Host) -> dict[str, Any]:
        """Return `{id, name, state}`."""
        return {"id": str(host.pk), "name": host.name, "state": self.state(host)[0].value}

    def is_stale(self, host: Host) -> bool:
        """Return whether what the mirror has of `host` may have changed unseen."""
        return self.state(host)[0] not in (HostState.ONLINE, HostState.DEGRADED)


def host_dicts(hosts: Sequence[Host], refs: HostRefs) -> list[dict[str, Any]]:
    """Return full host shapes in two more queries, however many hosts."""
    ids = [host.pk for host in hosts]
    counts = {
        row["host_id"]: row
        for row in Container.objects.filter(host_id__in=ids)
        .values("host_id")
        .annotate(total=Count("pk"), running=Count("pk", filter=Q(state="running")))
    }
    history: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    for event in LinkEvent.objects.filter(host_id__in=ids).order_by("-pk")[: HISTORY * max(len(ids), 1)]:
        if len(history[event.host_id]) < HISTORY:
            history[event.host_id].append({"at": rfc3339(event.at), "state": event.state})
    return [_host_dict(host, refs, counts.get(host.pk, {}), history[host.pk][::-1]) for host in hosts]


def _host_dict(host: Host, refs: HostRefs, counts: Any, history: list[dict[str, Any]]) -> dict[str, Any]:
    state, since = refs.state(host)
    facts, usage = host.facts, host.usage
    return {
        "id": str(host.pk),
        "name": host.name,
        "state": state.value,
        "since": rfc3339(since),
        "last_seen_at": rfc3339(host.last_seen_at),
        "version": host.version,
        "runtime": host.runtime,
        "os": str(facts.get("os") or ""),
        "kernel": str(facts.get("kernel") or ""),
        "cpus": facts.get("cpus"),
        "memory_bytes": facts.get("memory_bytes"),
        "memory_used_bytes": usage.get("memory_used_bytes"),
        "cpu_percent": usage.get("cpu_percent"),
        "disk_bytes": facts.get("disk_bytes", usage.get("disk_bytes")),
        "disk_used_bytes": usage.get("disk_used_bytes"),
        "containers_running": counts.get("running", 0),
        "containers_total": counts.get("total", 0),
        "labels": host.labels,
        "schedulable": host.schedulable,
        "findings": host.findings,
        "link_history": history,
        "created_at": rfc3339(host.created_at),
    }


def enrolment_dict(enrolment: Enrolment, refs: HostRefs) -> dict[str, Any]:
    """Return how far joining has come, step by step."""
    host = enrolment.host
    used = enrolment.used_at is not None
    expired = not used and enrolment.expires_at <= now()
    linked = host is not None and host.link == Link.UP
    checked = linked and host is not None and bool(host.version)
    findings = [str(finding.get("title", "")) for finding in host.findings] if host is not None else []
    problem = enrolment.problem
    return {
        "id": str(enrolment.pk),
        "state": "used" if used else "expired" if expired else "waiting",
        "host": refs.ref(host) if host is not None else None,
        "expires_at": rfc3339(enrolment.expires_at),
        "steps": [
            _step("token", not expired, "The token has expired" if expired else "Waiting for one machine"),
            _step("enrolled", True if used else False if problem else None, problem or ("Joined" if used else "")),
            _step("linked", True if linked else None, "The host has dialled in" if linked else ""),
            _step("checked", (not findings) if checked else None, "; ".join(findings)),
        ],
    }


def _step(step: str, ok: bool | None, detail: str) -> dict[str, Any]:
    return {"step": step, "ok": ok, "detail": detail}
