"""What all Docker object shapes have in common: names, Go's idea of absent values, one decoder.

Fields are named in Python's way and renamed to Docker's. A field that Docker leaves out when empty has `UNSET` as its
default; a slice or map that Go would print as `null` has None.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import fields as fields_of

from wire.engine.json_syntax import describe_syntax_error
from wire.engine.mismatch import describe_mismatch, describe_range
from wire.errors import Invalid

__all__ = ["Shape", "decode", "drop_nulls", "encode", "plan_of"]

T = TypeVar("T")


class Shape(msgspec.Struct, rename="pascal", kw_only=True):
    """Base of the Docker shapes. Unknown fields are ignored when decoding, as Docker does."""


def drop_nulls(value: Any) -> Any:
    """Return `value` without the members that are null: for Go a null leaves the field at its zero value."""
    if isinstance(value, dict):
        return {key: drop_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [drop_nulls(item) for item in value]
    return value


def decode(body: bytes, shape: type[T]) -> T:
    """Decode a request body as Go does: names match in any case, null leaves a field as it is, unknown names are
    ignored. Invalid with Docker's text when it is not JSON, or JSON of the wrong kinds."""
    if not body.strip():
        raise Invalid("invalid JSON: got EOF while reading request body")
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise Invalid("invalid JSON: exceeded max depth") from None
    except msgspec.DecodeError as error:
        if "trailing characters" in str(error):
            raise Invalid("unexpected content after JSON") from error
        raise Invalid(f"invalid JSON: {describe_syntax_error(body)}") from error
    if value is None:
        value = {}
    try:
        converted = msgspec.convert(_fit(value, plan_of(cast("Hashable", shape))), type=shape)
    except msgspec.ValidationError as error:
        raise Invalid(f"invalid JSON: {describe_mismatch(value, shape) or error}") from error
    if text := describe_range(value, shape):
        raise Invalid(f"invalid JSON: {text}")
    return converted


Plan = tuple[str, Any]
"""How to fit a value: ("shape", lower-case name → (name, plan)), ("list", plan), ("map", plan) or ("", None)."""


@cache
def plan_of(hint: Hashable) -> Plan:
    """How a value of this type is brought into form; worked out once for each type."""
    if isinstance(hint, type) and issubclass(hint, Shape):
        hints = get_type_hints(hint)
        fields = {item.encode_name.lower(): (item.encode_name, plan_of(hints[item.name])) for item in fields_of(hint)}
        return "shape", fields
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return "list", plan_of(arguments[0])
    if origin is dict:
        return "map", plan_of(arguments[1])
    plans = [
        plan for plan in map(plan_of, arguments) if plan[0]
    ]  # a union: of Docker's, at most one part is a container
    return plans[0] if plans else ("", None)


def _fit(value: Any, plan: Plan) -> Any:
    kind, inner = plan
    if isinstance(value, dict):
        if kind == "shape":
            known = ((inner.get(name.lower()), item) for name, item in value.items() if item is not None)
            return {found[0]: _fit(item, found[1]) for found, item in known if found is not None}
        return {name: _fit(item, inner) if kind == "map" else item for name, item in value.items()}
    if isinstance(value, list) and kind == "list":
        return [_fit(item, inner) for item in value]
    return value


_LINE_ENDS = (("\u2028".encode(), b"\\u2028"), ("\u2029".encode(), b"\\u2029"))
_HTML = ((b"&", b"\\u0026"), (b"<", b"\\u003c"), (b">", b"\\u003e"))
"""What Go's encoder escapes beside JSON's own. These bytes are only ever inside strings."""


def encode(value: object, *, escape_html: bool = False) -> bytes:
    """Return `value` as JSON bytes, escaped as Docker's are: documents are plain, what is streamed (progress, events,
    statistics) and headers also escape what means something in HTML."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:  # bytes of a user's that are no text
        data = msgspec.json.encode(_without_surrogates(msgspec.to_builtins(value))).replace(_UNKNOWN, b"\\ufffd")
    for plain, escaped in (*_LINE_ENDS, *_HTML) if escape_html else _LINE_ENDS:
        if plain in data:
            data = data.replace(plain, escaped)
    return data


_SURROGATE = re.compile("[\ud800-\udfff]")
_UNKNOWN = "\ufffd".encode()


def _without_surrogates(value: object) -> object:
    """`value` with a replacement character for each byte that was no text."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value
