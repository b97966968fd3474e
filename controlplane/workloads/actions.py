"""Every write of the mirror: a snapshot replaces what is known of a host, news change it, lists replace one kind."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import models, transaction

from controlplane.kernel import news
from controlplane.kernel.clock import now
from controlplane.workloads.models import Container, EngineEvent, HostMirror, Image, Network, Volume
from controlplane.workloads.parsing import (
    container_columns,
    event_columns,
    image_columns,
    network_columns,
    volume_columns,
)

__all__ = ["apply_news", "forget_removed_hosts", "replace_all", "replace_objects"]

KEEP_EVENTS, TRIM_EVERY = 2000, 100
M = TypeVar("M", bound=models.Model)
_OBJECTS: dict[str, tuple[type[models.Model], str, str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "image": (Image, "image_id", "Id", image_columns),
    "volume": (Volume, "name", "Name", volume_columns),
    "network": (Network, "network_id", "Id", network_columns),
}


def replace_all(host_id: uuid.UUID, state: dict[str, Any]) -> None:
    """Make the mirror of one host equal to its snapshot. Safe to repeat."""
    with transaction.atomic():
        _replace(host_id, Container, "container_id", "Id", container_columns, state.get("containers") or [])
        for kind, (model, key, docker_key, columns) in _OBJECTS.items():
            _replace(host_id, model, key, docker_key, columns, state.get(f"{kind}s") or [])
        HostMirror.objects.update_or_create(
            host_id=host_id, defaults={"sequence": int(state.get("seq", 0)), "as_of": now()}
        )
    for kind in ("container", *_OBJECTS):
        _hint(kind, host_id, None)


def replace_objects(host_id: uuid.UUID, kind: str, items: Sequence[dict[str, Any]]) -> None:
    """Make the mirror of one kind (`image`, `volume`, `network`) equal to the host's list."""
    model, key, docker_key, columns = _OBJECTS[kind]
    with transaction.atomic():
        _replace(host_id, model, key, docker_key, columns, items)
    _hint(kind, host_id, None)


def apply_news(host_id: uuid.UUID, lines: Sequence[dict[str, Any]]) -> None:
    """Take numbered changes, oldest first; those at or below the mirror's number are skipped. No lines: still alive."""
    changed: set[str] = set()
    with transaction.atomic():
        mirror, _ = HostMirror.objects.select_for_update().get_or_create(host_id=host_id)
        fresh = [line for line in lines if int(line["seq"]) > mirror.sequence]
        latest: dict[str, dict[str, Any] | None] = {}
        for line in fresh:
            event, item = line["event"], line.get("container")
            if item is not None:
                latest[str(item["Id"])] = item
            elif event.get("Type") == "container" and event.get("Action") == "destroy":
                latest[str((event.get("Actor") or {}).get("ID"))] = None
        for container_id, item in latest.items():
            changed.add(container_id)
            if item is None:
                Container.objects.filter(host_id=host_id, container_id=container_id).delete()
            else:
                Container.objects.update_or_create(
                    host_id=host_id, container_id=container_id, defaults=container_columns(item)
                )
        if fresh:
            EngineEvent.objects.bulk_create(
                [
                    EngineEvent(host_id=host_id, sequence=int(line["seq"]), **event_columns(line["event"]))
                    for line in fresh
                    if not str(line["event"].get("Action", "")).startswith(("exec_", "top", "resize"))
                ],
                ignore_conflicts=True,
            )
            last = int(fresh[-1]["seq"])
            if last // TRIM_EVERY != mirror.sequence // TRIM_EVERY:
                _trim_events(host_id)
            mirror.sequence = last
        mirror.as_of = now()
        mirror.save(update_fields=["sequence", "as_of"])
    for container_id in changed:
        _hint("container", host_id, container_id)


def _trim_events(host_id: uuid.UUID) -> None:
    """Keep the newest of one host, by count: the numbers jump whenever its agent starts."""
    events = EngineEvent.objects.filter(host_id=host_id)
    oldest_kept = events.order_by("-sequence").values_list("sequence", flat=True)[KEEP_EVENTS - 1 : KEEP_EVENTS].first()
    if oldest_kept is not None:
        events.filter(sequence__lt=oldest_kept).delete()


def forget_removed_hosts() -> None:
    """Drop what is mirrored of hosts that were taken out of the fleet."""
    for model in (Container, Image, Volume, Network, EngineEvent, HostMirror):
        model._default_manager.filter(host__removed_at__isnull=False).delete()


def _replace(
    host_id: uuid.UUID,
    model: type[M],
    key: str,
    docker_key: str,
    columns: Callable[[dict[str, Any]], dict[str, Any]],
    items: Sequence[dict[str, Any]],
) -> None:
    """Insert, update and delete so that the host's rows are exactly `items`; four queries however many."""
    wanted = {str(item[docker_key]): columns(item) for item in items if item.get(docker_key)}
    manager = model._default_manager
    manager.filter(host_id=host_id).exclude(**{f"{key}__in": wanted}).delete()
    if wanted:
        fields = list(next(iter(wanted.values())))
        manager.bulk_create(
            [model(host_id=host_id, **{key: ref}, **values) for ref, values in wanted.items()],
            update_conflicts=True,
            unique_fields=["host", key],
            update_fields=fields,
            batch_size=200,
        )


def _hint(kind: str, host_id: uuid.UUID, object_id: str | None) -> None:
    news.publish({"type": kind, "host": str(host_id), "id": object_id})
