"""docs/compat.md and the agent's routes say the same."""

from __future__ import annotations

import re
from pathlib import Path

from agent.api.routes import ROUTES

PAGE = Path(__file__).resolve().parents[2] / "docs/compat.md"


def _plain(path: str) -> str:
    """One spelling for parameters: `{id}`, `{name...}` and their kin become `{}`."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def _listed() -> dict[str, str]:
    rows = re.findall(r"^\| `(\w+) (/\S+)` \| (\w+) \|", PAGE.read_text(), flags=re.MULTILINE)
    return {f"{method} {_plain(path)}": status for method, path, status in rows}


def test_every_listed_endpoint_has_a_handler_and_a_status() -> None:
    served = {_plain(route) for route in ROUTES}
    listed = _listed()
    assert len(listed) > 100
    unserved = {row for row, status in listed.items() if row not in served and status != "refused"}
    assert not unserved, f"listed as served, but no route: {sorted(unserved)}"
    assert set(listed.values()) <= {"supported", "partial", "refused", "ours"}


def test_every_route_is_listed() -> None:
    unlisted = {_plain(route) for route in ROUTES} - set(_listed())
    assert not unlisted, f"served, but not in docs/compat.md: {sorted(unlisted)}"
