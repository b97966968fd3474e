"""The first page: counts, what needs attention, capacity."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q

from controlplane.fleet.choices import HostState
from controlplane.fleet.models import Host
from controlplane.fleet.selectors import list_hosts
from controlplane.jobs.choices import JobState
from controlplane.jobs.selectors import list_jobs
from controlplane.kernel.clock import now, rfc3339
from controlplane.web_api.shapes.containers import event_dict
from controlplane.web_api.shapes.hosts import HostRefs
from controlplane.web_api.shapes.jobs import job_dict
from controlplane.workloads.models import EngineEvent
from controlplane.workloads.selectors import container_counts, list_containers, list_events

__all__ = ["overview_dict"]

DISK_LOW = 0.85
FAILED_JOBS_SINCE = timedelta(hours=24)
ATTENTION_LIMIT = 50
EVENTS_READ, EVENTS_SHOWN = 300, 12
ANSWERED_CODES = ("not_found", "conflict", "invalid", "forbidden", "unsupported")


def overview_dict(organisation_id: uuid.UUID) -> dict[str, Any]:
    """Return the overview in a fixed number of queries."""
    refs = HostRefs()
    hosts = list(list_hosts(organisation_id))
    counts = dict.fromkeys((state.value for state in HostState), 0)
    for host in hosts:
        counts[refs.state(host)[0].value] += 1
    return {
        "hosts": {**counts, "total": len(hosts)},
        "containers": container_counts(organisation_id),
        "attention": _sorted(_attention(organisation_id, hosts, refs))[:ATTENTION_LIMIT],
        "recent_jobs": [job_dict(job, refs) for job in list_jobs(organisation_id)[:8]],
        "recent_events": [event_dict(event, refs) for event in _activity(organisation_id)],
        "capacity": _capacity(hosts, refs),
    }


def _activity(organisation_id: uuid.UUID) -> list[EngineEvent]:
    """The latest of what happened to each object, newest first: a container that restarts for ever fills no page.

    What only follows from another event is left out: a container that starts joins its networks.
    """
    recent = list_events(organisation_id).exclude(type="network", action__in=("connect", "disconnect"))[:EVENTS_READ]
    latest: dict[tuple[Any, ...], EngineEvent] = {}
    for event in recent:
        latest.setdefault((event.host_id, event.type, event.object_id, event.action), event)
    return list(latest.values())[:EVENTS_SHOWN]


def _sorted(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Critical first, then the newest; what has no time comes last."""
    newest_first = sorted(items, key=lambda item: item["since"] or "", reverse=True)
    return sorted(newest_first, key=lambda item: item["severity"] != "critical")


def _capacity(hosts: list[Host], refs: HostRefs) -> dict[str, int]:
    live = [host for host in hosts if not refs.is_stale(host)]

    def total(name: str) -> int:
        return sum(int(host.facts.get(name) or host.usage.get(name) or 0) for host in live)

    return {
        name: total(name) for name in ("cpus", "memory_bytes", "memory_used_bytes", "disk_bytes", "disk_used_bytes")
    }


def _item(kind: str, severity: str, title: str, detail: str, since: Any, action: str, **what: Any) -> dict[str, Any]:
    return {
        "kind": kind, "severity": severity, "title": title, "detail": detail, "since": rfc3339(since),
        "host": what.get("host"), "container_id": what.get("container_id"), "job_id": what.get("job_id"),
        "action": action,
    }  # fmt: skip


def _attention(organisation_id: uuid.UUID, hosts: list[Host], refs: HostRefs) -> list[dict[str, Any]]:
    items = []
    for host in hosts:
        state, since = refs.state(host)
        ref = refs.ref(host)
        if state is HostState.UNKNOWN:
            detail = "What is shown was true when it was last heard; its containers may well run"
            items.append(
                _item("host_silent", "warning", f"{host.name} is silent", detail, since, "open_host", host=ref)
            )
        elif state is HostState.OFFLINE:
            items.append(_item("host_offline", "warning", f"{host.name} is offline", "Its agent was stopped in order",
                               since, "open_host", host=ref))  # fmt: skip
        elif state is HostState.DEGRADED:
            detail = "; ".join(
                str(finding.get("title", "")) for finding in host.findings if finding.get("severity") != "info"
            )
            items.append(_item("host_degraded", "warning", f"{host.name} is degraded", detail, since, "open_host",
                               host=ref))  # fmt: skip
        used, disk = host.usage.get("disk_used_bytes"), host.facts.get("disk_bytes") or host.usage.get("disk_bytes")
        if used and disk and used > DISK_LOW * disk:
            items.append(_item("disk_low", "warning", f"{host.name} is short of disk", f"{used * 100 // disk} % used",
                               None, "open_host", host=ref))  # fmt: skip
    for row in list_containers(organisation_id, health="unhealthy", state="running")[:20]:
        items.append(_item("container_unhealthy", "critical", f"{row.name} is unhealthy", row.image, row.started_at,
                           "open_container", host=refs.ref(row.host), container_id=row.container_id))  # fmt: skip
    for row in list_containers(organisation_id, state="restarting")[:20]:
        items.append(_item("container_restarting", "warning", f"{row.name} keeps restarting",
                           f"{row.restart_count} restarts", row.finished_at, "open_logs", host=refs.ref(row.host),
                           container_id=row.container_id))  # fmt: skip
    # What an engine client got as its answer ("No such container"), or saw at the end of its build, is no news to
    # anybody else; that it was cut off is.
    answered = Q(kind__startswith="engine.", error__code__in=ANSWERED_CODES)
    answered |= Q(streamed=True) & ~Q(error__code="unavailable")
    failed = list_jobs(organisation_id, state=JobState.FAILED).exclude(answered)
    recent = failed.filter(finished_at__gt=now() - FAILED_JOBS_SINCE)
    for job in recent[:10]:
        why = str((job.error or {}).get("why", ""))
        items.append(_item("job_failed", "critical", f"{job.title} failed", why, job.finished_at, "open_job",
                           host=refs.ref(job.host) if job.host else None, job_id=str(job.uid)))  # fmt: skip
    return items
