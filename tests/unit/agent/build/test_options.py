"""The query of `POST /build`, with Docker 26.1's refusals."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import pytest

from agent.build.options import BuildLimits, BuildOptions, Ulimit, parse_options
from agent.build.run_container import host_config
from wire.errors import Invalid, MooringError
from wire.httpstatus import status_of


def options(query: str, registry_config: str = "") -> BuildOptions:
    return parse_options(parse_qs(query, keep_blank_values=True), registry_config)


def test_nothing_said_means_docker_defaults() -> None:
    assert options("") == BuildOptions()
    assert options("rm=0").remove is False
    assert options("version=1&isolation=default") == BuildOptions()


def test_everything_said() -> None:
    made = options(
        "t=a&t=b:1&dockerfile=D&q=1&nocache=true&pull=yes&forcerm=1&target=x&platform=linux/amd64&networkmode=host"
        '&cachefrom=["c"]&buildargs={"A":"1","B":null}&labels={"l":"v"}&extrahosts=h:1.2.3.4&memory=10&memswap=-1'
        "&cpushares=5&cpuperiod=6&cpuquota=7&cpusetcpus=0&cpusetmems=1&cgroupparent=/p&shmsize=8"
        '&ulimits=[{"Name":"nofile","Soft":1,"Hard":2}]'
    )
    assert made == BuildOptions(
        tags=("a", "b:1"), dockerfile="D", quiet=True, no_cache=True, pull=True, force_remove=True, target="x",
        platform="linux/amd64", network_mode="host", cache_from=("c",), build_args={"A": "1", "B": None},
        labels={"l": "v"}, extra_hosts=("h:1.2.3.4",),
        limits=BuildLimits(
            memory_bytes=10, memory_swap_bytes=-1, cpu_shares=5, cpu_period_us=6, cpu_quota_us=7, cpuset_cpus="0",
            cpuset_mems="1", cgroup_parent="/p", shm_size_bytes=8, ulimits=(Ulimit(name="nofile", soft=1, hard=2),),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("squash=1", 400, "squash is only supported with experimental mode"),
        ("buildargs=zz", 400, "error reading build args: invalid character 'z' looking for beginning of value"),
        ("labels=zz", 400, "error reading labels: invalid character 'z' looking for beginning of value"),
        ("ulimits=zz", 400, "error reading ulimit settings: invalid character 'z' looking for beginning of value"),
        ("cachefrom=zz", 400, "error reading cache-from: invalid character 'z' looking for beginning of value"),
        ("outputs=zz", 400, "invalid outputs specified: invalid character 'z' looking for beginning of value"),
        ("buildargs={", 400, "error reading build args: unexpected end of JSON input"),
        ("labels=foo", 400, "error reading labels: invalid character 'o' in literal false (expecting 'a')"),
        ('labels={"a":1}', 400, "error reading labels: json: cannot unmarshal number into Go value of type string"),
        ("cachefrom={}", 400, "error reading cache-from: json: cannot unmarshal object into Go value of type []string"),
        ("shmsize=zz", 500, 'strconv.ParseInt: parsing "zz": invalid syntax'),
        ("version=3", 400, 'invalid version "3"'),
        ("isolation=zz", 400, 'unsupported isolation: "zz"'),
        ("securityopt=zz", 400, "security options are not supported on linux"),
    ],
)
def test_refusals(query: str, status: int, message: str) -> None:
    with pytest.raises(MooringError) as caught:
        options(query)
    assert (status_of(caught.value), caught.value.message) == (status, message)


def test_numbers_that_are_none_count_as_zero() -> None:
    assert options("memory=zz&cpushares=1x") == BuildOptions()


def test_credentials_by_registry_and_never_shown() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"r:1": {"username": "u", "password": "secret"}}).encode()).decode()
    (made,) = options("", header).registry_auth.values()
    assert (made.username, made.password, made.server_address) == ("u", "secret", "r:1")
    assert "secret" not in repr(options("", header))
    assert options("", "no base64!").registry_auth == {}


def test_a_dockerfile_alone_does_not_get_the_hosts_network() -> None:
    with pytest.raises(Invalid, match=r"network\.host is not allowed"):
        host_config(options(""), network="host", mounts=())
    assert host_config(options("networkmode=host"), network="host", mounts=()).network_mode == "host"
    assert host_config(options("networkmode=host"), network="none", mounts=()).network_mode == "none"
