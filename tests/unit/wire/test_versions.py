"""Version prefixes and the accepted range."""

from __future__ import annotations

import pytest

from wire import errors, versions
from wire.versions import ApiVersion


@pytest.mark.parametrize(
    ("path", "version", "rest"),
    [
        ("/v1.45/containers/json", "1.45", "/containers/json"),
        ("/v1.9/info", "1.9", "/info"),
        ("/v1..2/info", "1..2", "/info"),
        ("/volumes/v1.2/x", "", "/volumes/v1.2/x"),
        ("/version", "", "/version"),
        ("/v1.45", "", "/v1.45"),
        ("/v/info", "", "/v/info"),
        ("/vX.Y/info", "", "/vX.Y/info"),
    ],
)
def test_only_a_whole_version_segment_is_split_off(path: str, version: str, rest: str) -> None:
    assert versions.split_prefix(path) == (version, rest)


def test_versions_compare_by_number() -> None:
    assert ApiVersion(1, 9) < ApiVersion(1, 24) < (1, 45)
    assert versions.parse("1.44.9") == versions.parse("01.044") == ApiVersion(1, 44)
    assert versions.parse("2") == ApiVersion(2, 0)


@pytest.mark.parametrize("version", ["1.23", "1", "0", "1..", ".1", "1.46", "2", "1.45.1", "1.99999999999"])
def test_versions_outside_the_range_are_refused_as_they_were_written(version: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        versions.check(version)
    assert refused.value.message.startswith(f"client version {version} is too ")


@pytest.mark.parametrize("version", ["1.24", "1.45", "1.45.0", "1.44.9", "01.30"])
def test_versions_of_the_range_are_taken(version: str) -> None:
    versions.check(version)
