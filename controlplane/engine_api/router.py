"""From a method and a path to a route. Image, plugin and distribution names may contain slashes and colons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.engine_api.routes import ROUTES, Route

__all__ = ["Match", "Router", "router"]


@dataclass(frozen=True, slots=True)
class Match:
    """A route with the value of its parameter ("" without one)."""

    route: Route
    pattern: str
    name: str


class Router:
    """Fixed paths by dictionary; the rest by one pattern per first segment and method, most specific first."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._fixed: dict[tuple[str, str], Match] = {}
        self._patterns: dict[tuple[str, str], list[tuple[re.Pattern[str], Match]]] = {}
        for text, route in routes.items():
            method, _, path = text.partition(" ")
            if "{" not in path:
                self._fixed[(method, path)] = Match(route, text, "")
                continue
            first = path.split("/", 2)[1]
            pattern = re.sub(r"\\\{\w+\\\.\\\.\\\.\\\}", "(.+)", re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(path)))
            entry = (re.compile(pattern), Match(route, text, ""))
            self._patterns.setdefault((method, first), []).append(entry)
        for entries in self._patterns.values():
            entries.sort(key=lambda entry: -len(entry[1].pattern))

    def find(self, method: str, path: str) -> Match | None:
        """Return the match for a decoded path without version prefix; None: no such route."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        for pattern, match in self._patterns.get((method, first), ()):
            found = pattern.fullmatch(path)
            if found is not None:
                return Match(match.route, match.pattern, found[1])
        return None


router = Router(ROUTES)
