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


WRONG = "invalid JSON: json: cannot unmarshal "
INTO = f"{WRONG}%s into Go struct field %s of type %s"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"Image":"a"} {}', "unexpected content after JSON"),
        ("[]", f"{WRONG}array into Go value of type runconfig.ContainerConfigWrapper"),
        ('{"image":3}', INTO % ("number", "ContainerConfigWrapper.Config.Image", "string")),
        ('{"Image":5,"Env":5}', INTO % ("number", "ContainerConfigWrapper.Config.Image", "string")),
        ('{"Env":{"a":1}}', INTO % ("object", "ContainerConfigWrapper.Config.Env", "[]string")),
        ('{"Cmd":[5]}', INTO % ("array", "ContainerConfigWrapper.Config.Cmd", "string")),
        ('{"Volumes":{"/x":5}}', INTO % ("number", "ContainerConfigWrapper.Config.Volumes", "struct {}")),
        ('{"HostConfig":[]}', INTO % ("array", "ContainerConfigWrapper.HostConfig", "container.HostConfig")),
        ('{"HostConfig":{"Memory":1.5}}',
         INTO % ("number 1.5", "HostConfig.HostConfig.Resources.Memory", "int64")),
        (
            '{"HostConfig":{"Memory":99999999999999999999}}',
            INTO % ("number 99999999999999999999", "HostConfig.HostConfig.Resources.Memory", "int64"),
        ),
        ('{"HostConfig":{"BlkioWeight":-1}}',
         INTO % ("number -1", "HostConfig.HostConfig.Resources.BlkioWeight", "uint16")),
        ('{"HostConfig":{"ConsoleSize":[-1,2]}}', INTO % ("number -1", "HostConfig.HostConfig.ConsoleSize", "uint")),
        ('{"HostConfig":{"PidsLimit":"x","Binds":1}}',
         INTO % ("string", "HostConfig.HostConfig.Resources.PidsLimit", "int64")),
        ('{"HostConfig":{"Ulimits":[5]}}',
         INTO % ("number", "HostConfig.HostConfig.Resources.Ulimits", "units.Ulimit")),
        ('{"HostConfig":{"Ulimits":[{"Hard":"x"}]}}',
         INTO % ("string", "Ulimit.HostConfig.Resources.Ulimits.Hard", "int64")),
        ('{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":80}]}}}',
         INTO % ("number", "PortBinding.HostConfig.PortBindings.HostPort", "string")),
        ('{"HostConfig":{"RestartPolicy":{"Name":5}}}',
         INTO % ("number", "RestartPolicy.HostConfig.RestartPolicy.Name", "container.RestartPolicyMode")),
        ('{"NetworkingConfig":{"EndpointsConfig":{"a":5}}}',
         INTO % ("number", "NetworkingConfig.NetworkingConfig.EndpointsConfig", "network.EndpointSettings")),
        ('{"HostConfig":{"ConsoleSize":["x"]}}', INTO % ("string", "HostConfig.HostConfig.ConsoleSize", "uint")),
        ('{"Image":"a",}', "invalid JSON: invalid character '}' looking for beginning of object key string"),
        ("{'a':1}", r"invalid JSON: invalid character '\'' looking for beginning of object key string"),
        ('{"Image":nope}', "invalid JSON: invalid character 'o' in literal null (expecting 'u')"),
        ('{"image":', "invalid JSON: unexpected EOF"),
        ('{"Image":"busy', "invalid JSON: unexpected EOF"),
    ],
)  # fmt: skip
def test_what_is_refused_in_the_words_of_docker_26_1(body: str, message: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        decode(body.encode(), CreateRequest)
    assert refused.value.message == message
