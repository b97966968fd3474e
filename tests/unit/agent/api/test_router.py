"""Which path leads to which handler."""

from __future__ import annotations

from typing import Any

import pytest

from agent.api.request import Request
from agent.api.router import Router
from agent.api.routes import HOST_ROUTES, ROUTES, build_router


async def handler(backends: Any, request: Request) -> None:
    """Stands for any."""


@pytest.mark.parametrize(
    ("method", "path", "route", "name"),
    [
        ("GET", "/info", "GET /info", ""),
        ("GET", "/containers/json", "GET /containers/json", ""),
        ("GET", "/containers/json/json", "GET /containers/{id...}/json", "json"),
        ("GET", "/containers/a/attach/ws", "GET /containers/{id...}/attach/ws", "a"),
        ("GET", "/containers/a/b/attach/ws", "GET /containers/{id...}/attach/ws", "a/b"),
        ("POST", "/containers/a/b/stop", "POST /containers/{id...}/stop", "a/b"),
        ("DELETE", "/networks/a/b", "DELETE /networks/{id...}", "a/b"),
        ("POST", "/networks/a/b/connect", "POST /networks/{id...}/connect", "a/b"),
        ("DELETE", "/containers/a", "DELETE /containers/{id...}", "a"),
        ("DELETE", "/containers/a/link", "DELETE /containers/{id...}", "a/link"),
        ("GET", "/images/json", "GET /images/json", ""),
        ("GET", "/images/json/json", "GET /images/{name...}/json", "json"),
        ("GET", "/images/a.b:5000/c/d:e/json", "GET /images/{name...}/json", "a.b:5000/c/d:e"),
        ("POST", "/images/a/push/push", "POST /images/{name...}/push", "a/push"),
        ("DELETE", "/images/a/b/json", "DELETE /images/{name...}", "a/b/json"),
        ("DELETE", "/images/a", "DELETE /images/{name...}", "a"),
        ("GET", "/volumes/v", "GET /volumes/{name...}", "v"),
        ("GET", "/plugins/a/b:latest/json", "GET /plugins/{name...}/json", "a/b:latest"),
        ("GET", "/distribution/a/b/json", "GET /distribution/{name...}/json", "a/b"),
        ("GET", "/tasks/t/logs", "GET /tasks/{id}/logs", "t"),
    ],
)
def test_which_route_a_path_takes(method: str, path: str, route: str, name: str) -> None:
    assert build_router(ROUTES).find(method, path) == (ROUTES[route], name)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/info"), ("GET", ""), ("GET", "/"), ("GET", "/containers"), ("GET", "/containers/"),
        ("GET", "/containers/a"), ("GET", "/containers//json"), ("GET", "/info/"),
        ("GET", "/images//json"), ("POST", "/images/push"), ("DELETE", "/images/"),
    ],
)  # fmt: skip
def test_what_no_route_takes(method: str, path: str) -> None:
    assert build_router(ROUTES).find(method, path) is None


@pytest.mark.parametrize("route", ["GET /a/{b}/{c}", "GET /a/b/{c}"])
def test_routes_of_another_form_are_refused(route: str) -> None:
    with pytest.raises(ValueError, match="unsupported"):
        Router().add(route, handler)


def test_a_route_twice_is_a_mistake() -> None:
    router = build_router(HOST_ROUTES)
    with pytest.raises(ValueError, match="twice"):
        router.add("GET /state", handler)
