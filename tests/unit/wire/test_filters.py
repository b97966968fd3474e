"""Docker's filters in both of their JSON forms."""

from __future__ import annotations

import pytest

from wire.errors import Invalid
from wire.filters import check_names, flag, match_labels, parse


def test_both_forms_mean_the_same() -> None:
    assert parse('{"label":{"a=b":true,"c":true,"off":false}}') == {"label": ["a=b", "c"]}
    assert parse('{"label":["a=b","c"]}') == {"label": ["a=b", "c"]}
    assert parse("") == {}


@pytest.mark.parametrize("text", ["zz", "[]", '{"label":"a"}', '{"label":[1]}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="invalid filter"):
        parse(text)


def test_names_and_flags_are_checked_in_dockers_words() -> None:
    with pytest.raises(Invalid, match="invalid filter 'foo'"):
        check_names({"foo": ["x"]}, ("label",))
    assert flag({"dangling": ["1"]}, "dangling", False)
    assert not flag({"dangling": ["false"]}, "dangling", True)
    with pytest.raises(Invalid, match=r"invalid filter 'dangling=\[x\]'"):
        flag({"dangling": ["x"]}, "dangling", False)


def test_labels_match_by_key_or_by_value() -> None:
    labels = {"a": "b", "empty": ""}
    assert match_labels({"label": ["a", "empty="]}, "label", labels)
    assert not match_labels({"label": ["a=c"]}, "label", labels)
    assert not match_labels({"label": ["a"]}, "label", None)
