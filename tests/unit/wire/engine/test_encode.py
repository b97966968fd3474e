"""JSON as Docker writes it, byte for byte."""

from __future__ import annotations

from wire.engine.shape import encode


def test_what_gos_encoder_escapes_is_escaped() -> None:
    assert encode({"a<b>&": "\u2028é\x1b"}) == b'{"a\\u003cb\\u003e\\u0026":"\\u2028\xc3\xa9\\u001b"}'
