"""Request bodies are read as Go's decoder reads them."""

from __future__ import annotations

import pytest

from wire.engine.containers import CreateRequest
from wire.engine.execs import ExecCreateRequest
from wire.engine.shape import decode, encode
from wire.errors import Invalid


def test_names_match_in_any_case_and_null_is_nothing() -> None:
    body = (
        b'{"image":"busybox","Hostname":null,"hostconfig":{"portbindings":{"80/tcp":[{"hostPort":"8080"}]},"Dns":null}}'
    )
    request = decode(body, CreateRequest)
    assert (request.image, request.hostname) == ("busybox", "")
    assert request.host_config is not None
    assert request.host_config.dns is None
    bindings = request.host_config.port_bindings
    assert bindings is not None
    assert bindings["80/tcp"] is not None
    assert bindings["80/tcp"][0].host_port == "8080"
    assert decode(b'{"detachKeys":"ctrl-p","Unknown":1}', ExecCreateRequest).detach_keys == "ctrl-p"


def test_what_is_given_is_given_back_and_absent_fields_are_left_out() -> None:
    request = decode(b'{"Image":"x","HostConfig":{"Dns":[],"Init":true}}', CreateRequest)
    text = encode(request).decode()
    assert '"Dns":[],"DnsOptions":null' in text
    assert '"Init":true' in text
    assert "Healthcheck" not in text
    assert "Sysctls" not in text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "invalid JSON: got EOF while reading request body"),
        (b"{", "invalid JSON: unexpected EOF"),
        (b"zzz", "invalid JSON: invalid character 'z' looking for beginning of value"),
        (b'{"Hostname":5}', "cannot unmarshal number into Go struct field .*Hostname of type string"),
        (b'{"HostConfig":{"Memory":"x"}}', "cannot unmarshal string into Go struct field .*Memory of type int64"),
    ],
)
def test_bad_bodies_are_refused_in_go_words(body: bytes, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        decode(body, CreateRequest)


def test_the_word_null_is_a_body_of_zero_values() -> None:
    assert decode(b"null", CreateRequest) == decode(b"{}", CreateRequest)
