"""`LogConfig` as Docker Engine 26.1 answers it; each text was recorded from one."""

from __future__ import annotations

import pytest

from agent.logs.options import check_names, read_rotation
from agent.ports.logs import LogRotation
from wire.errors import MooringError


@pytest.mark.parametrize(
    ("driver", "options", "text"),
    [
        ("json-file", {"foo": "bar"}, "unknown log opt 'foo' for json-file log driver"),
        ("local", {"foo": "bar"}, "unknown log opt 'foo' for log driver local"),
        ("json-file", {"mode": "x"}, "logger: logging mode not supported: x"),
        ("none", {"max-file": "3"}, "invalid logging opts for driver none"),
        ("foo", {}, 'error looking up logging plugin foo: plugin "foo" not found'),
    ],
)
def test_refused_at_create(driver: str, options: dict[str, str], text: str) -> None:
    with pytest.raises(MooringError) as caught:
        check_names(driver, options)
    assert caught.value.message == text


def test_dockers_other_drivers_are_named_as_absent() -> None:
    with pytest.raises(MooringError, match="logger: no log driver named 'syslog' is registered"):
        check_names("syslog", {})


@pytest.mark.parametrize(
    ("driver", "options", "text"),
    [
        ("json-file", {"max-size": "x"}, "invalid size: 'x'"),
        ("json-file", {"max-size": "-1"}, "invalid size: '-1'"),
        ("json-file", {"max-file": "0"}, "max-file cannot be less than 1"),
        ("json-file", {"max-file": "x"}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ("json-file", {"compress": "x"}, 'strconv.ParseBool: parsing "x": invalid syntax'),
        ("json-file", {"compress": "true"},
         "compress cannot be true when max-file is less than 2 or max-size is not set"),
        ("local", {"max-size": "x"}, "invalid value for max-size: x: invalid size: 'x'"),
        ("local", {"max-file": "x"}, 'invalid value for max-file: x: strconv.Atoi: parsing "x": invalid syntax'),
        ("local", {"compress": "x"},
         'error reading compress log option: strconv.ParseBool: parsing "x": invalid syntax'),
    ],
)  # fmt: skip
def test_refused_at_start(driver: str, options: dict[str, str], text: str) -> None:
    with pytest.raises(MooringError) as caught:
        read_rotation(driver, options)
    assert caught.value.message == f"failed to initialize logging driver: {text}"


@pytest.mark.parametrize(
    ("driver", "options", "rotation"),
    [
        ("json-file", {}, LogRotation(max_bytes=20_000_000, max_files=5)),
        ("local", {}, LogRotation(max_bytes=20_000_000, max_files=5)),
        ("json-file", {"max-size": "10m", "max-file": "3"}, LogRotation(max_bytes=10_000_000, max_files=3)),
        ("json-file", {"max-size": "1.5k"}, LogRotation(max_bytes=1500, max_files=1)),
        ("local", {"max-size": "2g"}, LogRotation(max_bytes=2_000_000_000, max_files=5)),
        ("none", {}, None),
    ],
)
def test_what_is_asked_for_is_done(driver: str, options: dict[str, str], rotation: LogRotation | None) -> None:
    check_names(driver, options)
    assert read_rotation(driver, options) == rotation
