"""Answers held against the Engine API's own OpenAPI document, on both sockets; exclusions in `engine_specification`."""

from __future__ import annotations

import io
import re
import tarfile
import time
from collections.abc import Iterator

import pytest
from schemathesis import Case
from schemathesis.schemas import BaseSchema

from tests.conformance import engine_specification as specification
from tests.conformance.conftest import IMAGE, Engine
from tests.conformance.engine_specification import Door, Operation
from tests.registries import run_registry

EXAMPLES = 4
LABELS = {"schema": "1"}
NAMES = {
    "containers": ("schema-running", "schema-created", "schema-exited", "schema-none"),
    "images": ("schema:1", "schema-none"),
    "networks": ("schema-net", "bridge", "schema-none"),
    "volumes": ("schema-volume", "schema-none"),
}
"""What generated requests are about, by the first part of their path."""

DOCKERFILE = """
FROM {image}
LABEL a=b
ENV X=1
EXPOSE 80/tcp
VOLUME /data
WORKDIR /w
USER 0:0
HEALTHCHECK --interval=1s --retries=2 CMD true
STOPSIGNAL SIGTERM
SHELL ["/bin/sh", "-c"]
ONBUILD ENV Y=1
RUN echo x > /x
ENTRYPOINT ["sleep"]
CMD ["600"]
"""


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    return specification.load()


@pytest.fixture(scope="module")
def generated(schema: BaseSchema) -> dict[Operation, list[tuple[Case, int]]]:
    """The same requests for both sockets."""
    wanted = {item: how for item, how in specification.listed_operations().items() if item not in specification.OMITTED}
    return {
        item: specification.generate(schema, item, 1 if how == "refused" else EXAMPLES) for item, how in wanted.items()
    }


@pytest.fixture
def door(engine: Engine, schema: BaseSchema) -> Iterator[Door]:
    made = Door(schema, engine.host)
    before = _tags(made)
    yield made
    for tag in _tags(made) - before:
        made.call("DELETE", f"/images/{tag}?force=1")
    made.close()


def _tags(door: Door) -> set[str]:
    return {tag for image in door.call("GET", "/images/json").json() for tag in image["RepoTags"]}


def test_every_operation_is_listed(schema: BaseSchema) -> None:
    documented = {(item.ok().method.upper(), item.ok().path) for item in schema.get_all_operations()}
    assert documented == set(specification.listed_operations())


@pytest.mark.timeout(300)  # with the instance and the requests made first
def test_generated_requests(door: Door, generated: dict[Operation, list[tuple[Case, int]]]) -> None:
    exec_id = ""
    for operation, cases in generated.items():
        method, path = operation
        if method != "GET" or not exec_id:
            exec_id = _stage(door)
        kind = path.split("/")[1]
        names = (exec_id, "0" * 64) if kind == "exec" else NAMES.get(kind, ("schema-none",))
        if operation == ("POST", "/containers/{id}/wait"):
            names = ("schema-exited", "schema-none")
        if operation == ("POST", "/exec/{id}/resize"):  # waits for one that is not started yet
            names = ("0" * 64,)
        for case, number in cases:
            chosen = names[number % len(names)]
            door.ask_generated(operation, case, dict.fromkeys(re.findall(r"{(\w+)}", path), chosen))
    assert not door.faults, "\n".join([f"{len(door.faults)} faults", *door.faults])


def _stage(door: Door) -> str:
    """Whatever earlier requests did, these are there again. Returns the id of an exec."""
    door.call("POST", f"/images/{IMAGE}/tag?repo=schema&tag=1")
    for name, command, wanted in (
        ("schema-running", ["sleep", "600"], "running"),
        ("schema-created", ["true"], "created"),
        ("schema-exited", ["true"], "exited"),
    ):
        found = door.call("GET", f"/containers/{name}/json").json()
        if found.get("State", {}).get("Status") == wanted:
            continue
        door.call("DELETE", f"/containers/{name}?force=1")
        body = {"Image": IMAGE, "Cmd": command, "StopSignal": "SIGKILL", "Labels": LABELS}
        assert door.call("POST", f"/containers/create?name={name}", body).status_code == 201
        if wanted != "created":
            assert door.call("POST", f"/containers/{name}/start").status_code == 204
        if wanted == "exited":
            door.call("POST", f"/containers/{name}/wait")
    door.call("POST", "/networks/create", {"Name": "schema-net", "Labels": LABELS})
    door.call("POST", "/volumes/create", {"Name": "schema-volume", "Labels": LABELS})
    return str(door.call("POST", "/containers/schema-running/exec", {"Cmd": ["true"]}).json()["Id"])


def test_populated_objects(door: Door) -> None:
    """What is really there: containers in every state, networks in use, images with a history, volumes."""
    ask = door.ask
    with run_registry() as registry:
        repository = f"{registry}/schema"
        _make(door, repository)
        for name in ("running", "exited", "created", "failed", "host"):
            container = f"schema-{name}"
            ask("GET", "/containers/{id}/json", id=container, query={"size": True})
            ask("GET", "/containers/{id}/changes", id=container)
            ask("GET", "/containers/{id}/stats", id=container, query={"stream": False, "one-shot": True})
            ask(
                "GET", "/containers/{id}/logs", id=container, query={"stdout": True, "stderr": True, "timestamps": True}
            )
        ask("GET", "/containers/{id}/stats", id="schema-running", query={"stream": False})
        ask("GET", "/containers/{id}/top", id="schema-running")
        ask("GET", "/containers/json", query={"all": True, "size": True})
        for name in ("schema-net", "schema-internal", "bridge", "host", "none"):
            ask("GET", "/networks/{id}", id=name, query={"verbose": True})
        ask("GET", "/networks")
        ask("GET", "/volumes")
        ask("GET", "/volumes/{name}", name="schema-volume")
        ask("GET", "/volumes/{name}", name="schema-tmpfs")
        for name in (IMAGE, f"{repository}:1", "schema:committed"):
            ask("GET", "/images/{name}/json", name=name)
            ask("GET", "/images/{name}/history", name=name)
        ask("GET", "/images/json", query={"all": True, "digests": True, "shared-size": True})
        for query in ({}, *({"type": kind} for kind in ("container", "image", "volume", "build-cache"))):
            ask("GET", "/system/df", query=query)
        ask("GET", "/info")
        ask("GET", "/version")
        ask("GET", "/_ping")
        ask("HEAD", "/_ping")
        ask("GET", "/plugins")
        ask("GET", "/events", query={"since": "0", "until": f"{time.time():.9f}"})
        _use(door, repository)
        _take_away(door, repository)
    assert not door.faults, "\n".join([f"{len(door.faults)} faults", *door.faults])


def _make(door: Door, repository: str) -> None:
    ask = door.ask
    pool = {"Subnet": "10.213.7.0/24", "Gateway": "10.213.7.1", "IPRange": "10.213.7.128/25"}
    network = {"Name": "schema-net", "Labels": LABELS, "Options": {"com.docker.network.bridge.enable_icc": "true"}}
    ask(
        "POST",
        "/networks/create",
        201,
        body={**network, "IPAM": {"Config": [{**pool, "AuxiliaryAddresses": {"x": "10.213.7.9"}}]}},
    )
    ask("POST", "/networks/create", 201, body={"Name": "schema-internal", "Internal": True, "Labels": LABELS})
    ask("POST", "/volumes/create", 201, body={"Name": "schema-volume", "Labels": LABELS})
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    ask("POST", "/volumes/create", 201, body={"Name": "schema-tmpfs", "Labels": LABELS, "DriverOpts": options})
    ask("POST", "/build", query={"t": f"{repository}:1"}, data=_archive("Dockerfile", DOCKERFILE.format(image=IMAGE)))
    running = {
        "Image": f"{repository}:1", "Hostname": "h", "Env": ["A=b"], "Labels": LABELS, "ExposedPorts": {"53/udp": {}},
        "HostConfig": {
            "Binds": ["/tmp:/host:ro", "schema-volume:/v"],
            "Mounts": [
                {"Type": "volume", "Source": "schema-tmpfs", "Target": "/v2"},
                {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 448}},
            ],
            "PortBindings": {"80/tcp": [{"HostPort": ""}], "53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            "Memory": 64 << 20, "NanoCpus": 500_000_000, "PidsLimit": 50,
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "CapAdd": ["NET_ADMIN"], "CapDrop": ["MKNOD"], "Dns": ["192.0.2.1"], "ExtraHosts": ["a:192.0.2.2"],
            "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}], "Sysctls": {"net.ipv4.ip_forward": "1"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}, "NetworkMode": "schema-net",
            "Init": True, "ShmSize": 1 << 20, "Tmpfs": {"/tt": "size=1m"}, "Annotations": {"a": "b"},
        },
        "NetworkingConfig": {
            "EndpointsConfig": {"schema-net": {"IPAMConfig": {"IPv4Address": "10.213.7.200"}, "Aliases": ["alias"]}}
        },
    }  # fmt: skip
    host = {"NetworkMode": "host", "PidMode": "host", "Privileged": True, "AutoRemove": True}
    for name, body in (
        ("running", running),
        ("exited", {"Image": IMAGE, "Cmd": ["sh", "-c", "echo hi; echo x > /new; exit 3"], "Labels": LABELS}),
        ("created", {"Image": IMAGE, "Cmd": ["sleep", "600"], "Tty": True, "Labels": LABELS}),
        ("failed", {"Image": IMAGE, "Cmd": ["/nowhere"], "Labels": LABELS}),
        ("host", {"Image": IMAGE, "Cmd": ["sleep", "600"], "Labels": LABELS, "HostConfig": host}),
    ):
        ask("POST", "/containers/create", 201, body=body, query={"name": f"schema-{name}"})
        if name != "created":
            expected = 204 if name != "failed" else 400
            ask("POST", "/containers/{id}/start", expected, id=f"schema-{name}")
    ask("POST", "/containers/{id}/start", 304, id="schema-running")
    ask("POST", "/containers/{id}/wait", id="schema-exited")
    ask("POST", "/containers/{id}/pause", 204, id="schema-host")
    body = {"Container": "schema-running", "EndpointConfig": {"Aliases": ["other"]}}
    ask("POST", "/networks/{id}/connect", id="schema-internal", body=body)
    commit = {"container": "schema-exited", "repo": "schema", "tag": "committed", "comment": "c", "author": "a"}
    ask("POST", "/commit", 201, query=commit, body={"Labels": LABELS})


def _archive(name: str, text: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def _use(door: Door, repository: str) -> None:
    """What is done to what is there."""
    ask = door.ask
    made = ask("POST", "/containers/{id}/exec", 201, id="schema-running", body={"Cmd": ["true"], "AttachStdout": True})
    ask("GET", "/exec/{id}/json", id=made["Id"])
    ask("POST", "/exec/{id}/start", id=made["Id"], body={"Detach": True})
    ask("GET", "/exec/{id}/json", id=made["Id"])
    ask("POST", "/containers/{id}/resize", id="schema-running", query={"h": 10, "w": 10})
    ask("POST", "/containers/{id}/update", id="schema-running", body={"Memory": 128 << 20, "MemorySwap": -1})
    ask("POST", "/containers/{id}/rename", 204, id="schema-created", query={"name": "schema-renamed"})
    ask("POST", "/containers/{id}/rename", 409, id="schema-renamed", query={"name": "schema-running"})
    ask("POST", "/containers/{id}/unpause", 204, id="schema-host")
    ask("HEAD", "/containers/{id}/archive", id="schema-running", query={"path": "/x"})
    ask("HEAD", "/containers/{id}/archive", 404, id="schema-running", query={"path": "/nowhere"})
    ask("GET", "/containers/{id}/archive", id="schema-running", query={"path": "/x"})
    ask("PUT", "/containers/{id}/archive", id="schema-running", query={"path": "/"}, data=_archive("y", "y"))
    ask("GET", "/containers/{id}/export", id="schema-exited")
    ask("GET", "/images/{name}/get", name=IMAGE)
    ask("POST", "/images/load", data=door.call("GET", f"/images/{IMAGE}/get").content)
    ask("POST", "/images/{name}/tag", 201, name=IMAGE, query={"repo": repository, "tag": "2"})
    ask("POST", "/images/{name}/push", name=repository, query={"tag": "2"}, headers={"X-Registry-Auth": "e30="})
    ask("GET", "/distribution/{name}/json", name=f"{repository}:2")
    ask("POST", "/auth", body={"username": "u", "password": "p", "serveraddress": repository.partition("/")[0]})
    ask("POST", "/images/create", query={"fromImage": repository, "tag": "2"})


def _take_away(door: Door, repository: str) -> None:
    ask = door.ask
    ask("POST", "/networks/{id}/disconnect", id="schema-internal", body={"Container": "schema-running"})
    ask("POST", "/containers/{id}/kill", 204, id="schema-host")
    ask("POST", "/containers/{id}/kill", 409, id="schema-exited")
    ask("POST", "/containers/{id}/restart", 204, id="schema-running", query={"t": 0})
    ask("POST", "/containers/{id}/stop", 204, id="schema-running", query={"t": 0})
    ask("POST", "/containers/{id}/stop", 304, id="schema-running", query={"t": 0})
    ask("DELETE", "/images/{name}", name=f"{repository}:2")
    ask("DELETE", "/images/{name}", 409, name=f"{repository}:1")
    ask("DELETE", "/volumes/{name}", 409, name="schema-volume")
    ask("DELETE", "/containers/{id}", 204, id="schema-failed")
    ours = {"filters": '{"label": ["schema"]}'}
    ask("POST", "/containers/prune", query=ours)
    ask("DELETE", "/networks/{id}", 204, id="schema-internal")
    ask("POST", "/networks/prune", query=ours)
    ask("DELETE", "/volumes/{name}", 204, name="schema-tmpfs")
    ask("POST", "/volumes/prune", query={"filters": '{"label": ["schema"], "all": ["1"]}'})
    ask("POST", "/images/prune", query={"filters": '{"label": ["schema"], "dangling": ["false"]}'})
    ask("POST", "/build/prune")
