"""From a method and a path to a handler.

Names may contain slashes: those of images and plugins do, and of what has no such names Docker says that there is none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agent.api.request import Request

__all__ = ["Handler", "Router"]

Handler = Callable[[Any, Request], Awaitable[None]]
"""(the application's `Backends`, the request)"""


class Router:
    """A table of routes like `GET /containers/{id}/json`, `GET /images/{name...}/json`, `GET /info`.

    A route has at most one parameter, after its first segment. `{x}` is one segment; `{x...}` is one or more.
    """

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, Handler]] = {}
        self._segment: dict[tuple[str, str], dict[str, Handler]] = {}
        self._greedy: dict[str, dict[str, dict[str, Handler]]] = {}  # first segment → suffix → method → handler

    def add(self, route: str, handler: Handler) -> None:
        """Add `METHOD /path`. Raises ValueError for a route that is there already or has another form."""
        method, _, path = route.partition(" ")
        before, brace, after = path.partition("{")
        if not brace:
            table = self._fixed.setdefault(path, {})
        else:
            parameter, _, suffix = after.partition("}")
            first = before.strip("/")
            if "/" in first or "{" in suffix:
                raise ValueError(f"unsupported route: {route}")
            if parameter.endswith("..."):
                table = self._greedy.setdefault(first, {}).setdefault(suffix, {})
                self._segment[first, suffix] = table  # most names have no slash
            else:
                table = self._segment.setdefault((first, suffix), {})
        if method in table:
            raise ValueError(f"route twice: {route}")
        table[method] = handler

    def find(self, method: str, path: str) -> tuple[Handler, str] | None:
        """Return the handler and the parameter ("" without one); None when nothing is there for that method."""
        table = self._fixed.get(path)
        if table is not None and (handler := table.get(method)) is not None:
            return handler, ""
        _, _, rest = path.partition("/")
        first, slash, rest = rest.partition("/")
        if not slash or not rest:
            return None
        name, slash, suffix = rest.partition("/")
        table = self._segment.get((first, slash + suffix))
        handler = table.get(method) if table is not None and name else None
        if handler is not None:
            return handler, name
        suffixes = self._greedy.get(first)
        return None if suffixes is None else self._find_greedy(suffixes, method, rest)

    @staticmethod
    def _find_greedy(suffixes: dict[str, dict[str, Handler]], method: str, rest: str) -> tuple[Handler, str] | None:
        """Of the suffixes that fit the longest one."""
        for suffix in sorted(suffixes, key=len, reverse=True):
            name = rest.removesuffix(suffix) if suffix else rest
            handler = suffixes[suffix].get(method) if name and name + suffix == rest else None
            if handler is not None:
                return handler, name
        return None
