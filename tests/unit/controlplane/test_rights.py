"""Every route of every protocol × every role, against one table written by hand. A route that is not here fails."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver

from controlplane.accounts.access import Action, Target, authorise, is_allowed
from controlplane.accounts.actor import ANONYMOUS, Actor, Principal
from controlplane.accounts.models import User
from controlplane.engine_api.routes import ROUTES, How
from controlplane.streams.consumer import StreamConsumer
from controlplane.streams.routes import SOCKETS
from controlplane.urls import urlpatterns
from controlplane.web_api.views.api_view import ApiView
from wire.errors import Forbidden, NotFound, Unauthenticated

ANYONE, PEOPLE, ADMIN, NOBODY = "anyone", "people", "admin", "nobody"

API = {
    "GET /api/v1/setup": ANYONE,
    "POST /api/v1/setup": ANYONE,
    "GET /api/v1/session": ANYONE,
    "POST /api/v1/session": ANYONE,
    "DELETE /api/v1/session": PEOPLE,
    "GET /api/v1/health": ANYONE,
    "GET /api/v1/schema": PEOPLE,
    "GET /api/v1/overview": PEOPLE,
    "GET /api/v1/hosts": PEOPLE,
    "GET /api/v1/hosts/x": PEOPLE,
    "PATCH /api/v1/hosts/x": ADMIN,
    "DELETE /api/v1/hosts/x": ADMIN,
    "POST /api/v1/enrolments": ADMIN,
    "GET /api/v1/enrolments/00000000-0000-0000-0000-000000000000": ADMIN,
    "GET /api/v1/containers": PEOPLE,
    "POST /api/v1/containers": PEOPLE,
    "GET /api/v1/hosts/x/containers/x": PEOPLE,
    "POST /api/v1/hosts/x/containers/x/actions": PEOPLE,
    "GET /api/v1/hosts/x/containers/x/stats": PEOPLE,
    "GET /api/v1/hosts/x/containers/x/top": PEOPLE,
    "POST /api/v1/hosts/x/containers/x/terminals": PEOPLE,
    "GET /api/v1/images": PEOPLE,
    "POST /api/v1/images/pull": PEOPLE,
    "DELETE /api/v1/hosts/x/images/x": PEOPLE,
    "GET /api/v1/volumes": PEOPLE,
    "POST /api/v1/volumes": PEOPLE,
    "DELETE /api/v1/hosts/x/volumes/x": PEOPLE,
    "GET /api/v1/networks": PEOPLE,
    "POST /api/v1/networks": PEOPLE,
    "DELETE /api/v1/hosts/x/networks/x": PEOPLE,
    "GET /api/v1/events": PEOPLE,
    "GET /api/v1/jobs": PEOPLE,
    "GET /api/v1/jobs/x": PEOPLE,
    "GET /api/v1/jobs/x/output": PEOPLE,
    "POST /api/v1/jobs/x/cancel": PEOPLE,
    "POST /api/v1/jobs/x/retry": PEOPLE,
    "GET /api/v1/tokens": PEOPLE,
    "POST /api/v1/tokens": PEOPLE,
    "DELETE /api/v1/tokens/00000000-0000-0000-0000-000000000000": PEOPLE,
    "GET /api/v1/users": ADMIN,
    "POST /api/v1/users": ADMIN,
    "PATCH /api/v1/users/00000000-0000-0000-0000-000000000000": ADMIN,
    "DELETE /api/v1/users/00000000-0000-0000-0000-000000000000": ADMIN,
    "GET /api/v1/audit": ADMIN,
    "POST /agent/v1/enroll": ANYONE,
    "GET /agent/v1/install": ANYONE,
    "GET /agent/v1/source.tar.gz": ANYONE,
}
SOCKET_ROLES = {"ws/events": PEOPLE, "ws/logs": PEOPLE, "ws/stats": PEOPLE, "ws/terminal": PEOPLE, "ws/jobs": PEOPLE}
# Engine routes an ordinary member may not use; every other one is for members and admins, none for the unknown.
ENGINE_ADMIN_ONLY = re.compile(
    r"GET /swarm/unlockkey|POST /swarm/.*|(POST|DELETE) /(nodes|services|tasks|secrets|configs).*"
    r"|GET /plugins/privileges|(POST|DELETE) /plugins/.*"
)


def api_routes() -> Iterator[tuple[str, type[Any]]]:
    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, type[Any]]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, prefix + str(pattern.pattern))
            elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "view_class"):
                path = re.sub(r"<uuid:\w+>", str(uuid.UUID(int=0)), prefix + str(pattern.pattern))
                yield "/" + re.sub(r"<\w+:\w+>", "x", path), pattern.callback.view_class

    yield from walk(urlpatterns, "")


def test_every_api_method_declares_its_action_and_is_in_the_table() -> None:
    found = set()
    for path, view in api_routes():
        assert issubclass(view, ApiView), f"{path} bypasses ApiView"
        for method in ("get", "post", "put", "patch", "delete"):
            if hasattr(view, method):
                assert method.upper() in view.actions, f"{method} {path} declares no action"
                found.add(f"{method.upper()} {path}")
    assert found == set(API)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["anonymous", "member", "admin"])
def test_api_lets_in_exactly_whom_the_table_names(
    role: str,
    request: pytest.FixtureRequest,
    client_of: Callable[..., Client],
    post: Callable[..., Any],
    sent: list[uuid.UUID],
) -> None:
    user = None if role == "anonymous" else request.getfixturevalue(role)
    for route, who in API.items():
        client = client_of(user)
        method, path = route.split(" ")
        status = post(client, path, method=method.lower()).status_code
        may = who == ANYONE or (who == PEOPLE and role != "anonymous") or (who == ADMIN and role == "admin")
        refused = status == 401 if role == "anonymous" else status == 403
        if path in ("/api/v1/session", "/api/v1/setup", "/agent/v1/enroll"):
            continue  # their own proof is tested where they are
        assert refused is not may, f"{route} as {role} answered {status}"


@pytest.mark.django_db
def test_every_unsafe_route_refuses_a_session_without_csrf_token(admin: User, client_of: Callable[..., Client]) -> None:
    for route in API:
        method, path = route.split(" ")
        if method == "GET" or path == "/agent/v1/enroll":
            continue
        client = client_of(admin)
        answer = getattr(client, method.lower())(path, {}, content_type="application/json")
        assert answer.status_code == 403, f"{route} answered {answer.status_code}"
        assert "CSRF" in answer.json()["error"]["message"]


def test_every_engine_route_has_a_right_and_nothing_is_open() -> None:
    for pattern, route in ROUTES.items():
        assert not is_allowed(ANONYMOUS, route.action), pattern
        member = Actor(Principal.MEMBER)
        assert is_allowed(member, route.action) is not bool(ENGINE_ADMIN_ONLY.fullmatch(pattern)), pattern
        method = pattern.split(" ")[0]
        changes = method in ("POST", "PUT", "DELETE") and not pattern.endswith(("/wait", "/resize", "/auth"))
        if changes:
            assert route.how in (How.JOB, How.STREAMED, How.DIRECT, How.HIJACK), (
                f"{pattern} changes and is not recorded"
            )


def test_every_socket_is_a_stream_consumer_in_the_table() -> None:
    found = {}
    for pattern in SOCKETS:
        consumer = pattern.callback.consumer_class
        assert issubclass(consumer, StreamConsumer)
        path = str(pattern.pattern).lstrip("^").split("/(")[0]
        found[path] = ADMIN if not is_allowed(Actor(Principal.MEMBER), consumer.action) else PEOPLE
        assert not is_allowed(ANONYMOUS, consumer.action)
    assert found == SOCKET_ROLES


@pytest.mark.parametrize("action", list(Action))
def test_another_organisations_object_does_not_exist(action: Action) -> None:
    mine, theirs = uuid.uuid4(), uuid.uuid4()
    target = Target("container", "abc", "web", organisation_id=theirs)
    for principal in (Principal.MEMBER, Principal.ADMIN, Principal.HOST):
        with pytest.raises(NotFound, match="No such container: web"):
            authorise(Actor(principal, mine), action, target)
    with pytest.raises(Unauthenticated):
        authorise(ANONYMOUS, action, target)


def test_a_host_may_open_its_tunnel_and_nothing_else() -> None:
    host = Actor(Principal.HOST, uuid.uuid4())
    for action in Action:
        target = Target("host", organisation_id=host.organisation_id)
        if action is Action.TUNNEL_OPEN:
            authorise(host, action, target)
        else:
            with pytest.raises(Forbidden):
                authorise(host, action, target)
