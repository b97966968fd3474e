"""First set-up, signing in and out."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, login, logout
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import ensure_csrf_cookie
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts import throttle
from controlplane.accounts.access import Action, Target
from controlplane.accounts.actions import complete_setup
from controlplane.accounts.actor import Principal
from controlplane.accounts.models import User
from controlplane.accounts.selectors import actor_for_user, default_organisation, needs_setup
from controlplane.audit.actions import record, record_stranger
from controlplane.web_api.authentication import client_address
from controlplane.web_api.serializers.accounts import (
    CredentialsSerializer,
    SessionSerializer,
    SetupSerializer,
    SetupStateSerializer,
)
from controlplane.web_api.shapes.jobs import session_dict
from controlplane.web_api.views.api_view import ApiView
from wire.errors import Invalid, MooringError, Unauthenticated

__all__ = ["SessionView", "SetupView"]


def _sign_in(request: Request, user: User) -> dict[str, Any]:
    login(request._request, user, backend="controlplane.accounts.backends.PasswordBackend")  # cycles the session key
    return session_dict(actor_for_user(user, method="session", source=client_address(request)))


@method_decorator(ensure_csrf_cookie, name="dispatch")
class SetupView(ApiView):
    """The first admin."""

    actions = {"GET": Action.SETUP, "POST": Action.SETUP}

    @extend_schema(responses=SetupStateSerializer, operation_id="setup_get")
    def get(self, request: Request) -> Response:
        """Say whether nobody administers this plane yet."""
        return Response({"needed": needs_setup()})

    @extend_schema(request=SetupSerializer, responses=SessionSerializer, operation_id="setup_complete")
    def post(self, request: Request) -> Response:
        """Make the first admin with the console's single-use token, and sign in."""
        data = self.valid(SetupSerializer)
        address = client_address(request)
        throttle.check(address, "setup")
        try:
            user = complete_setup(secret=data["token"], username=data["username"], password=data["password"])
        except Invalid:
            raise
        except MooringError as error:
            throttle.record_failure(address, "setup")
            record_stranger(
                Action.SETUP, Target("organisation"), default_organisation().pk, source=address,
                request_id=self.request_id, detail=error.message,
            )  # fmt: skip
            raise
        actor = actor_for_user(user, method="session", source=address)
        record(actor, Action.SETUP, Target("user", str(user.pk), user.username, user.organisation_id),
               request_id=self.request_id)  # fmt: skip
        return Response(_sign_in(request, user))


@method_decorator(ensure_csrf_cookie, name="dispatch")
class SessionView(ApiView):
    """The browser's session."""

    actions = {
        "GET": Action.SESSION_OPEN,
        "POST": Action.SESSION_OPEN,
        "DELETE": Action.SESSION_CLOSE,
    }

    @extend_schema(responses=SessionSerializer, operation_id="session_get")
    def get(self, request: Request) -> Response:
        """Say who is signed in; 401 when nobody is."""
        if self.actor.principal is Principal.ANONYMOUS:
            raise Unauthenticated("authentication is required")
        return Response(session_dict(self.actor))

    @extend_schema(request=CredentialsSerializer, responses=SessionSerializer, operation_id="session_open")
    def post(self, request: Request) -> Response:
        """Sign in. Wrong user and wrong password answer alike; failures are counted per address and account."""
        data = self.valid(CredentialsSerializer)
        address = client_address(request)
        throttle.check(address, data["username"])
        user = authenticate(request._request, username=data["username"], password=data["password"])
        if not isinstance(user, User):
            throttle.record_failure(address, data["username"])
            self._record_refusal(data["username"])
            raise Unauthenticated("the user name or the password is wrong", code="wrong_credentials")
        throttle.reset(address, data["username"])
        actor = actor_for_user(user, method="session", source=address)
        record(actor, Action.SESSION_OPEN, Target("user", str(user.pk), user.username, user.organisation_id),
               request_id=self.request_id)  # fmt: skip
        return Response(_sign_in(request, user))

    @extend_schema(request=None, responses={204: None}, operation_id="session_close")
    def delete(self, request: Request) -> Response:
        """Sign out; the session's open sockets end within seconds."""
        user_id = str(self.actor.user_id or "")
        record(self.actor, Action.SESSION_CLOSE, Target("user", user_id, self.actor.name, self.actor.organisation_id),
               request_id=self.request_id)  # fmt: skip
        logout(request._request)
        return Response(status=204)

    def _record_refusal(self, username: str) -> None:
        """Note a failed sign-in. What was typed is only kept when it is a user: people type passwords there too."""
        known = User.objects.filter(username=username).first()
        organisation_id = known.organisation_id if known is not None else default_organisation().pk
        target = Target("user", str(known.pk), known.username) if known is not None else Target("user")
        record_stranger(
            Action.SESSION_OPEN, target, organisation_id, source=client_address(self.request),
            request_id=self.request_id, detail="the user name or the password is wrong",
        )  # fmt: skip
