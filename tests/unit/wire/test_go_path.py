"""Go's path patterns: what they match, and what is none."""

from __future__ import annotations

import pytest

from wire.go_path import MalformedPattern, path_pattern


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a*", ["a", "ab", "a.b"], ["a/b", "b"]),
        ("*/*", ["a/b"], ["a", "a/b/c"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "-x"]),
        ("[^a-c]x", ["dx"], ["ax", "/x"]),
        ("[^^]", ["a"], ["^"]),
        ("[[]", ["["], ["]"]),
        ("[\\]]", ["]"], ["\\"]),
        ("[c-a]", [], ["b"]),
        ("a\\*b", ["a*b"], ["axb"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    compiled = path_pattern(pattern)
    assert [text for text in [*yes, *no] if compiled.fullmatch(text)] == yes


@pytest.mark.parametrize("pattern", ["[", "[a", "[]a]", "[a-", "[a-]", "[-a]", "a\\", "[^]"])
def test_malformed(pattern: str) -> None:
    with pytest.raises(MalformedPattern, match="syntax error in pattern"):
        path_pattern(pattern)
