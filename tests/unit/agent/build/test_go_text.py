"""Texts as Go prints them."""

from __future__ import annotations

import pytest

from agent.build.durations import format_duration, parse_duration_ns
from agent.build.go_text import quote, quote_list, quote_rune, rfc3339_nano


@pytest.mark.parametrize(
    ("text", "nanoseconds", "shown"),
    [
        ("0", 0, "0s"),
        ("1500ms", 1_500_000_000, "1.5s"),
        ("1h", 3_600_000_000_000, "1h0m0s"),
        ("1m30s", 90_000_000_000, "1m30s"),
        ("250us", 250_000, "250µs"),
        ("1.5ms", 1_500_000, "1.5ms"),
        ("-2s", -2_000_000_000, "-2s"),
        ("100h0m0.5s", 360_000_500_000_000, "100h0m0.5s"),
    ],
)
def test_durations(text: str, nanoseconds: int, shown: str) -> None:
    assert parse_duration_ns(text) == nanoseconds
    assert format_duration(nanoseconds) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", 'time: invalid duration "x"'),
        ("", 'time: invalid duration ""'),
        ("5", 'time: missing unit in duration "5"'),
    ],
)
def test_what_is_no_duration(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_duration_ns(text)


def test_quotes() -> None:
    assert quote('a"b\\\n\t\x01é\u2028') == '"a\\"b\\\\\\n\\t\\x01é\\u2028"'
    assert quote_list(["a b", ""]) == '["a b" ""]'
    assert [quote_rune(number) for number in (0, 2, 10, 39, 40)] == ["'\\x00'", "'\\x02'", "'\\n'", "'\\''", "'('"]


def test_times_have_as_many_digits_as_needed() -> None:
    assert rfc3339_nano(1_000_000_000) == "1970-01-01T00:00:01Z"
    assert rfc3339_nano(1_120_000_000) == "1970-01-01T00:00:01.12Z"
