"""The real docker client on the plane's socket and port."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request

from tests.fakes.fake_agent import FakeEngine
from tests.integration.plane.processes import PASSWORD, Plane, eventually


async def test_a_container_from_create_to_removal(plane: Plane, engine: FakeEngine) -> None:
    code, out, err = await plane.docker("create", "--name", "web", "busybox", "true")
    assert (code, err) == (0, "")
    assert (await plane.docker("start", "web")) == (0, "web\n", "")
    code, out, _ = await plane.docker("ps", "--format", "{{.Names}} {{.State}}")
    assert out == "web running\n"  # a list right after a change shows the change
    assert (await plane.docker("rm", "-f", "web"))[0] == 0
    assert dict(engine.effects) == {"create": 1, "start": 1, "remove": 1}


async def test_the_engines_errors_pass_unchanged(plane: Plane, engine: FakeEngine) -> None:
    await plane.docker("create", "--name", "web", "busybox")
    code, _, err = await plane.docker("create", "--name", "web", "busybox")
    assert code == 1
    assert 'Conflict. The container name "/web" is already in use.' in err
    code, _, err = await plane.docker("start", "nope")
    assert (code, err.splitlines()[0]) == (1, "Error response from daemon: No such container: nope")
    assert (await plane.docker("start", "web"))[0] == 0
    assert (await plane.docker("start", "web"))[0] == 0  # 304: already so


async def test_exec_sends_input_and_its_end_and_gets_the_exit_code(plane: Plane, engine: FakeEngine) -> None:
    await plane.docker("create", "--name", "web", "busybox")
    code, out, _ = await plane.docker("exec", "-i", "web", "cat", stdin=b"hello")
    assert code == 3
    assert "frames: hello, end" in out


async def test_builds_and_pulls_stream_both_ways(plane: Plane, engine: FakeEngine) -> None:
    context = b"x" * (8 << 20)
    code, _, err = await plane.docker("import", "-", "made:1", stdin=context)
    assert code == 0, err
    assert engine.uploads[-1] == context
    code, _, err = await plane.docker("pull", "busybox:1")
    assert code == 0, err
    key = next(headers for (method, path), headers in zip(engine.requests, engine.headers, strict=True)
               if path == "/images/create" and method == "POST")["x-mooring-operation"]  # fmt: skip
    assert len(key) == 36


async def test_bad_requests_answer_as_docker_does(plane: Plane, engine: FakeEngine) -> None:
    async def ask(method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, dict[str, str]]:
        reader, writer = await asyncio.open_unix_connection(str(plane.socket))
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers])
        writer.write(head.encode() + b"\r\nConnection: close\r\n\r\n" + body)
        answer = await reader.read()
        writer.close()
        head_text, _, text = answer.partition(b"\r\n\r\n")
        return int(head_text.split()[1]), json.loads(text) if text else {}

    kind = "Content-Type: application/json"
    assert await ask("GET", "/nope") == (404, {"message": "page not found"})
    assert await ask("PATCH", "/containers/json") == (404, {"message": "page not found"})
    assert (await ask("GET", "/v1.99/info"))[1]["message"].startswith("client version 1.99 is too new")
    status, body = await ask("POST", "/containers/create", b"{not json", kind)
    assert (status, body["message"][:13]) == (400, "invalid JSON:")
    status, body = await ask("POST", "/containers/create", b"{}", "Content-Type: text/plain")
    assert (status, "unsupported Content-Type" in body["message"]) == (400, True)
    status, body = await ask("POST", "/containers/create", b'{"Image": "' + b"x" * (5 << 20) + b'"}', kind)
    assert (status, body) == (413, {"message": "http: request body too large"})
    assert engine.effects == {}


async def test_a_token_opens_one_host_by_name_and_nothing_without(plane: Plane, engine: FakeEngine) -> None:
    secret = await asyncio.to_thread(_token, plane, "mel")
    headers = _sends(plane, secret)
    base = f"tcp://127.0.0.1:{plane.port}"
    code, _, err = await plane.docker("ps", DOCKER_HOST=f"{base}/host/h1")
    assert code == 1
    assert "authentication required" in err
    code, _, err = await plane.docker("ps", DOCKER_HOST=f"{base}/host/h1", **_sends(plane, "mrt_x"))
    assert "the bearer token is not valid" in err
    for path in ("/host/h1", "/env/default", ""):
        code, _, err = await plane.docker("ps", DOCKER_HOST=base + path, **headers)
        assert (code, err) == (0, ""), path
    code, _, err = await plane.docker("ps", DOCKER_HOST=f"{base}/host/h2", **headers)
    assert "No such host: h2" in err
    for wanted in (["--privileged"], ["-v", "/etc:/e"], ["--network", "host"]):
        code, _, err = await plane.docker("create", *wanted, "busybox", DOCKER_HOST=f"{base}/host/h1", **headers)
        assert code == 1
        assert "permission denied: mel may not do container.unconfined" in err
    assert engine.effects == {}
    assert (await plane.docker("create", "busybox", DOCKER_HOST=f"{base}/host/h1", **headers))[0] == 0


async def test_taking_the_token_away_ends_an_open_stream(plane: Plane, engine: FakeEngine) -> None:
    secret = await asyncio.to_thread(_token, plane, "eve")
    await plane.docker("create", "--name", "web", "busybox")
    stream = asyncio.create_task(
        plane.docker("events", DOCKER_HOST=f"tcp://127.0.0.1:{plane.port}/host/h1", **_sends(plane, secret))
    )
    await eventually(lambda: ("GET", "/events") in engine.requests, 60, "the stream is open")
    await asyncio.to_thread(
        plane.manage, "shell", "-c",
        "from controlplane.accounts.models import User; from controlplane.accounts.actions import change_user; "
        "change_user(User.objects.get(username='eve'), is_active=False)",
    )  # fmt: skip
    await asyncio.wait_for(stream, 60)


async def test_the_dashboards_side_is_guarded_too(plane: Plane, engine: FakeEngine) -> None:
    def status(path: str, **headers: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(plane.url + path, headers=headers), timeout=10
            ) as answer:
                return answer.status, answer.headers["Content-Security-Policy"] or ""
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Security-Policy"] or ""

    assert (await asyncio.to_thread(status, "/api/v1/containers"))[0] == 401
    assert (await asyncio.to_thread(status, "/api/v1/nope"))[0] == 404
    assert (await asyncio.to_thread(status, "/host/h1/containers/json.js"))[0] == 401
    assert "nonce-" in (await asyncio.to_thread(status, "/containers"))[1]


def _token(plane: Plane, name: str) -> str:
    return plane.manage(
        "shell", "-v0", "-c",
        "from controlplane.accounts.actions import create_token, create_user; "
        f"print(create_token(user_id=create_user(username={name!r}, password={PASSWORD!r}).pk, name='ci')[1])",
    ).splitlines()[-1]  # fmt: skip


def _sends(plane: Plane, secret: str) -> dict[str, str]:
    """Environment of a client that sends this token, by its configuration file as in the README: every version can."""
    directory = plane.data / f"client-{secret}"
    directory.mkdir(exist_ok=True)
    headers = {"HttpHeaders": {"Authorization": f"Bearer {secret}"}}
    (directory / "config.json").write_text(json.dumps(headers))
    return {"DOCKER_CONFIG": str(directory)}


async def test_a_member_does_not_get_into_a_container_with_rights_on_the_host(plane: Plane, engine: FakeEngine) -> None:
    secret = await asyncio.to_thread(_token, plane, "mia")
    await plane.docker("create", "--name", "root", "--privileged", "busybox")
    await plane.docker("create", "--name", "plain", "busybox")
    engine.find("root")["HostConfig"] = {"Privileged": True}
    member = {"DOCKER_HOST": f"tcp://127.0.0.1:{plane.port}/host/h1", **_sends(plane, secret)}
    for command in (["exec", "root", "sh"], ["attach", "root"], ["cp", "root:/etc/shadow", "-"]):
        engine.find("root")["State"] = "running"
        code, _, err = await plane.docker(*command, **member)
        assert code != 0
        refused = "permission denied: mia may not do container.unconfined"
        assert refused in err or "received 403" in err, command  # the client shows an upgrade's status only
    assert (await plane.docker("exec", "-i", "plain", "sh", stdin=b"x", **member))[0] == 3
    assert (await plane.docker("exec", "-i", "root", "sh", stdin=b"x"))[0] == 3  # root on the socket may
