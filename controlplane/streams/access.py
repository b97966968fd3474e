"""Who opened a browser socket: the session cookie, and an Origin that is our own. Django's middleware does not run for
sockets, so both are checked here, before anything is accepted."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http.request import split_domain_port, validate_host
from django.utils.crypto import constant_time_compare

from controlplane.accounts.actor import ANONYMOUS, Actor
from controlplane.accounts.backends import PasswordBackend
from controlplane.accounts.selectors import actor_for_user

__all__ = ["is_own_origin", "session_actor"]


def _header(scope: Any, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def is_own_origin(scope: Any) -> bool:
    """Return whether the page that opened the socket is ours: a missing, `null` or foreign origin is refused, and so is
    a page that came unencrypted when the socket did not: whoever is on the line may have written that page."""
    origin = urlsplit(_header(scope, b"origin"))
    host = _header(scope, b"host")
    if origin.scheme not in ("http", "https") or not origin.netloc or not host:
        return False
    if f"{origin.scheme}://{origin.netloc}" in settings.CSRF_TRUSTED_ORIGINS:
        return True
    if origin.scheme == "http" and _is_encrypted(scope):
        return False
    return origin.netloc == host and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)


def _is_encrypted(scope: Any) -> bool:
    forwarded = settings.MOORING_TRUST_PROXY and _header(scope, b"x-forwarded-proto") == "https"
    return bool(forwarded) or scope.get("scheme") == "wss"


def session_actor(scope: Any, source: str) -> Actor:
    """Return the actor of the session cookie; anonymous without a good one. Blocking."""
    try:
        cookies = SimpleCookie(_header(scope, b"cookie"))
    except CookieError:
        return ANONYMOUS
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    if morsel is None:
        return ANONYMOUS
    session = import_module(settings.SESSION_ENGINE).SessionStore(morsel.value)
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return ANONYMOUS
    user = PasswordBackend().get_user(session.get(SESSION_KEY))
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return ANONYMOUS
    return actor_for_user(user, method="session", source=source, session_key=session.session_key)
