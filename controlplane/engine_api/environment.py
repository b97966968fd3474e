"""Which host a request is for: `/host/<name>`, `/env/<name>`, or the caller's default environment.

An answer is remembered for a second: a `docker run` is a handful of requests within that time, and the look-up would
cost each of them a thread hop and a query.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from controlplane.accounts.actor import Actor
from controlplane.fleet.models import Host
from controlplane.fleet.selectors import get_host_by_name
from controlplane.kernel.database import in_thread
from controlplane.orchestrator.placement import default_host
from wire.errors import NotFound

__all__ = ["Environment", "forget_environments", "resolve_environment", "split_base_path"]

REMEMBER_S = 1.0
DEFAULT_ENVIRONMENT = "default"


@dataclass(frozen=True, slots=True)
class Environment:
    """The host behind a request, as a value."""

    host_id: uuid.UUID
    host_name: str
    organisation_id: uuid.UUID


_remembered: dict[tuple[uuid.UUID, str], tuple[float, Environment]] = {}


def split_base_path(path: str) -> tuple[str, str, str]:
    """Return (`host` | `env` | ``, name, rest) of a path."""
    parts = path.split("/", 3)
    if len(parts) == 4 and parts[1] in ("host", "env") and parts[2]:
        return parts[1], parts[2], "/" + parts[3]
    return "", "", path


async def resolve_environment(actor: Actor, scope: str, name: str) -> Environment:
    """Return the environment. Raises NotFound for an unknown name, Unavailable when there is no host at all."""
    key = (actor.organisation_id, f"{scope}/{name}")
    found = _remembered.get(key)
    if found is not None and time.monotonic() - found[0] < REMEMBER_S:
        return found[1]
    host = await in_thread(_resolve, actor.organisation_id, scope, name)
    environment = Environment(host.pk, host.name, host.organisation_id)
    if len(_remembered) > 10_000:
        _remembered.clear()
    _remembered[key] = (time.monotonic(), environment)
    return environment


def forget_environments() -> None:
    """Look everything up again: a host changed."""
    _remembered.clear()


def _resolve(organisation_id: uuid.UUID, scope: str, name: str) -> Host:
    if scope == "host":
        return get_host_by_name(organisation_id, name)
    if scope == "env" and name != DEFAULT_ENVIRONMENT:
        raise NotFound(f"No such environment: {name}")
    return default_host(organisation_id)
