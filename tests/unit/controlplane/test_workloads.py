"""The mirror: snapshot plus news equals a fresh snapshot, and a list costs a fixed number of queries."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.fleet.actions import link_down
from controlplane.fleet.models import Host
from controlplane.kernel.clock import now
from controlplane.web_api.serializers.containers import ContainerSerializer
from controlplane.web_api.serializers.hosts import HostSerializer
from controlplane.web_api.serializers.jobs import AuditSerializer, JobSerializer
from controlplane.web_api.serializers.objects import ImageSerializer, NetworkSerializer, VolumeSerializer
from controlplane.workloads import actions
from controlplane.workloads.actions import apply_news, replace_all, replace_objects
from controlplane.workloads.models import Container, EngineEvent, HostMirror
from controlplane.workloads.parsing import container_columns, parse_time
from controlplane.workloads.selectors import find_container, list_containers
from controlplane.workloads.wording import status_text


def item(name: str, state: str = "running", **more: Any) -> dict[str, Any]:
    id_ = uuid.uuid5(uuid.NAMESPACE_URL, name).hex * 2
    return {
        "Id": id_, "Names": [f"/{name}"], "Image": "busybox", "ImageID": "sha256:1", "Command": "sh",
        "Created": 1_700_000_000, "State": state, "Status": "Up 1 second", "Ports": [], "Labels": {}, "Mounts": [],
        "NetworkSettings": {"Networks": {"bridge": {}}}, **more,
    }  # fmt: skip


def line(seq: int, action: str, container: dict[str, Any], *, gone: bool = False) -> dict[str, Any]:
    actor = {"ID": container["Id"], "Attributes": {"name": container["Names"][0][1:], "image": "busybox"}}
    event = {"Type": "container", "Action": action, "Actor": actor, "timeNano": 1700000000_000000000 + seq}
    return {"seq": seq, "event": event, "container": None if gone else container}


def rows(host: Host) -> list[tuple[str, str]]:
    return sorted(Container.objects.filter(host=host).values_list("name", "state"))


def test_snapshot_then_news_equals_a_fresh_snapshot(host: Host) -> None:
    a, b = item("a"), item("b", "created")
    replace_all(host.pk, {"seq": 5, "containers": [a, b], "images": [], "networks": [], "volumes": []})
    stopped, renamed, fresh = item("a", "exited"), {**b, "Names": ["/b2"]}, item("c", "created")
    news = [
        line(6, "die", stopped), line(7, "rename", renamed), line(8, "create", fresh), line(9, "start", item("c")),
        line(10, "destroy", stopped, gone=True),
    ]  # fmt: skip
    apply_news(host.pk, news[:3])
    apply_news(host.pk, news)  # the first three are old: skipped
    mirrored = list(Container.objects.filter(host=host).order_by("container_id").values())
    replace_all(host.pk, {"seq": 10, "containers": [renamed, item("c")]})
    again = list(Container.objects.filter(host=host).order_by("container_id").values())
    assert [{**row, "id": 0} for row in mirrored] == [{**row, "id": 0} for row in again]
    assert rows(host) == [("b2", "created"), ("c", "running")]
    assert HostMirror.objects.get(host=host).sequence == 10
    assert EngineEvent.objects.count() == 5


def test_the_newest_events_are_kept_over_a_restart_of_the_agent(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "KEEP_EVENTS", 3)
    a = item("a")
    apply_news(host.pk, [line(seq, "start", a) for seq in (1, 2)])
    apply_news(host.pk, [line(5_000_000, "stop", a)])  # another agent counts from its own start
    assert EngineEvent.objects.count() == 3
    apply_news(host.pk, [line(5_000_100, "start", a)])
    assert sorted(EngineEvent.objects.values_list("sequence", flat=True)) == [2, 5_000_000, 5_000_100]


def test_an_old_line_does_not_bring_a_container_back(host: Host) -> None:
    a = item("a")
    replace_all(host.pk, {"seq": 9, "containers": []})
    apply_news(host.pk, [line(8, "start", a)])
    assert rows(host) == []


def test_a_line_without_a_container_that_is_no_destroy_changes_no_row(host: Host) -> None:
    a = item("a")
    replace_all(host.pk, {"seq": 1, "containers": [a]})
    apply_news(host.pk, [line(2, "exec_die", a, gone=True)])
    assert rows(host) == [("a", "running")]


def test_objects_are_replaced_by_kind(host: Host) -> None:
    replace_all(host.pk, {"seq": 1, "images": [{"Id": "sha256:1", "RepoTags": ["a:1"], "Size": 3, "Created": 1}]})
    replace_objects(host.pk, "image", [{"Id": "sha256:2", "RepoTags": ["b:1"], "Size": 3, "Created": 1}])
    replace_objects(host.pk, "volume", [{"Name": "data", "Driver": "local", "CreatedAt": "2026-01-01T00:00:00Z"}])
    replace_objects(
        host.pk, "network", [{"Id": "n1", "Name": "bridge", "IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}]}}]
    )
    assert [image.tags for image in host.images.all()] == [["b:1"]]
    assert host.volumes.get().driver == "local"
    assert host.networks.get().subnets == ["10.0.0.0/8"]


def test_details_fill_what_a_list_item_lacks() -> None:
    details = {
        "State": {"Status": "exited", "ExitCode": 3, "StartedAt": "2026-01-01T00:00:00.123456789Z",
                  "FinishedAt": "2026-01-01T00:01:00Z", "Health": {"Status": "unhealthy"}},
        "RestartCount": 2, "HostConfig": {"RestartPolicy": {"Name": "always"}}, "Created": "2025-12-31T00:00:00Z",
    }  # fmt: skip
    columns = container_columns(item("a", "exited", Details=details))
    assert columns["exit_code"] == 3
    assert columns["health"] == "unhealthy"
    assert columns["restart_policy"] == "always"
    assert columns["started_at"] == datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)
    plain = container_columns(item("a", "exited", Status="Exited (137) 5 seconds ago"))
    assert plain["exit_code"] == 137
    assert parse_time("0001-01-01T00:00:00Z") is None


def test_status_ages_without_news() -> None:
    started = now() - timedelta(minutes=5)
    text = status_text("running", told="Up 1 second", started_at=started, finished_at=None, exit_code=None, health="")
    assert text == "Up 5 minutes"


def test_label_and_word_filters_are_exact(host: Host) -> None:
    replace_all(host.pk, {"seq": 1, "containers": [
        item("web", Labels={"app": "shop", "tier": "front"}), item("db", Labels={"app": "shopping", "x": "tier"}),
    ]})  # fmt: skip
    organisation = host.organisation_id
    assert [row.name for row in list_containers(organisation, label="app=shop")] == ["web"]
    assert [row.name for row in list_containers(organisation, label="tier")] == ["web"]
    assert [row.name for row in list_containers(organisation, label="app", sort="-name")] == ["web", "db"]
    assert [row.name for row in list_containers(organisation, q="WE fra")] == ["web"]
    assert [row.name for row in list_containers(uuid.uuid4())] == []
    assert find_container(host.pk, item("web")["Id"][:8]) is not None


@pytest.mark.parametrize(("path", "limit"), [
    ("/api/v1/containers", 14), ("/api/v1/hosts", 9), ("/api/v1/overview", 18), ("/api/v1/images", 8),
    ("/api/v1/volumes", 9), ("/api/v1/networks", 9), ("/api/v1/jobs", 8), ("/api/v1/events", 8), ("/api/v1/audit", 8),
])  # fmt: skip
def test_lists_cost_a_fixed_number_of_queries(
    path: str, limit: int, host: Host, admin: User, client_of: Callable[..., Client],
    django_assert_max_num_queries: Callable[..., Any],
) -> None:  # fmt: skip
    many = [item(f"c{n}", Mounts=[{"Type": "volume", "Name": "v1"}]) for n in range(120)]
    replace_all(host.pk, {
        "seq": 1, "containers": many, "volumes": [{"Name": f"v{n}"} for n in range(30)],
        "networks": [{"Id": f"n{n}", "Name": f"n{n}"} for n in range(30)],
        "images": [{"Id": f"sha256:{n}"} for n in range(30)],
    })  # fmt: skip
    apply_news(host.pk, [line(n + 2, "start", many[n]) for n in range(20)])
    client = client_of(admin)
    with django_assert_max_num_queries(limit) as queries:
        answer = client.get(path)
    assert answer.status_code == 200
    # What a host has told is long: it is read once for each host, not with every row.
    joined = [query["sql"] for query in queries if "JOIN" in query["sql"] and '"fleet_host"."facts"' in query["sql"]]
    assert not joined


def test_shapes_have_exactly_the_keys_of_the_schema(
    host: Host, admin: User, client_of: Callable[..., Client], post: Callable[..., Any], sent: list[uuid.UUID]
) -> None:
    replace_all(host.pk, {
        "seq": 1, "containers": [item("a", Mounts=[{"Type": "volume", "Name": "data"}])],
        "images": [{"Id": "sha256:1"}], "volumes": [{"Name": "data"}], "networks": [{"Id": "1", "Name": "bridge"}],
    })  # fmt: skip
    client = client_of(admin)
    post(client, "/api/v1/images/pull", {"host": "fra1", "image": "busybox"})
    for path, serializer in {
        "containers": ContainerSerializer, "hosts": HostSerializer, "images": ImageSerializer,
        "volumes": VolumeSerializer, "networks": NetworkSerializer, "jobs": JobSerializer, "audit": AuditSerializer,
    }.items():  # fmt: skip
        shape = client.get(f"/api/v1/{path}").json()["results"][0]
        assert set(shape) == set(serializer().fields), path
    assert client.get("/api/v1/volumes").json()["results"][0]["used_by"] == ["a"]


def test_a_silent_hosts_rows_stay_and_are_stale(host: Host, admin: User, client_of: Callable[..., Client]) -> None:
    replace_all(host.pk, {"seq": 1, "containers": [item("a")]})
    link_down(host.pk, host.link_epoch, left=False)
    row = client_of(admin).get("/api/v1/containers").json()["results"][0]
    assert row["stale"] is True
    assert row["host"]["state"] == "unknown"
    assert row["as_of"] is not None


def test_pages_follow_each_other(host: Host, admin: User, client_of: Callable[..., Client]) -> None:
    replace_all(host.pk, {"seq": 1, "containers": [item(f"c{n}") for n in range(5)]})
    client, names, url = client_of(admin), [], "/api/v1/containers?page_size=2&sort=name"
    while url:
        answer = client.get(url).json()
        names += [row["name"] for row in answer["results"]]
        url = answer["next"]
    assert names == ["c0", "c1", "c2", "c3", "c4"]
    assert answer["count"] == 5
    assert answer["facets"] == {"state": {"running": 5}, "host": {str(host.pk): 5}}
    assert client.get("/api/v1/containers?page=x").status_code == 400
    assert client.get("/api/v1/containers?sort=password").status_code == 400
