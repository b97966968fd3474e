"""Docker's list filters: the JSON of the `filters` query parameter, in both of its forms.

Today's clients send a map of maps (`{"label": {"a=b": true}}`), older ones and docker-py a map of lists
(`{"label": ["a=b"]}`). Both mean the same: name → values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from wire.errors import Invalid

__all__ = ["check_names", "flag", "match_labels", "parse"]


def parse(text: str) -> dict[str, list[str]]:
    """Parse the query parameter; empty text is no filter. Invalid when it is neither form."""
    if not text:
        return {}
    try:
        value = msgspec.json.decode(text.encode())
    except msgspec.DecodeError as error:
        raise Invalid("invalid filter") from error
    if not isinstance(value, dict):
        raise Invalid("invalid filter")
    found: dict[str, list[str]] = {}
    for name, values in value.items():
        if isinstance(values, dict):
            found[name] = [item for item, wanted in values.items() if wanted]
        elif isinstance(values, list) and all(isinstance(item, str) for item in values):
            found[name] = list(values)
        else:
            raise Invalid("invalid filter")
    return found


def check_names(filters: Mapping[str, Sequence[str]], known: Iterable[str]) -> None:
    """Invalid with Docker's text when a filter is not one of `known`."""
    allowed = set(known)
    for name in filters:
        if name not in allowed:
            raise Invalid(f"invalid filter '{name}'" if name else "invalid filter")


def flag(filters: Mapping[str, Sequence[str]], name: str, default: bool) -> bool:
    """Value of a filter that is true or false. Invalid when it is neither, or both."""
    values = filters.get(name, ())
    if not values:
        return default
    truths = {value in ("1", "true", "t", "T", "TRUE", "True") for value in values}
    known = ("1", "true", "t", "T", "TRUE", "True", "0", "false", "f", "F", "FALSE", "False")
    if len(truths) != 1 or any(value not in known for value in values):
        quoted = " ".join(f"{value}" for value in values)
        raise Invalid(f"invalid filter '{name}=[{quoted}]'")
    return truths.pop()


def match_labels(filters: Mapping[str, Sequence[str]], name: str, labels: Mapping[str, str] | None) -> bool:
    """True when every `key` or `key=value` of the filter is in `labels`."""
    for wanted in filters.get(name, ()):
        key, equals, value = wanted.partition("=")
        if labels is None or key not in labels or (equals and labels[key] != value):
            return False
    return True
