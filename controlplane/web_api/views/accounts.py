"""Bearer tokens and users."""

from __future__ import annotations

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts.access import Action, Target
from controlplane.accounts.actions import change_user, create_token, create_user, remove_user, revoke_token
from controlplane.accounts.models import User
from controlplane.accounts.selectors import list_tokens, list_users
from controlplane.audit.actions import authorise_and_record
from controlplane.kernel.pagination import page_of
from controlplane.web_api.serializers.accounts import (
    NewTokenSerializer,
    NewUserSerializer,
    TokenRequestSerializer,
    TokenSerializer,
    UserChangeSerializer,
    UserSerializer,
)
from controlplane.web_api.serializers.paging import PAGE_PARAMETERS, paged
from controlplane.web_api.shapes.jobs import token_dict, user_dict
from controlplane.web_api.views.api_view import ApiView
from wire.errors import Forbidden, NotFound

__all__ = ["TokenListView", "TokenView", "UserListView", "UserView"]


class TokenListView(ApiView):
    """The caller's own bearer tokens."""

    actions = {"GET": Action.TOKEN_OWN, "POST": Action.TOKEN_OWN}

    @extend_schema(
        operation_id="tokens_list", parameters=PAGE_PARAMETERS, responses=paged("TokenPage", TokenSerializer)
    )
    def get(self, request: Request) -> Response:
        """List the caller's tokens, newest first, without their secrets."""
        page = page_of(list_tokens(self.actor), self.param("page"), self.param("page_size"))
        return self.paged(page, [token_dict(token) for token in page.rows])

    @extend_schema(operation_id="tokens_create", request=TokenRequestSerializer, responses={201: NewTokenSerializer})
    def post(self, request: Request) -> Response:
        """Make a token; its secret is shown this once. A token cannot make tokens."""
        data = self.valid(TokenRequestSerializer)
        if self.actor.user_id is None or self.actor.method != "session":
            raise Forbidden("sign in to make a token: a token cannot make tokens")
        authorise_and_record(
            self.actor, Action.TOKEN_OWN, Target("token", "", data["name"], self.actor.organisation_id),
            request_id=self.request_id, detail="create",
        )  # fmt: skip
        token, secret = create_token(user_id=self.actor.user_id, name=data["name"], expires_at=data.get("expires_at"))
        return Response({**token_dict(token), "token": secret}, status=201)


class TokenView(ApiView):
    """One token."""

    actions = {"DELETE": Action.TOKEN_OWN}

    @extend_schema(operation_id="tokens_revoke", request=None, responses={204: None})
    def delete(self, request: Request, token_id: uuid.UUID) -> Response:
        """Revoke a token; streams opened with it end within seconds."""
        authorise_and_record(
            self.actor, Action.TOKEN_OWN, Target("token", str(token_id), "", self.actor.organisation_id),
            request_id=self.request_id, detail="revoke",
        )  # fmt: skip
        revoke_token(user_id=self.actor.user_id, token_id=token_id)
        return Response(status=204)


class UserListView(ApiView):
    """All users."""

    actions = {"GET": Action.USER_MANAGE, "POST": Action.USER_MANAGE}

    @extend_schema(operation_id="users_list", parameters=PAGE_PARAMETERS, responses=paged("UserPage", UserSerializer))
    def get(self, request: Request) -> Response:
        """List users by name."""
        page = page_of(list_users(self.actor.organisation_id), self.param("page"), self.param("page_size"))
        return self.paged(page, [user_dict(user) for user in page.rows])

    @extend_schema(operation_id="users_create", request=NewUserSerializer, responses={201: UserSerializer})
    def post(self, request: Request) -> Response:
        """Make a user."""
        data = self.valid(NewUserSerializer)
        authorise_and_record(
            self.actor, Action.USER_MANAGE, Target("user", "", data["username"], self.actor.organisation_id),
            request_id=self.request_id, detail=f"create as {data['role']}",
        )  # fmt: skip
        user = create_user(**data, organisation_id=self.actor.organisation_id)
        return Response(user_dict(user), status=201)


class UserView(ApiView):
    """One user."""

    actions = {"PATCH": Action.USER_MANAGE, "DELETE": Action.USER_MANAGE}

    @extend_schema(operation_id="users_change", request=UserChangeSerializer, responses=UserSerializer)
    def patch(self, request: Request, user_id: uuid.UUID) -> Response:
        """Change role, password or whether the user may sign in; open streams follow within seconds."""
        data = self.valid(UserChangeSerializer)
        return Response(user_dict(change_user(self._recorded(user_id, f"change {', '.join(sorted(data))}"), **data)))

    @extend_schema(operation_id="users_remove", request=None, responses={204: None})
    def delete(self, request: Request, user_id: uuid.UUID) -> Response:
        """Remove a user with its tokens."""
        remove_user(self._recorded(user_id, "remove"))
        return Response(status=204)

    def _recorded(self, user_id: uuid.UUID, detail: str) -> User:
        user = list_users(self.actor.organisation_id).filter(pk=user_id).first()
        if user is None:
            raise NotFound(f"No such user: {user_id}")
        authorise_and_record(
            self.actor, Action.USER_MANAGE, Target("user", str(user.pk), user.username, user.organisation_id),
            request_id=self.request_id, detail=detail,
        )  # fmt: skip
        return user
