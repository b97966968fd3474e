"""Password sign-in for Django's session machinery."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from controlplane.accounts.models import User

__all__ = ["PasswordBackend"]


class PasswordBackend(BaseBackend):
    """Check a password in the same time whether or not the user exists."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return the active user with that password, else None."""
        if username is None or password is None:
            return None
        user = User.objects.filter(username=username).first()
        if user is None:
            User().set_password(password)  # spend the time a real check takes
            return None
        if not user.check_password(password) or not user.is_active:
            return None
        return user

    def get_user(self, user_id: Any) -> User | None:
        """Return the active user of a session, else None: taking `is_active` away ends the session."""
        return User.objects.select_related("organisation").filter(pk=user_id, is_active=True).first()
