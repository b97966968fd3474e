"""Append to the record."""

from __future__ import annotations

import dataclasses
import uuid

from controlplane.accounts.access import Action, Target, authorise
from controlplane.accounts.actor import ANONYMOUS, NO_ORGANISATION, Actor
from controlplane.audit.models import AuditEntry, AuditOutcome
from wire.errors import MooringError

__all__ = ["authorise_and_record", "record", "record_outcome", "record_outcome_of_job", "record_stranger"]


def record(
    actor: Actor,
    action: Action | str,
    target: Target,
    *,
    request_id: str = "",
    decision: str = "allowed",
    detail: str = "",
    job_id: uuid.UUID | None = None,
    host_name: str = "",
) -> AuditEntry:
    """Write who is about to do what. Call it in the transaction that also writes what it announces."""
    return AuditEntry.objects.create(
        organisation_id=target.organisation_id if actor.organisation_id == NO_ORGANISATION else actor.organisation_id,
        actor_type=actor.principal.value,
        actor_id=str(actor.user_id or ""),
        actor_name=actor.name[:150],
        method=actor.method,
        source=actor.source[:64],
        action=str(action),
        target_type=target.type,
        target_id=target.id[:300],
        target_name=target.name[:300],
        host_id=target.host_id,
        host_name=host_name,
        request_id=request_id,
        job_id=job_id,
        decision=decision,
        detail=detail[:500],
    )


def record_stranger(
    action: Action, target: Target, organisation_id: uuid.UUID, *, source: str, request_id: str, detail: str
) -> None:
    """Write down that somebody unknown was refused what only a secret would have given."""
    stranger = dataclasses.replace(ANONYMOUS, organisation_id=organisation_id, source=source)
    record(stranger, action, target, request_id=request_id, decision="denied", detail=detail)


def record_outcome(entry_id: int, result: str, detail: str = "") -> None:
    """Write how it ended; a second outcome for the same entry is dropped."""
    outcome = AuditOutcome(entry_id=entry_id, result=result, detail=detail[:500])
    AuditOutcome.objects.bulk_create([outcome], ignore_conflicts=True)


def record_outcome_of_job(job_id: uuid.UUID, result: str, detail: str = "") -> None:
    """Write the outcome of the entry that announced this job, if there is one."""
    entry_id = AuditEntry.objects.filter(job_id=job_id).values_list("pk", flat=True).order_by("pk").first()
    if entry_id is not None:
        record_outcome(entry_id, result, detail)


def authorise_and_record(
    actor: Actor, action: Action, target: Target, *, request_id: str = "", detail: str = "", host_name: str = ""
) -> AuditEntry:
    """Ask the one door and write the answer down, also a refusal. Raises as `authorise` does, naming what was asked."""
    try:
        authorise(actor, action, target)
    except MooringError as error:
        message = f"{error.message}: {detail}" if detail else error.message
        record(actor, action, target, request_id=request_id, decision="denied", detail=message, host_name=host_name)
        raise type(error)(message) from None
    return record(actor, action, target, request_id=request_id, detail=detail, host_name=host_name)
