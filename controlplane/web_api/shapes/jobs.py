"""Jobs, audit entries, accounts as dictionaries."""

from __future__ import annotations

from typing import Any

from controlplane.accounts.actor import Actor
from controlplane.accounts.models import BearerToken, Organisation, User
from controlplane.audit.models import AuditEntry
from controlplane.jobs.actions import NOT_RETRIED
from controlplane.jobs.choices import JobState
from controlplane.jobs.models import Job
from controlplane.kernel.clock import rfc3339
from controlplane.web_api.shapes.hosts import HostRefs

__all__ = ["audit_dict", "job_dict", "session_dict", "token_dict", "user_dict"]


def job_dict(job: Job, refs: HostRefs) -> dict[str, Any]:
    """Return a job's shape; its request is never shown."""
    error = {key: job.error.get(key, "") for key in ("code", "what", "why", "next", "message")} if job.error else None
    return {
        "id": str(job.uid),
        "number": job.number,
        "kind": job.kind,
        "title": job.title,
        "state": job.state,
        "host": refs.ref(job.host) if job.host is not None else None,
        "target": {"type": job.target_type, "id": job.target_id, "name": job.target_name},
        "actor": job.actor_name,
        "created_at": rfc3339(job.created_at),
        "started_at": rfc3339(job.started_at),
        "finished_at": rfc3339(job.finished_at),
        "progress": job.progress,
        "error": error,
        "result": (job.result or {}).get("value") if job.state == JobState.SUCCEEDED else None,
        "retryable": job.state in (JobState.FAILED, JobState.CANCELLED)
        and not job.streamed
        and job.kind not in NOT_RETRIED,
        "attempts": job.attempts,
    }


def audit_dict(entry: AuditEntry) -> dict[str, Any]:
    """Return an audit entry's shape with its outcome."""
    outcome = getattr(entry, "outcome", None)
    return {
        "id": entry.pk,
        "at": rfc3339(entry.at),
        "actor": entry.actor_name,
        "actor_type": entry.actor_type,
        "method": entry.method,
        "source": entry.source,
        "action": entry.action,
        "target": {"type": entry.target_type, "id": entry.target_id, "name": entry.target_name},
        "host_id": str(entry.host_id) if entry.host_id else None,
        "host_name": entry.host_name,
        "request_id": entry.request_id,
        "job_id": str(entry.job_id) if entry.job_id else None,
        "decision": entry.decision,
        "detail": entry.detail,
        "result": outcome.result if outcome is not None else None,
    }


def session_dict(actor: Actor) -> dict[str, Any]:
    """Return who is signed in."""
    organisation = Organisation.objects.filter(pk=actor.organisation_id).first()
    return {
        "user": {
            "id": str(actor.user_id) if actor.user_id else None,
            "username": actor.name,
            "role": actor.principal.value,
        },
        "organisation": {"name": organisation.name if organisation is not None else ""},
    }


def user_dict(user: User) -> dict[str, Any]:
    """Return a user's shape."""
    return {
        "id": str(user.pk),
        "username": user.username,
        "role": user.role,
        "is_active": user.is_active,
        "created_at": rfc3339(user.created_at),
        "last_login": rfc3339(user.last_login),
    }


def token_dict(token: BearerToken) -> dict[str, Any]:
    """Return a token's shape, without its secret."""
    return {
        "id": str(token.pk),
        "name": token.name,
        "prefix": token.prefix,
        "created_at": rfc3339(token.created_at),
        "last_used_at": rfc3339(token.last_used_at),
        "expires_at": rfc3339(token.expires_at),
    }
