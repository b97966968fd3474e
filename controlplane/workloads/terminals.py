"""Tickets for terminals: issued over HTTP, where rights, CSRF and audit are; redeemed once by the socket."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from controlplane.accounts.actor import Actor
from controlplane.kernel.clock import now
from controlplane.kernel.secrets import digest_of, new_secret
from controlplane.workloads.models import TerminalTicket
from wire.errors import Forbidden

__all__ = ["forget_old_tickets", "issue_ticket", "redeem_ticket"]

TICKET_TTL = timedelta(seconds=30)


def issue_ticket(actor: Actor, host_id: uuid.UUID, container_id: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """Return a ticket and the name of the terminal session it opens. The caller has authorised."""
    ticket, session = new_secret("mrx"), secrets.token_urlsafe(24)
    TerminalTicket.objects.create(
        digest=digest_of(ticket),
        session=session,
        user_id=actor.user_id,
        host_id=host_id,
        container_id=container_id,
        params=dict(params),
        expires_at=now() + TICKET_TTL,
    )
    return ticket, session


def redeem_ticket(actor: Actor, secret: str) -> TerminalTicket:
    """Use the ticket up. Raises Forbidden when it is unknown, used, expired or somebody else's."""
    ticket = TerminalTicket.objects.select_related("host").filter(digest=digest_of(secret)).first()
    if ticket is None or ticket.user_id != actor.user_id or ticket.expires_at <= now():
        raise Forbidden("the terminal ticket is not valid any more")
    if not TerminalTicket.objects.filter(pk=ticket.pk, used_at=None).update(used_at=now()):
        raise Forbidden("the terminal ticket has been used")
    return ticket


def forget_old_tickets() -> None:
    """Drop tickets that can no longer be used."""
    TerminalTicket.objects.filter(expires_at__lt=now() - TICKET_TTL).delete()
