"""Joining, the meaning of the link, and that a replaced gateway has no say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.accounts.selectors import default_organisation
from controlplane.audit.models import AuditEntry
from controlplane.fleet.actions import (
    begin_gateway_epoch,
    create_enrolment,
    enroll,
    link_down,
    link_up,
    record_report,
    remove_host,
    renew_gateway_lease,
)
from controlplane.fleet.models import Enrolment, GatewayLease, Host
from controlplane.fleet.selectors import find_host_by_credential, gateway_silent_since, get_host, state_of
from controlplane.kernel.clock import now
from wire.errors import Conflict, Forbidden, Invalid, NotFound


def _permit(name: str = "") -> str:
    return create_enrolment(organisation_id=default_organisation().pk, name=name)[1]


def _state(host: Host) -> str:
    host.refresh_from_db()
    return state_of(host, gateway_silent_since())[0].value


def test_an_enrolment_token_works_once(db: None) -> None:
    secret = _permit()
    host, credential = enroll(secret=secret, name="fra1", facts={"os": "Debian"})
    assert find_host_by_credential(credential) == host
    assert credential not in str(Host.objects.values().get())
    with pytest.raises(Forbidden, match="has been used"):
        enroll(secret=secret, name="fra2", facts={})
    assert Host.objects.count() == 1


def test_expired_and_unknown_tokens_are_refused(db: None) -> None:
    secret = _permit()
    Enrolment.objects.update(expires_at=now() - timedelta(seconds=1))
    with pytest.raises(Forbidden, match="expired"):
        enroll(secret=secret, name="fra1", facts={})
    with pytest.raises(Forbidden, match="not known"):
        enroll(secret="mre_guess", name="fra1", facts={})


def test_a_taken_name_leaves_the_token_good(host: Host) -> None:
    secret = _permit()
    with pytest.raises(Conflict, match="exists already"):
        enroll(secret=secret, name=host.name, facts={})
    with pytest.raises(Invalid):
        enroll(secret=secret, name="../up", facts={})
    assert Enrolment.objects.get().problem
    enroll(secret=secret, name="other", facts={})


def test_the_enrolments_name_wins_over_the_machines(db: None) -> None:
    host, _ = enroll(secret=_permit("chosen"), name="machine", facts={})
    assert host.name == "chosen"


def test_state_follows_the_live_link(host: Host) -> None:
    epoch = host.link_epoch
    assert _state(host) == "online"
    record_report(host.pk, findings=[{"severity": "info", "title": "no AppArmor"}])
    assert _state(host) == "online"
    record_report(host.pk, findings=[{"severity": "error", "title": "no overlay"}])
    assert _state(host) == "degraded"
    link_down(host.pk, epoch, left=False)
    assert _state(host) == "unknown"
    link_up(host.pk, epoch)
    link_down(host.pk, epoch, left=True)
    assert _state(host) == "offline"


def test_while_no_gateway_shows_life_linked_hosts_are_unknown(host: Host) -> None:
    silent = now() - timedelta(minutes=1)
    GatewayLease.objects.update(renewed_at=silent)
    host.refresh_from_db()
    state, since = state_of(host, gateway_silent_since())
    assert (state.value, since) == ("unknown", max(silent, host.link_since))


def test_a_replaced_gateway_can_neither_renew_nor_take_a_host_down(host: Host) -> None:
    old = host.link_epoch
    new = begin_gateway_epoch()
    assert _state(host) == "unknown"
    assert not renew_gateway_lease(old, [host.pk])
    link_up(host.pk, new)
    link_down(host.pk, old, left=False)
    assert _state(host) == "online"


def test_a_host_whose_end_could_not_be_written_is_found_lost(host: Host) -> None:
    epoch = host.link_epoch
    assert renew_gateway_lease(epoch, [])  # it may have dialled in just now
    assert _state(host) == "online"
    Host.objects.update(last_seen_at=now() - timedelta(minutes=1))
    assert renew_gateway_lease(epoch, [host.pk])
    assert _state(host) == "online"
    Host.objects.update(last_seen_at=now() - timedelta(minutes=1))
    assert renew_gateway_lease(epoch, [])
    assert _state(host) == "unknown"


def test_a_name_does_not_look_like_another_hosts_id(host: Host) -> None:
    for name in (str(host.pk), host.pk.hex):
        with pytest.raises(Invalid, match="must not look like"):
            enroll(secret=_permit(), name=name, facts={})


def test_removing_a_host_kills_its_credential_and_frees_its_name(db: None) -> None:
    host, credential = enroll(secret=_permit(), name="fra1", facts={})
    remove_host(host)
    assert find_host_by_credential(credential) is None
    with pytest.raises(NotFound):
        get_host(host.organisation_id, str(host.pk))
    enroll(secret=_permit(), name="fra1", facts={})


def test_enrolling_over_http_answers_the_agents_shape(
    admin: User, client_of: Callable[..., Client], post: Callable[..., Any]
) -> None:
    permitted = post(client_of(admin), "/api/v1/enrolments", {"name": "fra1"}).json()
    assert permitted["token"] in permitted["command"]
    agent = Client(enforce_csrf_checks=True)
    body = {"token": permitted["token"], "name": "x", "facts": {"os": "Debian"}}
    answer = agent.post("/agent/v1/enroll", body, content_type="application/json")
    assert answer.status_code == 201
    assert set(answer.json()) == {"host_id", "name", "credential"}
    again = agent.post("/agent/v1/enroll", body, content_type="application/json")
    assert again.status_code == 403
    assert "has been used" in again.json()["message"]
    refusal = AuditEntry.objects.get(decision="denied")
    assert (refusal.action, refusal.actor_type, refusal.target_name) == ("host.enroll", "anonymous", "x")
    progress = client_of(admin).get(f"/api/v1/enrolments/{permitted['id']}").json()
    assert progress["state"] == "used"
    assert [step["ok"] for step in progress["steps"]] == [True, True, None, None]
