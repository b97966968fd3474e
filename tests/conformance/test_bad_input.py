"""Bad input gets Docker's words and status, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import socket

from tests.conformance.conftest import IMAGE, Engine
from tests.instances import free_port


def request(
    engine: Engine, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, object]:
    """A raw HTTP request on the engine's unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    connection.sock.connect(engine.host.removeprefix("unix://"))
    connection.request(method, path, body, headers or {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


def test_unknown_image(engine: Engine) -> None:
    status, body = request(engine, "POST", "/v1.45/containers/create", json.dumps({"Image": "nowhere:1"}).encode())
    assert (status, body) == (404, {"message": "No such image: nowhere:1"})


def test_taken_name(engine: Engine) -> None:
    first = engine.ok("create", "--name", "taken", IMAGE)
    code, _, err = engine("create", "--name", "taken", IMAGE)
    assert code == 1
    assert (
        f'Conflict. The container name "/taken" is already in use by container "{first}". '
        "You have to remove (or rename) that container to be able to reuse that name." in err
    )
    assert len(engine.ok("ps", "-aq").split()) == 1


def test_taken_port_starts_nothing(engine: Engine) -> None:
    port = free_port()
    engine.ok("run", "-d", "--name", "first", "-p", f"{port}:80", IMAGE, "sleep", "600")
    code, _, err = engine("run", "-d", "--name", "second", "-p", f"{port}:80", IMAGE, "sleep", "600")
    assert code == 125
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in err
    assert engine.ok("inspect", "-f", "{{.State.Status}}", "second") == "created"


def test_bad_json(engine: Engine) -> None:
    status, body = request(engine, "POST", "/v1.45/containers/create", b'{"Image": ')
    assert status == 400
    assert isinstance(body, dict)
    assert set(body) == {"message"}


def test_unknown_id(engine: Engine) -> None:
    assert (
        engine("start", "nope")[2]
        == "Error response from daemon: No such container: nope\nError: failed to start containers: nope\n"
    )
    assert request(engine, "GET", "/v1.45/containers/nope/json") == (404, {"message": "No such container: nope"})


def test_ambiguous_id_prefix(engine: Engine) -> None:
    seen: dict[str, str] = {}
    prefix = ""
    while not prefix:
        container = engine.ok("create", IMAGE)
        prefix = container[0] if container[0] in seen else ""
        seen[container[0]] = container
    status, body = request(engine, "GET", f"/v1.45/containers/{prefix}/json")
    assert (status, body) == (400, {"message": f"multiple IDs found with provided prefix: {prefix}"})


def test_exec_in_a_stopped_container(engine: Engine) -> None:
    container = engine.ok("create", IMAGE)
    status, body = request(
        engine, "POST", f"/v1.45/containers/{container}/exec", json.dumps({"Cmd": ["true"]}).encode()
    )
    assert (status, body) == (409, {"message": f"container {container} is not running"})


def test_unknown_path_and_version(engine: Engine) -> None:
    assert request(engine, "GET", "/v1.45/nothing/here") == (404, {"message": "page not found"})
    status, body = request(engine, "GET", "/v1.99/info")
    assert status == 400
    assert isinstance(body, dict)
    assert "client version 1.99 is too new" in body["message"]


def test_oversized_body(engine: Engine) -> None:
    huge = json.dumps({"Image": IMAGE, "Labels": {"x": "y" * (20 << 20)}}).encode()
    status, body = request(engine, "POST", "/v1.45/containers/create", huge)
    assert status == 413
    assert isinstance(body, dict)
    assert engine.ok("ps", "-aq") == ""


def test_command_that_does_not_exist(engine: Engine) -> None:
    code, _, err = engine("run", "--rm", IMAGE, "no-such-program")
    assert code == 127
    assert 'exec: "no-such-program": executable file not found in $PATH' in err
    assert engine("run", "--rm", IMAGE, "/etc")[0] == 126
    assert engine.ok("ps", "-aq") == ""
