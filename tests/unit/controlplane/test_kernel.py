"""The in-process bus, and what a database that is away looks like from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import celery
import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from controlplane.accounts.models import User
from controlplane.fleet.actions import remove_host
from controlplane.fleet.models import Host
from controlplane.kernel import bus, timetable
from controlplane.kernel.tasks import clean_expired
from controlplane.settings.database import database_from_environment
from controlplane.workloads.actions import replace_all
from controlplane.workloads.models import Container


@dataclass(frozen=True)
class Happened:
    what: str


def test_a_handler_that_fails_does_not_keep_the_next_from_running_and_is_told() -> None:
    taken: list[str] = []

    def broken(event: Happened) -> None:
        raise ZeroDivisionError

    bus.subscribe(Happened, broken)
    bus.subscribe(Happened, lambda event: taken.append(event.what))
    with pytest.raises(ZeroDivisionError):
        bus.publish(Happened("x"))
    assert taken == ["x"]


def test_a_database_that_is_away_is_503_and_says_when_to_come_back(
    admin: User, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("database is locked")

    client = client_of(admin)
    monkeypatch.setattr("controlplane.web_api.views.hosts.list_hosts", away)
    answer = client.get("/api/v1/hosts")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "locked" not in answer.content.decode()


def test_cleaning_drops_the_mirror_of_removed_hosts_only(host: Host) -> None:
    other = Host.objects.create(organisation=host.organisation, name="gone")
    for each in (host, other):
        replace_all(each.pk, {"seq": 1, "containers": [{"Id": "a" * 64, "Names": ["/a"], "State": "running"}]})
    remove_host(other)
    clean_expired()
    assert [row.host_id for row in Container.objects.all()] == [host.pk]


def test_database_addresses() -> None:
    url = "postgresql://mo%40r:s%2Fx@db:5433/mooring?sslmode=require"
    wanted = database_from_environment(url, settings.MOORING_DATA)
    assert (wanted["USER"], wanted["PASSWORD"], wanted["PORT"]) == ("mo@r", "s/x", "5433")
    assert wanted["OPTIONS"]["sslmode"] == "require"
    with pytest.raises(ValueError, match="unknown scheme"):
        database_from_environment("mysql://x", settings.MOORING_DATA)


def test_the_tests_settings_are_far_from_a_real_installation() -> None:
    assert settings.MOORING_DATA.name.startswith("mooring-unit-")
    name = str(settings.DATABASES["default"]["NAME"])
    assert (
        settings.DATABASES["default"]["ENGINE"].endswith("postgresql") or name == ":memory:" or "mooring-unit-" in name
    )


def test_the_timetable_does_not_ask_what_time_of_day_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [1000.0]
    sent: list[str] = []
    monkeypatch.setattr(timetable.time, "monotonic", lambda: at[0])
    scheduler = timetable.SteadyScheduler(app=celery.Celery(set_as_current=False), lazy=True)
    monkeypatch.setattr(scheduler, "apply_entry", lambda entry, producer=None: sent.append(entry.name))
    monkeypatch.setattr(timetable.SteadyScheduler, "producer", None)
    for name, seconds in (("often", 3.0), ("seldom", 5.0)):
        entry = scheduler.Entry(name=name, task=name, schedule=seconds, app=scheduler.app)
        entry.last_run_at += timedelta(hours=1)  # the clock was set back after it ran
        scheduler.schedule[name] = entry

    def turn() -> list[str]:
        sent.clear()
        while scheduler.tick() == 0:
            pass
        return sorted(sent)

    assert turn() == ["often", "seldom"]
    assert turn() == []
    at[0] += 3
    assert turn() == ["often"]
    at[0] += 2.5
    assert turn() == ["seldom"]
