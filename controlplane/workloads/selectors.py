"""Reads of the mirror. Every list is filtered, counted and paged in SQL with a bounded number of queries.

Hosts are fetched once each and not joined to every row: a host's row is long, and decoding it costs more than the row.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Count, Q, QuerySet

from controlplane.fleet.selectors import list_hosts
from controlplane.workloads.models import Container, EngineEvent, Image, Network, Volume
from wire.errors import Invalid, NotFound

__all__ = [
    "container_counts", "facet", "find_container",
    "find_container_name", "get_container", "list_containers", "list_events", "list_images",
    "list_networks", "list_volumes",
]  # fmt: skip

SORTS = {
    "name": ("name", "pk"),
    "-name": ("-name", "-pk"),
    "created": ("created_at", "pk"),
    "-created": ("-created_at", "-pk"),
    "started": ("started_at", "pk"),
    "-started": ("-started_at", "-pk"),
    "state": ("state", "name", "pk"),
    "-state": ("-state", "name", "pk"),
    "host": ("host__name", "name", "pk"),
    "-host": ("-host__name", "name", "pk"),
    "image": ("image", "name", "pk"),
    "-image": ("-image", "name", "pk"),
    "restarts": ("restart_count", "name", "pk"),
    "-restarts": ("-restart_count", "name", "pk"),
}


def _of(organisation_id: uuid.UUID) -> Q:
    # A subquery and no join: rows are then found, counted and sorted on the narrow indexes of their own table.
    return Q(host_id__in=list_hosts(organisation_id).order_by().values("pk"))


def _on_hosts(hosts: str) -> Q:
    wanted = Q()
    for ref in filter(None, hosts.split(",")):
        try:
            wanted |= Q(host_id=uuid.UUID(ref))
        except ValueError:
            wanted |= Q(host__name=ref)
    return wanted


def list_containers(
    organisation_id: uuid.UUID,
    *,
    q: str = "",
    host: str = "",
    state: str = "",
    health: str = "",
    label: str = "",
    sort: str = "",
) -> QuerySet[Container]:
    """Return containers over all hosts. `host` and `state` take comma-separated alternatives; `label` is `key` or
    `key=value`, repeated with commas, all of which must hold. Raises Invalid for an unknown sort."""
    query = (
        Container.objects.filter(_of(organisation_id), _on_hosts(host)).prefetch_related("host").defer("labels_text")
    )
    if state:
        query = query.filter(state__in=state.split(","))
    if health:
        query = query.filter(health__in=health.split(","))
    for item in filter(None, label.split(",")):
        query = query.filter(labels_text__contains=f"\n{item}\n" if "=" in item else f"\n{item}=")
    for word in q.split():
        query = query.filter(
            Q(name__icontains=word)
            | Q(image__icontains=word)
            | Q(container_id__startswith=word.lower())
            | Q(host__name__icontains=word)
            | Q(labels_text__icontains=word)
        )
    if sort and sort not in SORTS:
        raise Invalid(f"unknown sort {sort!r}; one of {', '.join(SORTS)}")
    return query.order_by(*SORTS[sort or "name"])


def facet(query: QuerySet[Container], column: str) -> dict[str, int]:
    """Return how many rows of `query` each value of `column` (`state`, `host_id`) has."""
    counted = query.order_by().values(column).annotate(n=Count("pk"))
    return {str(row[column]): row["n"] for row in counted}


def container_counts(organisation_id: uuid.UUID) -> dict[str, int]:
    """Return the numbers of the overview in one query."""
    return Container.objects.filter(_of(organisation_id)).aggregate(
        running=Count("pk", filter=Q(state="running")),
        exited=Count("pk", filter=Q(state="exited")),
        paused=Count("pk", filter=Q(state="paused")),
        restarting=Count("pk", filter=Q(state="restarting")),
        unhealthy=Count("pk", filter=Q(state="running", health="unhealthy")),
        total=Count("pk"),
    )


def find_container(host_id: uuid.UUID, ref: str) -> Container | None:
    """Return the mirror's row for a full id, name or unambiguous id prefix."""
    rows = Container.objects.select_related("host").filter(host_id=host_id)
    exact = rows.filter(Q(container_id=ref) | Q(name=ref.lstrip("/"))).first()
    if exact is not None or len(ref) < 4:
        return exact
    found = list(rows.filter(container_id__startswith=ref)[:2])
    return found[0] if len(found) == 1 else None


def find_container_name(host_id: uuid.UUID, ref: str) -> tuple[str, str] | None:
    """Return (full id, name) for what a client typed, in one narrow query; None when the mirror has no single match."""
    rows = Container.objects.filter(host_id=host_id)
    if len(ref) == 64:
        rows = rows.filter(container_id=ref)
    else:
        prefix = Q(container_id__startswith=ref) if len(ref) >= 4 else Q()
        rows = rows.filter(Q(name=ref.lstrip("/")) | prefix) if prefix else rows.filter(name=ref.lstrip("/"))
    found = list(rows.values_list("container_id", "name")[:2])
    exact = [row for row in found if ref.lstrip("/") == row[1]]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def get_container(host_id: uuid.UUID, ref: str) -> Container:
    """Return the mirror's row. Raises NotFound."""
    row = find_container(host_id, ref)
    if row is None:
        raise NotFound(f"No such container: {ref}")
    return row


def list_images(organisation_id: uuid.UUID, *, q: str = "", host: str = "") -> QuerySet[Image]:
    """Return images over all hosts, tagged ones first by tag."""
    query = Image.objects.filter(_of(organisation_id), _on_hosts(host)).prefetch_related("host")
    if q:
        query = query.filter(Q(tags_text__icontains=q) | Q(image_id__icontains=q) | Q(host__name__icontains=q))
    return query.order_by("tags_text", "host__name", "pk")


def list_volumes(organisation_id: uuid.UUID, *, q: str = "", host: str = "") -> QuerySet[Volume]:
    """Return volumes over all hosts by name."""
    query = Volume.objects.filter(_of(organisation_id), _on_hosts(host)).prefetch_related("host")
    if q:
        query = query.filter(Q(name__icontains=q) | Q(host__name__icontains=q))
    return query.order_by("name", "host__name", "pk")


def list_networks(organisation_id: uuid.UUID, *, q: str = "", host: str = "") -> QuerySet[Network]:
    """Return networks over all hosts by name."""
    query = Network.objects.filter(_of(organisation_id), _on_hosts(host)).prefetch_related("host")
    if q:
        query = query.filter(Q(name__icontains=q) | Q(network_id__startswith=q) | Q(host__name__icontains=q))
    return query.order_by("name", "host__name", "pk")


def list_events(organisation_id: uuid.UUID, *, host: str = "", **equals: Any) -> QuerySet[EngineEvent]:
    """Return recent events over all hosts, newest first. `equals` are field values."""
    query = EngineEvent.objects.filter(_of(organisation_id), _on_hosts(host), **equals).prefetch_related("host")
    return query.order_by("-at", "-pk")
