"""Version prefixes and the accepted range."""

from __future__ import annotations

import pytest

from wire import errors, versions
from wire.versions import ApiVersion


@pytest.mark.parametrize(
    ("path", "version", "rest"),
    [
        ("/v1.45/containers/json", ApiVersion(1, 45), "/containers/json"),
        ("/v1.9/info", ApiVersion(1, 9), "/info"),
        ("/volumes/v1.2/x", None, "/volumes/v1.2/x"),
        ("/version", None, "/version"),
        ("/v1.45", None, "/v1.45"),
        ("/vX.Y/info", None, "/vX.Y/info"),
        ("/v1.99999999999/info", None, "/v1.99999999999/info"),
    ],
)
def test_only_a_whole_version_segment_is_split_off(path: str, version: ApiVersion | None, rest: str) -> None:
    assert versions.split_prefix(path) == (version, rest)


def test_versions_compare_by_number() -> None:
    assert ApiVersion(1, 9) < ApiVersion(1, 24) < (1, 45)


@pytest.mark.parametrize("version", [ApiVersion(1, 23), ApiVersion(1, 46), ApiVersion(2, 0)])
def test_versions_outside_the_range_are_refused(version: ApiVersion) -> None:
    with pytest.raises(errors.Invalid, match=f"client version {version} is too"):
        versions.check(version)
    versions.check(versions.MIN_API)
    versions.check(versions.MAX_API)
