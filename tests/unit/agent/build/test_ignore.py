"""Which paths `.dockerignore` leaves out."""

from __future__ import annotations

import pytest

from agent.build.ignore import parse_ignore


@pytest.mark.parametrize(
    ("rules", "path", "excluded"),
    [
        ("*.md", "a.md", True),
        ("*.md", "d/a.md", False),
        ("**/*.md", "d/e/a.md", True),
        ("**/*.md", "a.md", True),
        ("*.md\n!README.md", "README.md", False),
        ("!README.md\n*.md", "README.md", True),
        ("d", "d/e/f", True),
        ("d/", "d/e", True),
        ("/d", "d/e", True),
        ("d/*/x", "d/a/x", True),
        ("d/*/x", "d/a/b/x", False),
        ("d/**", "d/a/b", True),
        ("d/**", "d", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[^a]x", "ax", False),
        ("# comment\n\n  x  ", "x", True),
        ("a.b", "axb", False),
        ("d\n!d/keep\nd/keep/no", "d/keep/yes", False),
        ("d\n!d/keep\nd/keep/no", "d/keep/no", True),
        (".", "anything", False),
        ("./x/../y", "y", True),
        ("\\#x", "#x", True),
    ],
)
def test_rules(rules: str, path: str, excluded: bool) -> None:
    assert parse_ignore(rules).excludes(path) is excluded


def test_a_lone_exclamation_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="illegal exclusion pattern"):
        parse_ignore("!\n")
