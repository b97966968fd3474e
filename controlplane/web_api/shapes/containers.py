"""Mirror rows as dictionaries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Count

from controlplane.jobs.selectors import pending_by_target
from controlplane.kernel.clock import rfc3339
from controlplane.web_api.shapes.hosts import HostRefs
from controlplane.workloads.models import Container, EngineEvent, HostMirror, Image, Network, Volume
from controlplane.workloads.wording import status_text

__all__ = ["container_dicts", "event_dict", "image_dicts", "network_dicts", "volume_dicts"]


def container_dicts(rows: Sequence[Container], refs: HostRefs, organisation_id: uuid.UUID) -> list[dict[str, Any]]:
    """Return container shapes in two more queries, however many rows."""
    pending = pending_by_target(organisation_id, [row.container_id for row in rows])
    as_of = dict(HostMirror.objects.filter(host_id__in={row.host_id for row in rows}).values_list("host_id", "as_of"))
    return [_container_dict(row, refs, pending, as_of.get(row.host_id)) for row in rows]


def _container_dict(row: Container, refs: HostRefs, pending: Any, as_of: Any) -> dict[str, Any]:
    job = pending.get((str(row.host_id), row.container_id))
    return {
        "id": row.container_id,
        "host": refs.ref(row.host),
        "name": row.name,
        "image": row.image,
        "image_id": row.image_id,
        "command": row.command,
        "state": row.state,
        "status": status_text(
            row.state,
            told=row.status,
            started_at=row.started_at,
            finished_at=row.finished_at,
            exit_code=row.exit_code,
            health=row.health,
        ),
        "health": row.health or None,
        "exit_code": row.exit_code,
        "created_at": rfc3339(row.created_at),
        "started_at": rfc3339(row.started_at),
        "finished_at": rfc3339(row.finished_at),
        "ports": row.ports,
        "labels": row.labels,
        "networks": row.networks,
        "mounts": row.mounts,
        "restart_policy": row.restart_policy,
        "restart_count": row.restart_count,
        "stale": refs.is_stale(row.host),
        "as_of": rfc3339(as_of),
        "pending": {"action": job.kind.rpartition(".")[2], "job_id": str(job.uid)} if job is not None else None,
    }


def image_dicts(rows: Sequence[Image], refs: HostRefs) -> list[dict[str, Any]]:
    """Return image shapes in one more query."""
    users = Container.objects.filter(host_id__in={row.host_id for row in rows}).order_by()
    counted = users.values_list("host_id", "image_id").annotate(n=Count("pk"))
    counts = {(host_id, image_id): n for host_id, image_id, n in counted}
    return [_image_dict(row, refs, counts.get((row.host_id, row.image_id), 0)) for row in rows]


def _image_dict(row: Image, refs: HostRefs, containers: int) -> dict[str, Any]:
    return {
        "id": row.image_id,
        "host": refs.ref(row.host),
        "tags": row.tags,
        "digests": row.digests,
        "size_bytes": row.size_bytes,
        "created_at": rfc3339(row.created_at),
        "containers": containers,
        "labels": row.labels,
        "stale": refs.is_stale(row.host),
    }


def _users(rows: Sequence[Volume] | Sequence[Network], field: str) -> dict[tuple[uuid.UUID, str], list[str]]:
    """Return which containers use what, by (host, name), in one query."""
    users: dict[tuple[uuid.UUID, str], list[str]] = defaultdict(list)
    hosts = {row.host_id for row in rows}
    for host_id, name, items in Container.objects.filter(host_id__in=hosts).values_list("host_id", "name", field):
        for item in items:
            used = item.get("name") if isinstance(item, dict) else item
            if used:
                users[(host_id, used)].append(name)
    return users


def volume_dicts(rows: Sequence[Volume], refs: HostRefs) -> list[dict[str, Any]]:
    """Return volume shapes in one more query."""
    users = _users(rows, "mounts")
    return [
        {
            "name": row.name,
            "host": refs.ref(row.host),
            "driver": row.driver,
            "mountpoint": row.mountpoint,
            "created_at": rfc3339(row.created_at),
            "labels": row.labels,
            "options": row.options,
            "used_by": users[(row.host_id, row.name)],
            "stale": refs.is_stale(row.host),
        }
        for row in rows
    ]


def network_dicts(rows: Sequence[Network], refs: HostRefs) -> list[dict[str, Any]]:
    """Return network shapes in one more query."""
    users = _users(rows, "networks")
    return [
        {
            "id": row.network_id,
            "name": row.name,
            "host": refs.ref(row.host),
            "driver": row.driver,
            "scope": row.scope,
            "internal": row.internal,
            "subnets": row.subnets,
            "created_at": rfc3339(row.created_at),
            "labels": row.labels,
            "used_by": users[(row.host_id, row.name)],
            "stale": refs.is_stale(row.host),
        }
        for row in rows
    ]


def event_dict(row: EngineEvent, refs: HostRefs) -> dict[str, Any]:
    """Return an event's shape."""
    return {
        "at": rfc3339(row.at),
        "host": refs.ref(row.host),
        "type": row.type,
        "action": row.action,
        "id": row.object_id,
        "name": row.name,
        "image": row.image,
        "exit_code": row.exit_code,
    }
