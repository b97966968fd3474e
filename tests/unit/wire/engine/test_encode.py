"""JSON as Docker writes it, byte for byte."""

from __future__ import annotations

from wire.engine.shape import encode


def test_documents_are_plain_and_streams_escape_html() -> None:
    value = {"a<b>&": "\u2028é\x1b"}
    assert encode(value) == b'{"a<b>&":"\\u2028\xc3\xa9\\u001b"}'
    assert encode(value, escape_html=True) == b'{"a\\u003cb\\u003e\\u0026":"\\u2028\xc3\xa9\\u001b"}'


def test_bytes_that_are_no_text_are_told_as_unknown() -> None:
    value = {"message": b"unknown instruction: \xff\xfe\x00".decode("utf-8", "surrogateescape"), "code": [1]}
    assert encode(value) == b'{"message":"unknown instruction: \\ufffd\\ufffd\\u0000","code":[1]}'
