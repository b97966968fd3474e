"""People, hosts and clients for the control plane's unit tests."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from controlplane.accounts.actions import create_token, create_user
from controlplane.accounts.actor import Actor
from controlplane.accounts.models import User
from controlplane.accounts.selectors import actor_for_user, default_organisation
from controlplane.fleet.actions import begin_gateway_epoch, link_up
from controlplane.fleet.models import Host

PASSWORD = "a long enough secret"


def pytest_configure() -> None:
    settings.MOORING_DATA.mkdir(parents=True, exist_ok=True)


def pytest_unconfigure() -> None:
    shutil.rmtree(settings.MOORING_DATA, ignore_errors=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """Ids of jobs whose message was sent, in place of a broker."""
    messages: list[uuid.UUID] = []

    def dispatch(uid: uuid.UUID) -> bool:
        messages.append(uid)
        return True

    monkeypatch.setattr("controlplane.jobs.actions.dispatch", dispatch)
    monkeypatch.setattr("controlplane.jobs.sweeping.dispatch", dispatch)
    return messages


@pytest.fixture
def admin(db: None) -> User:
    return create_user(username="ada", password=PASSWORD, role="admin")


@pytest.fixture
def member(db: None) -> User:
    return create_user(username="mel", password=PASSWORD, role="member")


@pytest.fixture
def actor(admin: User) -> Actor:
    return actor_for_user(admin, method="session")


@pytest.fixture
def host(db: None) -> Host:
    """A host whose tunnel is up."""
    epoch = begin_gateway_epoch()
    host = Host.objects.create(organisation=default_organisation(), name="fra1", facts={"cpus": 2})
    link_up(host.pk, epoch)
    host.refresh_from_db()
    return host


@pytest.fixture
def client_of() -> Callable[..., Client]:
    """Return a client signed in as a user, by session or by bearer token; CSRF is enforced as in production."""

    def make(user: User | None, *, token: bool = False) -> Client:
        if user is not None and token:
            _, secret = create_token(user_id=user.pk, name="test")
            return Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {secret}"})
        client = Client(enforce_csrf_checks=True)
        client.get("/api/v1/setup")
        if user is not None:
            client.force_login(user)
        return client

    return make


@pytest.fixture
def post() -> Callable[..., Any]:
    """POST (or another method) JSON with the CSRF header a browser sends."""

    def send(client: Client, path: str, body: Any = None, method: str = "post") -> Any:
        morsel = client.cookies.get("mooring_csrftoken")
        headers = {"x-csrftoken": morsel.value} if morsel else {}
        return getattr(client, method)(path, body or {}, content_type="application/json", headers=headers)

    return send
