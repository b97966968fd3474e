"""Every write of people and tokens. Callers have authorised already; each function opens its transaction."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from controlplane.accounts.choices import Role
from controlplane.accounts.models import BearerToken, Organisation, SetupToken, User
from controlplane.accounts.selectors import default_organisation, needs_setup, valid_setup_token
from controlplane.kernel.clock import now
from controlplane.kernel.secrets import digest_of, new_secret
from wire.errors import Conflict, Forbidden, Invalid, NotFound

__all__ = [
    "change_user", "complete_setup", "create_setup_token", "create_token", "create_user", "remove_user", "revoke_token",
    "touch_token",
]  # fmt: skip

TOUCH_EVERY = timedelta(minutes=1)


def create_user(
    *, username: str, password: str, role: str = Role.MEMBER, organisation_id: uuid.UUID | None = None
) -> User:
    """Make a user. Raises Invalid for a weak password or bad name, Conflict when the name is taken."""
    name = username.strip()
    if not name or len(name) > 150 or any(not c.isprintable() for c in name):
        raise Invalid("the user name must be 1 to 150 printable characters")
    if role not in Role.values:
        raise Invalid(f"unknown role {role!r}")
    user = User(username=name, role=role, organisation_id=organisation_id or default_organisation().pk)
    _set_password(user, password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"the user name {name!r} is taken") from None
    return user


def change_user(
    user: User, *, role: str | None = None, password: str | None = None, is_active: bool | None = None
) -> User:
    """Change what is given. Losing a role or `is_active` ends the user's open streams within seconds.

    Raises Conflict when it would leave the plane without an active admin.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        loses_admin = user.role == Role.ADMIN and user.is_active
        if role is not None:
            if role not in Role.values:
                raise Invalid(f"unknown role {role!r}")
            user.role = role
        if is_active is not None:
            user.is_active = is_active
        if password is not None:
            _set_password(user, password)
        if loses_admin and not (user.role == Role.ADMIN and user.is_active):
            _require_another_admin(user)
        user.save()
    return user


def remove_user(user: User) -> None:
    """Delete the user, its tokens and sessions. Raises Conflict for the last admin."""
    with transaction.atomic():
        if user.role == Role.ADMIN and user.is_active:
            _require_another_admin(user)
        user.delete()


def create_token(*, user_id: uuid.UUID, name: str, expires_at: datetime | None = None) -> tuple[BearerToken, str]:
    """Make a token; the secret is returned this once."""
    if not name.strip():
        raise Invalid("a token needs a name")
    if expires_at is not None and expires_at <= now():
        raise Invalid("expires_at is in the past")
    secret = new_secret("mrt")
    token = BearerToken.objects.create(
        user_id=user_id, name=name.strip()[:100], digest=digest_of(secret), prefix=secret[:10], expires_at=expires_at
    )
    return token, secret


def revoke_token(*, user_id: uuid.UUID | None, token_id: uuid.UUID) -> None:
    """Revoke one of the user's tokens. Raises NotFound; repeating is NotFound too."""
    mine = BearerToken.objects.filter(pk=token_id, user_id=user_id, revoked_at=None) if user_id is not None else None
    if mine is None or not mine.update(revoked_at=now()):
        raise NotFound(f"No such token: {token_id}")


def touch_token(token_id: uuid.UUID) -> None:
    """Note that a token was used, at most once a minute (a write for every request would cost more than it tells)."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now() - TOUCH_EVERY)
    if BearerToken.objects.filter(stale, pk=token_id).exists():
        BearerToken.objects.filter(pk=token_id).update(last_used_at=now())


def create_setup_token() -> str | None:
    """Return a fresh single-use set-up secret, voiding earlier ones; None when an admin exists."""
    if not needs_setup():
        return None
    secret = new_secret("mrs")
    with transaction.atomic():
        SetupToken.objects.filter(used_at=None).delete()
        SetupToken.objects.create(
            digest=digest_of(secret), expires_at=now() + timedelta(seconds=settings.MOORING_SETUP_TTL_S)
        )
    return secret


def complete_setup(*, secret: str, username: str, password: str) -> User:
    """Make the first admin. Of two racing callers one wins. Raises Forbidden when the secret is not good (any more)."""
    with transaction.atomic():
        token = valid_setup_token(secret)
        if token is None or not needs_setup():
            raise Forbidden("the set-up link is not valid any more; run `manage.py setup_link` for a new one")
        if not SetupToken.objects.filter(pk=token.pk, used_at=None).update(used_at=now()):
            raise Forbidden("the set-up link has been used")
        return create_user(username=username, password=password, role=Role.ADMIN)


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages)) from None
    user.set_password(password)


def _require_another_admin(user: User) -> None:
    Organisation.objects.select_for_update().get(pk=user.organisation_id)  # of two admins at once, one asks first
    others = User.objects.filter(role=Role.ADMIN, is_active=True, organisation_id=user.organisation_id)
    if not others.exclude(pk=user.pk).exists():
        raise Conflict("this is the last admin; make another one first")
