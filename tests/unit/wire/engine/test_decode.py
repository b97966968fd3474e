"""Request bodies as Go's decoder takes them."""

from __future__ import annotations

import pytest

from wire import errors
from wire.engine.containers import CreateRequest
from wire.engine.execs import ExecCreateRequest
from wire.engine.shape import decode


def test_fields_are_found_in_any_case_at_every_depth() -> None:
    body = b"""{"image":"a","HOSTCONFIG":{"memory":5,"mounts":[{"type":"bind","readonly":true}],
               "portBindings":{"80/tcp":[{"hostPort":"8080"}]}},"Env":null,"unknown":1}"""
    request = decode(body, CreateRequest)
    host = request.host_config
    assert host is not None
    assert (request.image, host.memory) == ("a", 5)
    assert host.mounts
    assert (host.mounts[0].type, host.mounts[0].read_only) == ("bind", True)
    assert host.port_bindings
    assert [port.host_port for port in host.port_bindings["80/tcp"] or ()] == ["8080"]


def test_keys_of_maps_are_data() -> None:
    labels = {"image": "x", "Image": "y", "memory": "z"}
    request = decode(b'{"Image":"a","labels":{"image":"x","Image":"y","memory":"z"}}', CreateRequest)
    assert request.labels == labels


def test_docker_py_spells_detach_keys_with_a_small_letter() -> None:
    assert decode(b'{"Cmd":["cat"],"detachKeys":"ctrl-p"}', ExecCreateRequest).detach_keys == "ctrl-p"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"Image":"a"} {}', "unexpected content after JSON"),
        (b'{"image":3}', "cannot unmarshal number into Go struct field CreateRequest.Image of type string"),
        (b'{"image":', "invalid JSON: unexpected EOF"),
    ],
)
def test_what_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(errors.Invalid, match=message):
        decode(body, CreateRequest)
