"""The one door for what amounts to rights on a host: bodies that ask for them, and containers that have them.

A body may ask openly (`--privileged`), or by a name whose meaning only the host knows: a volume that is bound to a host
path, a container whose namespaces are to be shared. A way into a container that has such rights is a way onto the host
as well. The engine is asked, not the mirror: what is named may be a moment old. Actors who may leave confinement are
not held up. What was looked at is named by its id from then on, for names can change hands.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from controlplane.accounts.access import Action, Target, is_allowed
from controlplane.accounts.actor import Actor
from controlplane.audit.actions import authorise_and_record
from controlplane.gateway.calls import client
from controlplane.kernel.database import in_thread
from controlplane.workloads.guardrails import (
    JOINABLE,
    bound_host_path,
    guard_of,
    joined_container,
    named_volumes,
    standing_reasons,
)
from wire.errors import Unavailable

__all__ = ["check_body", "check_way_into"]

_CHAIN_LIMIT = 8  # containers that join one another's namespaces


async def check_body(
    actor: Actor, kind: str, body: Mapping[str, Any], target: Target, *, request_id: str = "", host_name: str = ""
) -> Mapping[str, Any]:
    """Return `body`, the containers in it by their ids, when `actor` may ask for it in a job of this kind.

    Raises Forbidden, recorded, when it asks for more than confinement; Unavailable when the host cannot be asked.
    """
    guard = guard_of(kind)
    reasons = guard(body) if guard is not None else []
    if not is_allowed(actor, Action.CONTAINER_UNCONFINED) and target.host_id is not None:
        hidden, body = await _hidden_reasons(target.host_id, body)
        reasons += hidden
    if reasons:
        detail = f"asks for {', '.join(reasons)}"
        await in_thread(
            authorise_and_record, actor, Action.CONTAINER_UNCONFINED, target, request_id=request_id,
            host_name=host_name, detail=detail,
        )  # fmt: skip
    return body


async def check_way_into(
    actor: Actor, ref: str, target: Target, *, request_id: str = "", host_name: str = "", what: str = "containers"
) -> str:
    """Return the id of the container (or `exec`) that `ref` names when `actor` may enter it (exec, attach, copy files).

    Raises Forbidden, recorded. Of one that is not there, `ref` is returned: the engine says so in its own words.
    """
    if is_allowed(actor, Action.CONTAINER_UNCONFINED) or target.host_id is None:
        return ref
    found = await _inspect(target.host_id, what, ref)
    if found is None:
        return ref
    reasons = []
    if what == "exec":
        if (found.get("ProcessConfig") or {}).get("privileged"):
            reasons.append("a privileged exec")
        container = await _inspect(target.host_id, "containers", str(found.get("ContainerID") or ""))
    else:
        container = found
    if container is not None:
        reasons += await _rights_of(target.host_id, container)
    if reasons:
        await in_thread(
            authorise_and_record, actor, Action.CONTAINER_UNCONFINED, target, request_id=request_id,
            host_name=host_name, detail=f"wants into a container with {', '.join(reasons)}",
        )  # fmt: skip
    return str(found.get("Id") or found.get("ID") or ref)


async def _hidden_reasons(host_id: uuid.UUID, body: Mapping[str, Any]) -> tuple[list[str], Mapping[str, Any]]:
    """Why the names in a create body amount to rights on the host, and the body with the containers' ids in it."""
    host_config = next((body[name] for name in body if name.casefold() == "hostconfig"), None)
    if not isinstance(host_config, Mapping):
        return [], body
    reasons = await _volume_reasons(host_id, host_config)
    settled = dict(host_config)
    for mode in JOINABLE:
        ref = joined_container(host_config, mode)
        found = await _inspect(host_id, "containers", ref) if ref else None
        if found is not None:
            reasons += await _reasons_to_join(host_id, mode, found)
            settled[next(name for name in settled if name.casefold() == mode.casefold())] = f"container:{found['Id']}"
    return reasons, {**{name: body[name] for name in body if name.casefold() != "hostconfig"}, "HostConfig": settled}


async def _rights_of(host_id: uuid.UUID, container: Mapping[str, Any], depth: int = 0) -> list[str]:
    """Why a container that exists has rights on its host."""
    host_config = container.get("HostConfig") or {}
    reasons = standing_reasons(host_config) + await _volume_reasons(host_id, host_config)
    for mode in JOINABLE:
        if ref := joined_container(host_config, mode):
            found = await _inspect(host_id, "containers", ref)
            reasons += await _reasons_to_join(host_id, mode, found, depth + 1) if found is not None else []
    return reasons


async def _reasons_to_join(host_id: uuid.UUID, mode: str, container: Mapping[str, Any], depth: int = 0) -> list[str]:
    """Why sharing this namespace of `container` amounts to rights on the host.

    Who shares its processes reaches its files. Its network alone is only as good as that network is.
    """
    if depth > _CHAIN_LIMIT:
        return [f"{mode} of a long chain of containers"]
    rights = await _rights_of(host_id, container, depth)
    if mode == "NetworkMode":
        rights = [reason for reason in rights if reason.startswith("NetworkMode")]
    return [f"{mode} of a container with {reason}" for reason in rights]


async def _volume_reasons(host_id: uuid.UUID, host_config: Mapping[str, Any]) -> list[str]:
    reasons = []
    for name in named_volumes(host_config):
        volume = await _inspect(host_id, "volumes", name)
        if volume is not None and (path := bound_host_path(volume.get("Options"))):
            reasons.append(f"host path {path} as volume {name}")
    return reasons


async def _inspect(host_id: uuid.UUID, what: str, ref: str) -> dict[str, Any] | None:
    """The engine's answer; None when there is no such object. Raises Unavailable when the host does not say."""
    path = f"/{what}/{quote(ref, safe='')}"
    answer = await client().request(host_id, "GET", path if what == "volumes" else f"{path}/json", timeout_s=10)
    if answer.status >= 500:
        raise Unavailable("the host could not be asked what the request is about")
    return dict(orjson.loads(answer.body)) if answer.status == 200 else None
