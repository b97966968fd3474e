"""Every Engine API route, what it does and what right it needs. A route that is not here does not exist.

`How` says how a request is carried out:

    LOCAL    answered by the plane itself
    READ     straight through; nothing changes
    WATCH    straight through, long-lived: ended when its actor's right is taken away
    CONTROL  straight through, of no lasting effect (resize)
    DIRECT   straight through with an audit entry (exec create, files out of a container)
    HIJACK   raw bytes both ways, with an audit entry, ended like WATCH
    JOB      a durable job: row, audit entry, worker, operation key
    STREAMED a job carried out by the process that holds the client's connection, because its input or output streams
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from controlplane.accounts.access import Action
from controlplane.workloads.guardrails import build_unconfined_reasons
from wire.engine.containers import CreateRequest, UpdateRequest
from wire.engine.execs import ExecCreateRequest
from wire.engine.networks import NetworkCreateRequest
from wire.engine.volumes import VolumeCreateRequest

__all__ = ["ROUTES", "How", "Route"]


class How(Enum):
    """See the module docstring."""

    LOCAL = "local"
    READ = "read"
    WATCH = "watch"
    CONTROL = "control"
    DIRECT = "direct"
    HIJACK = "hijack"
    JOB = "job"
    STREAMED = "streamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. `target` is the type of object its parameter names; `title` begins a job's title; `shape` is what the
    body is decoded to, once, for the guard that `kind` has; `query_guard` says why the query needs the right to leave
    confinement."""

    how: How
    action: Action
    target: str = ""
    kind: str = ""
    title: str = ""
    shape: type[msgspec.Struct] | None = None
    query_guard: Callable[[Mapping[str, Sequence[str]]], list[str]] | None = None


def _container_job(verb: str, title: str = "") -> Route:
    return Route(
        how=How.JOB, action=Action.CONTAINER_CHANGE, target="container", kind=f"container.{verb}",
        title=title or verb.capitalize(),
    )  # fmt: skip


def _job(action: Action, target: str, verb: str, title: str, **more: Any) -> Route:
    return Route(how=How.JOB, action=action, target=target, kind=f"{target}.{verb}", title=title, **more)


def _streamed(action: Action, target: str, verb: str, title: str) -> Route:
    return Route(how=How.STREAMED, action=action, target=target, kind=f"{target}.{verb}", title=title)


def _read(action: Action, target: str = "", how: How = How.READ) -> Route:
    return Route(how=how, action=action, target=target)


_CONTAINERS = {
    "GET /containers/json": _read(Action.CONTAINER_READ),
    "POST /containers/create": Route(
        how=How.JOB, action=Action.CONTAINER_CHANGE, target="container", kind="container.create", title="Create",
        shape=CreateRequest,
    ),
    "POST /containers/prune": _job(Action.CONTAINER_CHANGE, "container", "prune", "Remove stopped containers"),
    "GET /containers/{id...}/json": _read(Action.CONTAINER_READ, "container"),
    "GET /containers/{id...}/top": _read(Action.CONTAINER_READ, "container"),
    "GET /containers/{id...}/changes": _read(Action.CONTAINER_READ, "container"),
    "GET /containers/{id...}/logs": _read(Action.CONTAINER_READ, "container", How.WATCH),
    "GET /containers/{id...}/stats": _read(Action.CONTAINER_READ, "container", How.WATCH),
    "POST /containers/{id...}/wait": _read(Action.CONTAINER_READ, "container", How.WATCH),
    "GET /containers/{id...}/export": _read(Action.CONTAINER_FILES, "container", How.DIRECT),
    "HEAD /containers/{id...}/archive": _read(Action.CONTAINER_FILES, "container"),
    "GET /containers/{id...}/archive": _read(Action.CONTAINER_FILES, "container", How.DIRECT),
    "PUT /containers/{id...}/archive": _streamed(Action.CONTAINER_FILES, "container", "copy", "Copy files into"),
    "POST /containers/{id...}/start": _container_job("start"),
    "POST /containers/{id...}/stop": _container_job("stop"),
    "POST /containers/{id...}/restart": _container_job("restart"),
    "POST /containers/{id...}/kill": _container_job("kill"),
    "POST /containers/{id...}/pause": _container_job("pause"),
    "POST /containers/{id...}/unpause": _container_job("unpause"),
    "POST /containers/{id...}/rename": _container_job("rename"),
    "POST /containers/{id...}/update": Route(
        how=How.JOB, action=Action.CONTAINER_CHANGE, target="container", kind="container.update", title="Update",
        shape=UpdateRequest,
    ),
    "DELETE /containers/{id...}": _container_job("remove"),
    "POST /containers/{id...}/resize": _read(Action.CONTAINER_EXEC, "container", How.CONTROL),
    "POST /containers/{id...}/attach": _read(Action.CONTAINER_EXEC, "container", How.HIJACK),
    "GET /containers/{id...}/attach/ws": _read(Action.CONTAINER_EXEC, "container", How.HIJACK),
    "POST /containers/{id...}/exec": Route(
        how=How.DIRECT, action=Action.CONTAINER_EXEC, target="container", kind="container.exec",
        shape=ExecCreateRequest,
    ),
    "POST /exec/{id}/start": _read(Action.CONTAINER_EXEC, "exec", How.HIJACK),
    "POST /exec/{id}/resize": _read(Action.CONTAINER_EXEC, "exec", How.CONTROL),
    "GET /exec/{id}/json": _read(Action.CONTAINER_EXEC, "exec"),
    "POST /commit": _job(Action.IMAGE_CHANGE, "image", "commit", "Commit"),
}  # fmt: skip

_IMAGES = {
    "GET /images/json": _read(Action.IMAGE_READ),
    "GET /images/search": _read(Action.IMAGE_READ),
    "GET /images/get": _read(Action.IMAGE_READ, "image", How.DIRECT),
    "POST /images/create": _streamed(Action.IMAGE_CHANGE, "image", "pull", "Pull"),
    "POST /images/load": _streamed(Action.IMAGE_CHANGE, "image", "load", "Load images"),
    "POST /images/prune": _job(Action.IMAGE_CHANGE, "image", "prune", "Remove unused images"),
    "GET /images/{name...}/json": _read(Action.IMAGE_READ, "image"),
    "GET /images/{name...}/history": _read(Action.IMAGE_READ, "image"),
    "GET /images/{name...}/get": _read(Action.IMAGE_READ, "image", How.DIRECT),
    "POST /images/{name...}/push": _streamed(Action.IMAGE_CHANGE, "image", "push", "Push"),
    "POST /images/{name...}/tag": _job(Action.IMAGE_CHANGE, "image", "tag", "Tag"),
    "DELETE /images/{name...}": _job(Action.IMAGE_CHANGE, "image", "remove", "Remove"),
    "GET /distribution/{name...}/json": _read(Action.IMAGE_READ, "image"),
    "POST /build": Route(
        how=How.STREAMED,
        action=Action.IMAGE_BUILD,
        target="image",
        kind="image.build",
        title="Build",
        query_guard=build_unconfined_reasons,
    ),
    "POST /build/prune": _job(Action.IMAGE_BUILD, "image", "prune_cache", "Remove build cache"),
    "POST /build/cancel": _read(Action.IMAGE_BUILD, "image", How.DIRECT),
    "POST /session": _read(Action.IMAGE_BUILD, "image", How.HIJACK),
    "POST /grpc": _read(Action.IMAGE_BUILD, "image", How.HIJACK),
}

_NETWORKS_AND_VOLUMES = {
    "GET /networks": _read(Action.NETWORK_READ),
    "POST /networks/create": _job(
        Action.NETWORK_CHANGE, "network", "create", "Create network", shape=NetworkCreateRequest
    ),
    "POST /networks/prune": _job(Action.NETWORK_CHANGE, "network", "prune", "Remove unused networks"),
    "GET /networks/{id...}": _read(Action.NETWORK_READ, "network"),
    "DELETE /networks/{id...}": _job(Action.NETWORK_CHANGE, "network", "remove", "Remove network"),
    "POST /networks/{id...}/connect": _job(Action.NETWORK_CHANGE, "network", "connect", "Connect to network"),
    "POST /networks/{id...}/disconnect": _job(
        Action.NETWORK_CHANGE, "network", "disconnect", "Disconnect from network"
    ),
    "GET /volumes": _read(Action.VOLUME_READ),
    "POST /volumes/create": _job(Action.VOLUME_CHANGE, "volume", "create", "Create volume", shape=VolumeCreateRequest),
    "POST /volumes/prune": _job(Action.VOLUME_CHANGE, "volume", "prune", "Remove unused volumes"),
    "GET /volumes/{name...}": _read(Action.VOLUME_READ, "volume"),
    "PUT /volumes/{name...}": _job(Action.VOLUME_CHANGE, "volume", "update", "Update volume"),
    "DELETE /volumes/{name...}": _job(Action.VOLUME_CHANGE, "volume", "remove", "Remove volume"),
}

_SYSTEM = {
    "GET /_ping": _read(Action.ENGINE_READ, how=How.LOCAL),
    "HEAD /_ping": _read(Action.ENGINE_READ, how=How.LOCAL),
    "GET /version": _read(Action.ENGINE_READ),
    "GET /info": _read(Action.ENGINE_READ),
    "GET /events": _read(Action.CONTAINER_READ, how=How.WATCH),
    "GET /system/df": _read(Action.ENGINE_READ),
    "POST /auth": _read(Action.IMAGE_READ, "registry", How.CONTROL),
}

# What an agent refuses in Docker's words. Were it to offer one of these one day, only an admin would get there.
_REFUSED_BY_AGENTS = {
    "GET /swarm": _read(Action.ENGINE_READ),
    "GET /swarm/unlockkey": _read(Action.HOST_MANAGE),
    **{
        f"POST /swarm/{verb}": _read(Action.HOST_MANAGE, "swarm", How.DIRECT)
        for verb in ("init", "join", "leave", "update", "unlock")
    },
    **{
        f"{method} /{resource}{path}": _read(
            Action.ENGINE_READ if method == "GET" else Action.HOST_MANAGE,
            resource.removesuffix("s"),
            How.READ if method == "GET" else How.DIRECT,
        )
        for resource in ("nodes", "services", "tasks", "secrets", "configs")
        for method, path in (
            ("GET", ""), ("POST", "/create"), ("GET", "/{id}"), ("DELETE", "/{id}"), ("POST", "/{id}/update"),
            ("GET", "/{id}/logs"),
        )
    },
    "GET /plugins": _read(Action.ENGINE_READ),
    "GET /plugins/privileges": _read(Action.HOST_MANAGE),
    "POST /plugins/pull": _read(Action.HOST_MANAGE, "plugin", How.DIRECT),
    "POST /plugins/create": _read(Action.HOST_MANAGE, "plugin", How.DIRECT),
    "GET /plugins/{name...}/json": _read(Action.ENGINE_READ, "plugin"),
    "DELETE /plugins/{name...}": _read(Action.HOST_MANAGE, "plugin", How.DIRECT),
    **{
        f"POST /plugins/{{name...}}/{verb}": _read(Action.HOST_MANAGE, "plugin", How.DIRECT)
        for verb in ("enable", "disable", "upgrade", "push", "set")
    },
}  # fmt: skip

ROUTES: dict[str, Route] = {**_SYSTEM, **_CONTAINERS, **_IMAGES, **_NETWORKS_AND_VOLUMES, **_REFUSED_BY_AGENTS}
