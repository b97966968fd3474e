"""A way into a container that has rights on its host is a way onto the host: only who may leave confinement gets in.

The engine is asked, not the mirror: a container may be a moment old. Actors who may leave confinement are not held up.
"""

from __future__ import annotations

import uuid
from urllib.parse import quote

import orjson

from controlplane.accounts.access import Action, Target, is_allowed
from controlplane.accounts.actor import Actor
from controlplane.audit.actions import authorise_and_record
from controlplane.gateway.calls import client
from controlplane.kernel.database import in_thread
from controlplane.workloads.guardrails import unconfined_reasons

__all__ = ["check_way_into"]


async def check_way_into(
    actor: Actor, host_id: uuid.UUID, ref: str, target: Target, *, request_id: str = "", host_name: str = ""
) -> None:
    """Return when `actor` may enter the container (exec, attach, copy files). Raises Forbidden, recorded.

    A container that is not there is no reason to refuse: the engine says so in its own words.
    """
    if is_allowed(actor, Action.CONTAINER_UNCONFINED):
        return
    answer = await client().request(host_id, "GET", f"/containers/{quote(ref, safe='')}/json", timeout_s=10)
    if answer.status != 200:
        return
    reasons = unconfined_reasons({"HostConfig": orjson.loads(answer.body).get("HostConfig") or {}})
    if not reasons:
        return
    await in_thread(
        authorise_and_record, actor, Action.CONTAINER_UNCONFINED, target, request_id=request_id, host_name=host_name,
        detail=f"wants into a container with {', '.join(reasons)}",
    )  # fmt: skip
