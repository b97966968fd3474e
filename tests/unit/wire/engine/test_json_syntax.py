"""Malformed JSON in the words of Go's decoder; the answers are Docker Engine 26.1's."""

from __future__ import annotations

import pytest

from wire.engine.json_syntax import describe_syntax_error

EOF = "unexpected end of JSON input"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"Name"', EOF),
        ('{"Name":tru', EOF),
        ('"\\u12', EOF),
        ('{"Name":foo}', "invalid character 'o' in literal false (expecting 'a')"),
        ('{"Name":"a",}', "invalid character '}' looking for beginning of object key string"),
        ('{"Name":"a" "b"}', "invalid character '\"' after object key:value pair"),
        ("{Name:1}", "invalid character 'N' looking for beginning of object key string"),
        ('{"Name" 1}', "invalid character '1' after object key"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ('{"Name":"\\q"}', "invalid character 'q' in string escape code"),
        ('"\\u12x4"', "invalid character 'x' in \\u hexadecimal character escape"),
        ('"a\nb"', "invalid character '\\n' in string literal"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1e+x", "invalid character 'x' in exponent of numeric literal"),
        ("{}x", "invalid character 'x' after top-level value"),
        ("[" * 5000, "exceeded max depth"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    assert describe_syntax_error(text.encode(), at_end=EOF) == fault
