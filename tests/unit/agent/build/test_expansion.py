"""Word expansion, with answers a real Docker 26.1 gave."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.build.expansion import Expander, ExpansionError

ENVIRONMENT = {"a": "b", "empty": "", "p": "/a/b/c.tar.gz"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$a-${a}-\\$a-'$a'", "b-b-$a-$a"),
        ('"g $a"', "g b"),
        ("h=i\\ j", "h=i j"),
        ("'b c\" d'", 'b c" d'),
        ('"i\\"j"', 'i"j'),
        ("'l\\m'", "l\\m"),
        ("o\\p", "op"),
        ("$", "$"),
        ("$$", ""),
        ("$1", ""),
        ("${zz:-$a}", "b"),
        ("${empty:-x}", "x"),
        ("${empty-x}", ""),
        ("${zz-q}", "q"),
        ("${zz:+n}.", "."),
        ("${a:+y}", "y"),
        ("${empty+y}", "y"),
        ("${a:?err}", "b"),
        ("${p#*/}", "a/b/c.tar.gz"),
        ("${p##*/}", "c.tar.gz"),
        ("${p%.*}", "/a/b/c.tar"),
        ("${p%%.*}", "/a/b/c"),
        ("${p/a/z}", "/z/b/c.tar.gz"),
        ("${p//a/z}", "/z/b/c.tzr.gz"),
        ("${p/\\/a/}", "/b/c.tar.gz"),
    ],
)
def test_words(word: str, expected: str) -> None:
    assert Expander().word(word, ENVIRONMENT) == expected


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("'b", 'failed to process "\'b": unexpected end of statement while looking for matching single-quote'),
        ('"b', 'failed to process "\\"b": unexpected end of statement while looking for matching double-quote'),
        ("${a", 'failed to process "${a": unsupported modifier (\ufffd) in substitution'),
        ("${b!x}", 'failed to process "${b!x}": unsupported modifier (!) in substitution'),
        ("${}", 'failed to process "${}": syntax error: bad substitution'),
        ("${", "failed to process \"${\": syntax error: missing '}'"),
        ("${b?}", 'failed to process "${b?}": b: is not allowed to be unset'),
        ("${empty:?}", 'failed to process "${empty:?}": empty: is not allowed to be empty'),
        ("${b:?err}", 'failed to process "${b:?err}": b: err'),
    ],
)
def test_faults(word: str, message: str) -> None:
    with pytest.raises(ExpansionError) as caught:
        Expander().word(word, ENVIRONMENT)
    assert str(caught.value) == message


def test_splitting_keeps_quoted_blanks_and_splits_values() -> None:
    environment = {"ports": "80 443", "none": ""}
    assert Expander().words("$ports 'a b' \"$ports\" $none ''", environment) == ["80", "443", "a b", "80 443", ""]


def test_another_escape_character() -> None:
    assert Expander(escape="`").word("d`$x\\n", {"x": "1"}) == "d$x\\n"


def test_unset_references_may_stay() -> None:
    assert Expander(keep_unset=True).word("$a ${zz:-x} $zz", {"a": "1"}) == "1 ${zz:-x} $zz"


def test_documents_keep_their_quotes() -> None:
    assert Expander().document("'$a' \"x\" \\$a \\n\n", ENVIRONMENT) == "'b' \"x\" $a \\n\n"


@settings(deadline=None)
@given(st.text(alphabet="ab'\"\\$ ", max_size=30))
def test_quoting_by_single_quotes_is_exact(text: str) -> None:
    quoted = "'" + text.replace("'", "'\\''") + "'"
    assert Expander().word(quoted, ENVIRONMENT) == text


@settings(deadline=None)
@given(st.text(alphabet="ab'\"\\${}:-+?#%/*! ", max_size=40))
def test_any_word_ends_in_a_value_or_a_fault(word: str) -> None:
    try:
        Expander().word(word, ENVIRONMENT)
        Expander().words(word, ENVIRONMENT)
    except ExpansionError:
        pass
