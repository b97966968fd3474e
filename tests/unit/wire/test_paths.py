"""Which paths are sent elsewhere, and where."""

from __future__ import annotations

import pytest

from wire.paths import redirect_target


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/v1.45/info", "", None),
        ("/", "", None),
        ("/images/a/", "", None),
        ("/images/.hidden/json", "", None),
        ("//info", "", "/info"),
        ("/v1.45//info", "a=b&c=%20d", "/v1.45/info?a=b&c=%20d"),
        ("/containers/../x/json", "", "/x/json"),
        ("/containers/./json", "", "/containers/json"),
        ("/containers//a b/stop", "", "/containers/a%20b/stop"),
        ("/nosuch//x/", "", "/nosuch/x/"),
        ("/../..", "", "/"),
        ("", "", "/"),
    ],
)
def test_where_a_path_leads(path: str, query: str, target: str | None) -> None:
    assert redirect_target(path, query) == target
