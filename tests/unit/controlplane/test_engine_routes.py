"""Paths to routes: names with slashes, base paths, and nothing for what is not in the table."""

from __future__ import annotations

import pytest

from controlplane.engine_api.environment import split_base_path
from controlplane.engine_api.router import router
from controlplane.engine_api.routes import ROUTES, How
from controlplane.streams.hints import LIMIT, HintHub


@pytest.mark.parametrize(("method", "path", "pattern", "name"), [
    ("GET", "/containers/json", "GET /containers/json", ""),
    ("GET", "/containers/json/json", "GET /containers/{id...}/json", "json"),
    ("DELETE", "/containers/web/alias", "DELETE /containers/{id...}", "web/alias"),
    ("GET", "/images/reg:5000/a/b:1/json", "GET /images/{name...}/json", "reg:5000/a/b:1"),
    ("POST", "/images/reg:5000/a/push", "POST /images/{name...}/push", "reg:5000/a"),
    ("DELETE", "/images/a/b@sha256:0", "DELETE /images/{name...}", "a/b@sha256:0"),
    ("DELETE", "/networks/a/b", "DELETE /networks/{id...}", "a/b"),
    ("GET", "/containers/a/b/attach/ws", "GET /containers/{id...}/attach/ws", "a/b"),
    ("GET", "/images/get", "GET /images/get", ""),
    ("POST", "/exec/abc/start", "POST /exec/{id}/start", "abc"),
])  # fmt: skip
def test_paths_find_their_route(method: str, path: str, pattern: str, name: str) -> None:
    match = router.find(method, path)
    assert match is not None
    assert (match.pattern, match.name) == (pattern, name)


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/"), ("GET", ""), ("GET", "containers/json"), ("GET", "//containers/json"), ("GET", "/containers//json"),
    ("PATCH", "/containers/json"), ("GET", "/containers/a/json/"),
    ("GET", "/containers/json;x"), ("GET", "/CONTAINERS/json"), ("POST", "/containers/a/explode"),
    ("GET", "/containers/a/json.js"), ("DELETE", "/containers/"), ("GET", "/mooring/v1/state"),
])  # fmt: skip
def test_what_is_not_in_the_table_is_not_there(method: str, path: str) -> None:
    assert router.find(method, path) is None


def test_every_route_finds_itself() -> None:
    for pattern in ROUTES:
        method, path = pattern.split(" ")
        found = router.find(
            method, path.replace("{name...}", "n").replace("{id...}", "n").replace("{id}", "n").replace("{name}", "n")
        )
        assert found is not None
        assert found.pattern == pattern


def test_jobs_have_titles_and_kinds() -> None:
    for pattern, route in ROUTES.items():
        if route.how in (How.JOB, How.STREAMED):
            assert route.kind, pattern
            assert route.title, pattern
            assert route.target, pattern


@pytest.mark.parametrize(("path", "split"), [
    ("/host/fra1/v1.45/info", ("host", "fra1", "/v1.45/info")), ("/env/default/_ping", ("env", "default", "/_ping")),
    ("/v1.45/info", ("", "", "/v1.45/info")), ("/host/fra1", ("", "", "/host/fra1")),
    ("/host//info", ("", "", "/host//info")), ("/hosts/a/b", ("", "", "/hosts/a/b")),
])  # fmt: skip
def test_base_paths(path: str, split: tuple[str, str, str]) -> None:
    assert split_base_path(path) == split


async def test_hints_of_a_slow_page_collapse() -> None:
    hub = HintHub()
    page = hub.subscribe()
    for _ in range(10):
        hub.on_hint({"type": "container", "host": "h", "id": "c"})
    hub.on_hint({"type": "job_output", "id": "j"})  # only for who follows the job
    hub.on_hint({"type": "host_removed", "host": "h", "id": "h"})
    hints = await page.take()
    assert [(hint["type"], hint["id"]) for hint in hints] == [("container", "c"), ("host", "h")]
    for number in range(LIMIT + 5):
        hub.on_hint({"type": "container", "host": "h", "id": str(number)})
    everything = {hint["type"] for hint in await page.take() if hint["id"] is None}
    assert everything == {"container", "host", "image", "job", "network", "volume"}
