"""The one door: may this actor do this to that? HTTP, WebSocket, hijack and tunnel all ask here.

Denied unless the table says otherwise. Every action the program knows is a member of `Action`; the table must have a
line for each (checked at import), and a generated test walks every route of every protocol against it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from controlplane.accounts.actor import Actor, Principal
from wire.errors import Forbidden, NotFound, Unauthenticated

__all__ = ["Action", "Target", "authorise", "is_allowed"]


class Action(StrEnum):
    """Everything that can be asked for."""

    SETUP = "setup.complete"
    SESSION_OPEN = "session.open"
    SESSION_CLOSE = "session.close"
    OVERVIEW_READ = "overview.read"
    HOST_READ = "host.read"
    HOST_MANAGE = "host.manage"
    HOST_ENROLL = "host.enroll"
    INSTALLER_READ = "installer.read"
    TUNNEL_OPEN = "tunnel.open"
    ENGINE_READ = "engine.read"
    CONTAINER_READ = "container.read"
    CONTAINER_CHANGE = "container.change"
    CONTAINER_EXEC = "container.exec"
    CONTAINER_FILES = "container.files"
    CONTAINER_UNCONFINED = "container.unconfined"
    IMAGE_READ = "image.read"
    IMAGE_CHANGE = "image.change"
    IMAGE_BUILD = "image.build"
    VOLUME_READ = "volume.read"
    VOLUME_CHANGE = "volume.change"
    NETWORK_READ = "network.read"
    NETWORK_CHANGE = "network.change"
    JOB_READ = "job.read"
    JOB_CHANGE = "job.change"
    TOKEN_OWN = "token.own"
    USER_MANAGE = "user.manage"
    AUDIT_READ = "audit.read"
    HEALTH_READ = "health.read"
    SCHEMA_READ = "schema.read"


@dataclass(frozen=True, slots=True)
class Target:
    """What the action is done to. `organisation_id` None means the actor's own organisation as a whole."""

    type: str
    id: str = ""
    name: str = ""
    organisation_id: uuid.UUID | None = None
    host_id: uuid.UUID | None = None


_ANYONE = frozenset({Principal.ANONYMOUS, Principal.MEMBER, Principal.ADMIN})
_PEOPLE = frozenset({Principal.MEMBER, Principal.ADMIN})
_ADMIN = frozenset({Principal.ADMIN})
_HOST = frozenset({Principal.HOST})
_ENROLLING = frozenset({Principal.ANONYMOUS})  # the single-use token in the body is the proof

_TABLE: dict[Action, frozenset[Principal]] = {
    Action.SETUP: _ANYONE,  # the single-use token from the console is the proof
    Action.SESSION_OPEN: _ANYONE,
    Action.SESSION_CLOSE: _ANYONE,
    Action.OVERVIEW_READ: _PEOPLE,
    Action.HOST_READ: _PEOPLE,
    Action.HOST_MANAGE: _ADMIN,
    Action.HOST_ENROLL: _ENROLLING,
    Action.INSTALLER_READ: _ANYONE,  # sources and a script that hold no secret
    Action.TUNNEL_OPEN: _HOST,
    Action.ENGINE_READ: _PEOPLE,
    Action.CONTAINER_READ: _PEOPLE,
    Action.CONTAINER_CHANGE: _PEOPLE,
    Action.CONTAINER_EXEC: _PEOPLE,
    Action.CONTAINER_FILES: _PEOPLE,
    Action.CONTAINER_UNCONFINED: _ADMIN,  # privileged, host paths, host namespaces: root on the host
    Action.IMAGE_READ: _PEOPLE,
    Action.IMAGE_CHANGE: _PEOPLE,
    Action.IMAGE_BUILD: _PEOPLE,
    Action.VOLUME_READ: _PEOPLE,
    Action.VOLUME_CHANGE: _PEOPLE,
    Action.NETWORK_READ: _PEOPLE,
    Action.NETWORK_CHANGE: _PEOPLE,
    Action.JOB_READ: _PEOPLE,
    Action.JOB_CHANGE: _PEOPLE,
    Action.TOKEN_OWN: _PEOPLE,
    Action.USER_MANAGE: _ADMIN,
    Action.AUDIT_READ: _ADMIN,
    Action.HEALTH_READ: _ANYONE,
    Action.SCHEMA_READ: _PEOPLE,
}
if missing := set(Action) - set(_TABLE):  # pragma: no cover
    raise RuntimeError(f"actions without a rule: {sorted(missing)}")


def is_allowed(actor: Actor, action: Action) -> bool:
    """Return whether the table lets `actor` do `action` at all; for showing or hiding, never instead of `authorise`."""
    return actor.principal is Principal.SYSTEM or actor.principal in _TABLE[action]


def authorise(actor: Actor, action: Action, target: Target) -> None:
    """Return when `actor` may do `action` to `target`; raise otherwise.

    Raises NotFound for an object of another organisation (its existence is none of the actor's business),
    Unauthenticated when signing in could help, Forbidden when it could not.
    """
    if actor.principal is Principal.SYSTEM:
        return
    if target.organisation_id is not None and actor.organisation_id != target.organisation_id:
        if actor.principal is Principal.ANONYMOUS:
            raise Unauthenticated("authentication is required")
        raise NotFound(f"No such {target.type}: {target.name or target.id}")
    if actor.principal in _TABLE[action]:
        return
    if actor.principal is Principal.ANONYMOUS:
        raise Unauthenticated("authentication is required")
    raise Forbidden(f"permission denied: {actor.name} may not do {action.value}")
