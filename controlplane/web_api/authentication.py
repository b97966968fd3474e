"""Session cookie (with CSRF) or bearer token, never both; the result is an `Actor` in `request.auth`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from controlplane.accounts.actions import touch_token
from controlplane.accounts.actor import ANONYMOUS, Actor
from controlplane.accounts.selectors import actor_for_token, actor_for_user
from wire.errors import Invalid, Unauthenticated

__all__ = ["RequestAuthentication", "client_address"]

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def client_address(request: HttpRequest | Request) -> str:
    """Return the peer's address; that of a proxy's client where the frontdoor believes the proxy."""
    return str(request.META.get("REMOTE_ADDR") or "")


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


class RequestAuthentication(BaseAuthentication):
    """Anonymous is an answer too; whether that is enough is decided by `accounts.access` alone."""

    def authenticate(self, request: Request) -> tuple[Any, Actor]:
        """Return (user or None, actor). Raises Unauthenticated for a bad token, PermissionDenied for CSRF."""
        django_request: HttpRequest = request._request
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if header:
            if django_request.COOKIES.get(settings.SESSION_COOKIE_NAME):
                raise Invalid("send a bearer token or a session cookie, not both")
            scheme, _, secret = header.partition(" ")
            actor = (
                actor_for_token(secret.strip(), source=client_address(request)) if scheme.lower() == "bearer" else None
            )
            if actor is None or actor.token_id is None:
                raise Unauthenticated("the bearer token is not valid")
            touch_token(actor.token_id)
            return None, actor
        if request.method not in SAFE_METHODS and not getattr(
            request.parser_context["view"], "csrf_exempt_by_design", False
        ):
            self._enforce_csrf(django_request)
        user = getattr(django_request, "user", None)
        if user is None or not user.is_authenticated:
            return None, ANONYMOUS
        actor = actor_for_user(
            user, method="session", source=client_address(request), session_key=django_request.session.session_key
        )
        return user, actor

    def authenticate_header(self, request: Request) -> str:
        """Make DRF answer 401 and not 403 to the unknown."""
        return "Bearer"

    @staticmethod
    def _enforce_csrf(request: HttpRequest) -> None:
        check = _CsrfCheck(lambda _: None)  # type: ignore[arg-type]
        check.process_request(request)
        reason = check.process_view(request, None, (), {})  # type: ignore[arg-type]
        if reason:
            raise PermissionDenied(f"CSRF: {reason}")


class RequestAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names it."""

    target_class = "controlplane.web_api.authentication.RequestAuthentication"
    name = ["session", "bearer"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Return both schemes."""
        return [
            {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
            {"type": "http", "scheme": "bearer"},
        ]
