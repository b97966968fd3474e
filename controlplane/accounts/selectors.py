"""Reads of people and tokens, and from a proof of identity to an `Actor`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from controlplane.accounts.actor import Actor, Principal
from controlplane.accounts.choices import Role
from controlplane.accounts.models import BearerToken, Organisation, SetupToken, User
from controlplane.kernel.clock import now
from controlplane.kernel.secrets import digest_of

if TYPE_CHECKING:
    import uuid

__all__ = [
    "actor_for_peer", "actor_for_token", "actor_for_user", "default_organisation", "is_still_valid", "list_tokens",
    "list_users", "needs_setup", "valid_setup_token",
]  # fmt: skip


def default_organisation() -> Organisation:
    """Return the one organisation, making it on first use."""
    organisation = Organisation.objects.order_by("created_at").first()
    return organisation or Organisation.objects.get_or_create(name="Mooring")[0]


def needs_setup() -> bool:
    """Return whether nobody administers this plane yet."""
    return not User.objects.filter(role=Role.ADMIN, is_active=True).exists()


def valid_setup_token(secret: str) -> SetupToken | None:
    """Return the unused, unexpired set-up token that `secret` is, if any."""
    return SetupToken.objects.filter(digest=digest_of(secret), used_at=None, expires_at__gt=now()).first()


def actor_for_user(
    user: User, *, method: str, source: str = "", session_key: str | None = None, token_id: uuid.UUID | None = None
) -> Actor:
    """Return the actor that `user` is."""
    return Actor(
        principal=Principal(user.role),
        organisation_id=user.organisation_id,
        user_id=user.pk,
        name=user.username,
        method=method,
        token_id=token_id,
        session_key=session_key,
        session_auth_hash=user.get_session_auth_hash() if session_key else None,
        source=source,
    )


def live_tokens() -> QuerySet[BearerToken]:
    """Return the tokens that still open doors."""
    return BearerToken.objects.filter(revoked_at=None, user__is_active=True).filter(
        Q(expires_at=None) | Q(expires_at__gt=now())
    )


def actor_for_token(secret: str, *, source: str = "") -> Actor | None:
    """Return the actor a bearer token stands for, or None when it is unknown, expired or revoked."""
    token = live_tokens().select_related("user").filter(digest=digest_of(secret)).first()
    if token is None:
        return None
    return actor_for_user(token.user, method="token", source=source, token_id=token.pk)


def actor_for_peer(uid: int) -> Actor | None:
    """Return the admin that root, or the user the plane itself runs as, is on its unix socket; None for others."""
    if uid not in (0, os.geteuid()):
        return None
    return Actor(
        principal=Principal.ADMIN, organisation_id=default_organisation().pk, name="root", method="peer", source="unix"
    )


def is_still_valid(actor: Actor) -> bool:
    """Look up again whether what `actor` proved itself with still holds and still means the same rights."""
    if actor.method == "peer" or actor.principal in (Principal.SYSTEM, Principal.HOST):
        return True
    if actor.method == "token" and actor.token_id is not None:
        token = live_tokens().select_related("user").filter(pk=actor.token_id).first()
        return token is not None and token.user.role == actor.principal.value
    if actor.method == "session" and actor.session_key is not None and actor.user_id is not None:
        from django.contrib.sessions.models import Session

        user = User.objects.filter(pk=actor.user_id, is_active=True).first()
        return (
            user is not None
            and user.role == actor.principal.value
            and user.get_session_auth_hash() == actor.session_auth_hash
            and Session.objects.filter(session_key=actor.session_key, expire_date__gt=now()).exists()
        )
    return False


def list_tokens(actor: Actor) -> QuerySet[BearerToken]:
    """Return the actor's own tokens, newest first."""
    if actor.user_id is None:
        return BearerToken.objects.none()
    return BearerToken.objects.filter(user_id=actor.user_id, revoked_at=None).order_by("-created_at")


def list_users(organisation_id: uuid.UUID) -> QuerySet[User]:
    """Return the organisation's users by name."""
    return User.objects.filter(organisation_id=organisation_id).order_by("username")
