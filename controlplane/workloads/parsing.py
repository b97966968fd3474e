"""From Docker's list items and inspect answers to the mirror's columns. Pure; unknown or missing parts stay empty."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

__all__ = ["container_columns", "event_columns", "image_columns", "network_columns", "volume_columns"]

_EXITED = re.compile(r"(?:Exited|Restarting) \((-?\d+)\)")
_HEALTH = re.compile(r"\((?:health: )?(healthy|unhealthy|starting)\)")


def parse_time(value: Any) -> datetime | None:
    """Return Docker's time (RFC 3339 with nanoseconds, or seconds since the epoch); its zero time is None."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC) if value > 0 else None
    text = str(value or "")
    if len(text) < 19 or text.startswith("0001-01-01"):
        return None
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00")))
    except ValueError:
        return None


def container_columns(item: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of one container: its list item, with its inspect answer beside it as `Details` if known."""
    details = item.get("Details") or {}
    state = details.get("State") or {}
    host_config = details.get("HostConfig") or {}
    status = str(item.get("Status") or "")
    labels = {str(key): str(value) for key, value in (item.get("Labels") or {}).items()}
    exited, health = _EXITED.match(status), _HEALTH.search(status)
    told_state = str(state.get("Status") or item.get("State") or "").lower()
    exit_code = state.get("ExitCode") if state else int(exited[1]) if exited else None
    return {
        "name": next(iter(item.get("Names") or [""]), "").lstrip("/"),
        "image": str(item.get("Image") or ""),
        "image_id": str(item.get("ImageID") or ""),
        "command": str(item.get("Command") or ""),
        "state": told_state,
        "status": status[:128],
        "health": str((state.get("Health") or {}).get("Status") or (health[1] if health else "")),
        "exit_code": exit_code if told_state in ("exited", "dead", "restarting") else None,
        "created_at": parse_time(details.get("Created") or item.get("Created")),
        "started_at": parse_time(state.get("StartedAt")),
        "finished_at": parse_time(state.get("FinishedAt")),
        "ports": [
            {
                "ip": port.get("IP") or None,
                "private": int(port.get("PrivatePort") or 0),
                "public": port.get("PublicPort"),
                "type": str(port.get("Type") or "tcp"),
            }
            for port in item.get("Ports") or ()
        ],
        "labels": labels,
        "labels_text": "".join(f"\n{key}={value}" for key, value in labels.items()) + "\n" if labels else "",
        "networks": sorted(((item.get("NetworkSettings") or {}).get("Networks") or {}).keys()),
        "mounts": [
            {
                "type": str(mount.get("Type") or ""),
                "name": str(mount.get("Name") or ""),
                "source": str(mount.get("Source") or ""),
                "destination": str(mount.get("Destination") or ""),
                "read_only": mount.get("RW") is False,
            }
            for mount in item.get("Mounts") or ()
        ],
        "restart_policy": str((host_config.get("RestartPolicy") or {}).get("Name") or ""),
        "restart_count": int(details.get("RestartCount") or 0),
    }


def image_columns(item: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of one image of `GET /images/json`."""
    tags = [str(tag) for tag in item.get("RepoTags") or () if tag != "<none>:<none>"]
    return {
        "tags": tags,
        "tags_text": " ".join(tags),
        "digests": [str(digest) for digest in item.get("RepoDigests") or () if digest != "<none>@<none>"],
        "size_bytes": int(item.get("Size") or 0),
        "created_at": parse_time(item.get("Created")),
        "containers": int(item.get("Containers", -1)),
        "labels": item.get("Labels") or {},
    }


def volume_columns(item: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of one volume of `GET /volumes`."""
    return {
        "driver": str(item.get("Driver") or ""),
        "mountpoint": str(item.get("Mountpoint") or ""),
        "created_at": parse_time(item.get("CreatedAt")),
        "labels": item.get("Labels") or {},
        "options": item.get("Options") or {},
    }


def network_columns(item: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of one network of `GET /networks`."""
    configs = (item.get("IPAM") or {}).get("Config") or ()
    return {
        "name": str(item.get("Name") or ""),
        "driver": str(item.get("Driver") or ""),
        "scope": str(item.get("Scope") or ""),
        "internal": bool(item.get("Internal")),
        "subnets": [str(config["Subnet"]) for config in configs if config.get("Subnet")],
        "created_at": parse_time(item.get("Created")),
        "labels": item.get("Labels") or {},
    }


def event_columns(event: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of one Docker event."""
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    time_ns = event.get("timeNano")
    at = datetime.fromtimestamp(time_ns / 1e9, UTC) if time_ns else parse_time(event.get("time"))
    return {
        "at": at or datetime.now(UTC),
        "type": str(event.get("Type") or "")[:16],
        "action": str(event.get("Action") or "")[:64],
        "object_id": str(actor.get("ID") or "")[:255],
        "name": str(attributes.get("name") or "")[:255],
        "image": str(attributes.get("image") or "")[:512],
        "exit_code": str(attributes.get("exitCode") or "")[:8],
    }
