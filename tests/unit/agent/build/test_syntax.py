"""Cutting a Dockerfile into statements, as Docker 26.1 does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.build.syntax import parse_dockerfile, parse_statement
from wire.errors import Invalid


def statements(text: str) -> list[tuple[int, str]]:
    return [(statement.line, statement.original) for statement in parse_dockerfile(text).statements]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM busybox\nRUN echo a \\\n# comment\n b\n", [(1, "FROM busybox"), (2, "RUN echo a  b")]),
        ("FROM busybox\nRUN echo a \\ \n   # foo\n   b\n", [(1, "FROM busybox"), (2, "RUN echo a    b")]),
        ("FROM busybox\nRUN echo a \\\\\nRUN b\n", [(1, "FROM busybox"), (2, "RUN echo a \\\\"), (3, "RUN b")]),
        ("FROM busybox\nRUN echo 'a  b' \\\n# last\n", [(1, "FROM busybox"), (2, "RUN echo 'a  b'")]),
        ("# c\n\n  # indented\nFROM a\n", [(4, "FROM a")]),
        ("\ufeffFROM a\r\nENV a=b\r\n", [(1, "FROM a"), (2, "ENV a=b")]),
        ("#escape=`\nFROM a\nRUN a` \n b\nENV a=\\\n", [(2, "FROM a"), (3, "RUN a b"), (5, "ENV a=\\")]),
    ],
)
def test_lines_are_joined_and_numbered(text: str, expected: list[tuple[int, str]]) -> None:
    assert statements(text) == expected


def test_an_empty_continuation_line_is_warned_of_with_the_joined_line() -> None:
    parsed = parse_dockerfile("FROM busybox\nRUN echo a \\\n\n b\n")
    assert parsed.warnings == (
        "[WARNING]: Empty continuation line found in: RUN echo a  b\n",
        "[WARNING]: Empty continuation lines will become errors in a future release.\n",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# only\n", "failed to parse Dockerfile: file with no instructions"),
        ("# escape=x\nFROM a\n", "failed to parse Dockerfile: invalid escape token 'x' does not match ` or \\"),
        (
            "# escape=`\n# escape=`\nFROM a\n",
            "failed to parse Dockerfile: only one escape parser directive can be used",
        ),
        ("FROM a\nRUN <<EOF\nx\n", "failed to parse Dockerfile: unterminated heredoc"),
    ],
)
def test_what_cannot_be_cut_is_refused(text: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_dockerfile(text)
    assert caught.value.message == message


def test_a_directive_after_a_comment_is_a_comment() -> None:
    parsed = parse_dockerfile("# hello\n# escape=`\nFROM a\nRUN a\\\nb\n")
    assert parsed.escape == "\\"
    assert parsed.statements[1].original == "RUN ab"


def test_several_heredocs_with_their_kinds() -> None:
    text = "FROM a\nCOPY <<EOF <<-'TWO' \"<<no\" /d/\none $x\nEOF\n\ttab\n\tTWO\nRUN x\n"
    copy, run = parse_dockerfile(text).statements[1:]
    first, second = copy.heredocs
    assert (first.name, first.content, first.expand, first.chomp) == ("EOF", "one $x\n", True, False)
    assert (second.name, second.text(), second.expand, second.chomp) == ("TWO", "tab\n", False, True)
    assert (copy.line, copy.end_line, run.line) == (2, 6, 7)


def test_flags_end_at_the_first_other_word() -> None:
    statement = parse_statement('RUN --mount=type=cache,target="/a b" --network=none echo --x')
    assert statement.flags == ("--mount=type=cache,target=/a b", "--network=none")
    assert statement.rest == "echo --x"


@settings(deadline=None)
@given(st.text(alphabet="FROMRUN abc\n\\#<'\"=`-\t$[]{}", max_size=200))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parsed = parse_dockerfile(text)
    except Invalid:
        return
    lines = [statement.line for statement in parsed.statements]
    assert lines == sorted(lines)
    assert all(statement.line <= statement.end_line for statement in parsed.statements)
