"""Users, tokens, set-up, throttling, and that taking a right away is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from controlplane.accounts import throttle
from controlplane.accounts.actions import (
    change_user,
    complete_setup,
    create_setup_token,
    create_token,
    create_user,
    remove_user,
    revoke_token,
)
from controlplane.accounts.models import BearerToken, LoginFailure, SetupToken, User
from controlplane.accounts.revocation import RevocationWatch
from controlplane.accounts.selectors import actor_for_token, actor_for_user, is_still_valid
from controlplane.audit.models import AuditEntry
from controlplane.engine_api.application import EngineApi
from controlplane.kernel.clock import now
from controlplane.kernel.database import in_thread
from wire.errors import Conflict, Forbidden, Invalid

PASSWORD = "a long enough secret"


def test_setup_token_makes_one_admin_once(db: None) -> None:
    secret = create_setup_token()
    assert secret is not None
    user = complete_setup(secret=secret, username="ada", password=PASSWORD)
    assert user.role == "admin"
    with pytest.raises(Forbidden):
        complete_setup(secret=secret, username="eve", password=PASSWORD)
    assert create_setup_token() is None


def test_setup_survives_a_weak_password(db: None) -> None:
    secret = create_setup_token()
    assert secret is not None
    with pytest.raises(Invalid, match="too short"):
        complete_setup(secret=secret, username="ada", password="short")
    complete_setup(secret=secret, username="ada", password=PASSWORD)


def test_expired_setup_token_is_refused(db: None) -> None:
    secret = create_setup_token()
    assert secret is not None
    SetupToken.objects.update(expires_at=now() - timedelta(seconds=1))
    with pytest.raises(Forbidden):
        complete_setup(secret=secret, username="ada", password=PASSWORD)


def test_last_admin_cannot_be_lost(admin: User) -> None:
    for change in ({"role": "member"}, {"is_active": False}):
        with pytest.raises(Conflict):
            change_user(admin, **change)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        remove_user(admin)
    create_user(username="bob", password=PASSWORD, role="admin")
    change_user(admin, role="member")


def test_tokens_are_kept_as_digests_and_die(member: User) -> None:
    token, secret = create_token(user_id=member.pk, name="ci")
    assert secret not in str(BearerToken.objects.filter(pk=token.pk).values().get())
    actor = actor_for_token(secret)
    assert actor is not None
    assert actor.name == "mel"
    assert is_still_valid(actor)
    revoke_token(user_id=member.pk, token_id=token.pk)
    assert actor_for_token(secret) is None
    assert not is_still_valid(actor)


@pytest.mark.parametrize("how", ["expired", "inactive"])
def test_expired_token_and_inactive_user_open_nothing(how: str, member: User) -> None:
    token, secret = create_token(user_id=member.pk, name="ci")
    if how == "expired":
        BearerToken.objects.filter(pk=token.pk).update(expires_at=now() - timedelta(seconds=1))
    else:
        change_user(member, is_active=False)
    assert actor_for_token(secret) is None


def test_a_changed_role_ends_what_was_opened_with_the_old_one(admin: User, member: User) -> None:
    _, secret = create_token(user_id=member.pk, name="ci")
    actor = actor_for_token(secret)
    assert actor is not None
    change_user(member, role="admin")
    assert not is_still_valid(actor)


def test_sign_in_counts_failures_and_does_not_lock_the_owner_out(
    admin: User, client_of: Callable[..., Client], post: Callable[..., Any]
) -> None:
    client = client_of(None)
    for _ in range(throttle.LIMIT_PER_ACCOUNT):
        answer = post(client, "/api/v1/session", {"username": "ada", "password": "wrong"})
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "wrong_credentials"
    blocked = post(client, "/api/v1/session", {"username": "ada", "password": PASSWORD})
    assert blocked.status_code == 429
    assert int(blocked.headers["Retry-After"]) > 0
    elsewhere = Client(enforce_csrf_checks=True, REMOTE_ADDR="192.0.2.7")
    elsewhere.get("/api/v1/setup")
    assert post(elsewhere, "/api/v1/session", {"username": "ada", "password": PASSWORD}).status_code == 200
    LoginFailure.objects.update(window_started_at=now() - throttle.WINDOW)
    assert post(client, "/api/v1/session", {"username": "ada", "password": PASSWORD}).status_code == 200


def test_unknown_user_and_wrong_password_answer_alike(
    admin: User, client_of: Callable[..., Client], post: Callable[..., Any]
) -> None:
    answers = [
        post(client_of(None), "/api/v1/session", {"username": name, "password": "wrong"}).json()["error"]
        for name in ("ada", "nobody")
    ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1]


def test_sign_in_gives_a_new_session_key_and_sign_out_ends_it(
    admin: User, client_of: Callable[..., Client], post: Callable[..., Any]
) -> None:
    client = client_of(None)
    client.cookies["mooring_session"] = "chosen-by-an-attacker"
    assert post(client, "/api/v1/session", {"username": "ada", "password": PASSWORD}).status_code == 200
    key = client.cookies["mooring_session"].value
    assert key != "chosen-by-an-attacker"
    actor = actor_for_user(admin, method="session", session_key=key)
    assert is_still_valid(actor)
    assert post(client, "/api/v1/session", method="delete").status_code == 204
    assert not is_still_valid(actor)


def test_a_token_with_a_cookie_is_refused(admin: User, client_of: Callable[..., Client]) -> None:
    client = client_of(admin, token=True)
    client.cookies["mooring_session"] = "anything"
    assert client.get("/api/v1/hosts").status_code == 400


@pytest.mark.django_db(transaction=True)
async def test_watch_cancels_what_a_revoked_actor_holds() -> None:
    user = await in_thread(create_user, username="mel", password=PASSWORD)
    token, secret = await in_thread(create_token, user_id=user.pk, name="ci")
    actor = await in_thread(actor_for_token, secret)
    assert actor is not None
    watch = RevocationWatch()
    held = asyncio.Event()

    async def stream() -> None:
        async with watch.hold(actor):
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stream())
    await held.wait()
    await watch.check()
    assert not task.cancelling()
    await in_thread(revoke_token, user_id=user.pk, token_id=token.pk)
    await watch.check()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_refused_strangers_are_on_record(
    admin: User, client_of: Callable[..., Client], post: Callable[..., Any]
) -> None:
    client = client_of(None)
    post(client, "/api/v1/session", {"username": "ada", "password": "wrong"})
    post(client, "/api/v1/session", {"username": "my-password-by-mistake", "password": "wrong"})
    post(client, "/api/v1/setup", {"token": "guess", "username": "eve", "password": PASSWORD})
    entries = AuditEntry.objects.filter(organisation_id=admin.organisation_id, decision="denied").order_by("pk")
    assert [(entry.action, entry.target_name, entry.source) for entry in entries] == [
        ("session.open", "ada", "127.0.0.1"), ("session.open", "", "127.0.0.1"), ("setup.complete", "", "127.0.0.1"),
    ]  # fmt: skip
    post(client, "/api/v1/session", {"username": "ada", "password": PASSWORD})
    post(client, "/api/v1/session", method="delete")
    assert AuditEntry.objects.latest("pk").action == "session.close"


@pytest.mark.django_db(transaction=True)
async def test_a_refusal_at_the_engine_api_is_on_record(member: User) -> None:
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    async def ask(method: str, path: str) -> int:
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
                 "headers": []}  # fmt: skip
        actor = await in_thread(actor_for_user, member, method="token")
        await EngineApi()(scope, None, send, actor)  # type: ignore[arg-type]
        return int(answers[-2]["status"])

    assert await ask("GET", "/swarm/unlockkey") == 403
    assert not await in_thread(AuditEntry.objects.exists)
    assert await ask("POST", "/v1.45/plugins/evil/enable") == 403
    entry = await in_thread(AuditEntry.objects.get)
    assert (entry.decision, entry.action, entry.actor_name) == ("denied", "host.manage", "mel")
    assert entry.target_name == "evil"
    assert await ask("GET", "/containers/a%00b/json") == 400


def test_a_nul_byte_in_an_address_is_a_bad_request(admin: User, client_of: Callable[..., Client]) -> None:
    for path in ("/api/v1/containers?q=%00", "/api/v1/hosts/a%00b"):
        assert client_of(admin).get(path).status_code == 400
