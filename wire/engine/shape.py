"""What all Docker object shapes have in common: names, Go's idea of absent values, one decoder.

Fields are named in Python's way and renamed to Docker's. A field that Docker leaves out when empty has `UNSET` as its
default; a slice or map that Go would print as `null` has None.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import fields as fields_of

from wire.errors import Invalid

__all__ = ["Shape", "decode", "drop_nulls", "encode", "plan_of"]

T = TypeVar("T")

_KINDS = {"int": "number", "float": "number", "str": "string", "bool": "bool", "array": "array", "object": "object"}
_GO_TYPES = {"int": "int64", "str": "string", "bool": "bool", "array": "[]string", "object": "map[string]string"}


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
        raise Invalid(f"invalid JSON: {_syntax(body, str(error))}") from error
    if value is None:  # for Go, null leaves the whole of it at its zero value
        value = {}
    try:
        return msgspec.convert(_fit(value, plan_of(cast("Hashable", shape))), type=shape)
    except msgspec.ValidationError as error:
        raise Invalid(f"invalid JSON: {_mismatch(str(error), shape.__name__)}") from error


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


_GO_ESCAPES = ((b"&", b"\\u0026"), (b"<", b"\\u003c"), (b">", b"\\u003e"),
               ("\u2028".encode(), b"\\u2028"), ("\u2029".encode(), b"\\u2029"))  # fmt: skip
"""What Go's encoder escapes beside JSON's own. These bytes are only ever inside strings."""


def encode(value: object) -> bytes:
    """Return `value` as JSON bytes, escaped as Docker's are."""
    data = msgspec.json.encode(value)
    for plain, escaped in _GO_ESCAPES:
        if plain in data:
            data = data.replace(plain, escaped)
    return data


def _syntax(body: bytes, text: str) -> str:
    if "truncated" in text:
        return "unexpected EOF"
    position = text.rpartition("byte ")[2].rstrip(")")
    character = body[int(position) : int(position) + 1].decode("latin-1") if position.isdigit() else "?"
    return f"invalid character '{character}' looking for beginning of value"


def _mismatch(text: str, shape: str) -> str:
    """`Expected `str`, got `int` - at `$.A.B`` in the words of Go's decoder."""
    message, _, where = text.partition(" - at ")
    words = [part.strip("`") for part in message.replace(",", "").split(" ") if part.startswith("`")]
    if len(words) < 2:
        return text
    field = where.strip("`").removeprefix("$").lstrip(".").split("[")[0]
    wanted = _GO_TYPES.get(words[0].split(" ")[0], words[0])
    given = _KINDS.get(words[-1], words[-1])
    return f"json: cannot unmarshal {given} into Go struct field {shape}.{field} of type {wanted}"
