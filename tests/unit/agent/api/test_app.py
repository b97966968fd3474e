"""The API over a real unix socket with an engine that answers what the test says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.client

from agent.api.app import Api
from agent.api.backends import Backends
from agent.api.import_source import import_from_url
from agent.ports.runtime import ExitStatus
from tests.fakes.engine import FakeEngine, FakeSession
from wire import errors
from wire.net.server import serve, tcp_listener, unix_listener
from wire.stdcopy import frame

TOO_OLD = (
    "client version 1.12 is too old. Minimum supported API version is 1.24, "
    "please upgrade your client to a newer version"
)
NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """As much HTTP as the tests need."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(self.path))

    async def ask(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        fields = {"Host": "d", "Connection": "close", **(headers or {})}
        if body is not None:
            fields["Content-Length"] = str(len(body))
        reader, writer = await self.open()
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"
        writer.write(head.encode() + (body or b""))
        answer = await read_answer(reader, head_only=method == "HEAD")
        writer.close()
        return answer

    async def ask_json(self, method: str, target: str, document: object) -> Answer:
        return await self.ask(method, target, json.dumps(document).encode(), {"Content-Type": "application/json"})


async def read_head(reader: asyncio.StreamReader) -> Answer:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
    return Answer(int(lines[0].split()[1]), headers, b"")


async def read_answer(reader: asyncio.StreamReader, *, head_only: bool = False) -> Answer:
    answer = await read_head(reader)
    length = answer.headers.get("content-length")
    raw = await reader.read() if length is None else b"" if head_only else await reader.readexactly(int(length))
    if answer.headers.get("transfer-encoding") == "chunked":
        body = b""
        while raw:
            digits, _, raw = raw.partition(b"\r\n")
            size = int(digits, 16)
            body, raw = body + raw[:size], raw[size + 2 :]
        raw = body
    return Answer(answer.status, answer.headers, raw)


@contextlib.asynccontextmanager
async def running(tmp_path: Path, engine: FakeEngine, builder: Any = None) -> AsyncIterator[Client]:
    async def doctor() -> dict[str, Any]:
        return {"ok": True, "findings": []}

    backends = Backends(engine=engine, builder=builder, doctor=doctor, facts=lambda: {"cpus": 2}, scratch=tmp_path)  # type: ignore[arg-type]
    async with serve(Api(backends), [unix_listener(tmp_path / "api.sock")], grace_s=0.5):
        yield Client(tmp_path / "api.sock")


async def items(*values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield value


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/v1.99/info", 400, "client version 1.99 is too new. Maximum supported API version is 1.45"),
        ("/v1.12/info", 400, TOO_OLD),
        ("/v1.99/nothing", 404, "page not found"),
        ("/vfoo/info", 404, "page not found"),
        ("/", 404, "page not found"),
        ("/v1.45/swarm", 503, NO_MANAGER),
        ("/images/search?term=x&limit=y", 400, 'invalid limit specified: strconv.Atoi: parsing "y": invalid syntax'),
        ("/containers/json?limit=x", 500, 'strconv.Atoi: parsing "x": invalid syntax'),
        ("/containers/json?filters=x", 400, "invalid filter"),
        ("/containers/a/archive", 400, "bad parameter: pathcannot be empty"),
        ("/containers/a/logs", 400, "Bad parameters: you must choose at least one stream"),
        ("/containers/json?all=%zz", 400, 'invalid URL escape "%zz"'),
        ("/system/df?type=x", 400, "unknown object type: x"),
    ],
)  # fmt: skip
async def test_refusals_have_dockers_status_text_and_headers(
    tmp_path: Path, target: str, status: int, message: str
) -> None:
    async with running(tmp_path, FakeEngine()) as client:
        answer = await client.ask("GET", target)
    assert (answer.status, answer.json) == (status, {"message": message})
    assert answer.headers["api-version"] == "1.45"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["ostype"] == "linux"


async def test_a_path_that_could_be_shorter_is_sent_there(tmp_path: Path) -> None:
    async with running(tmp_path, FakeEngine()) as client:
        answer = await client.ask("POST", "/v1.45/containers//web/stop?t=1")
    assert (answer.status, answer.headers["location"]) == (301, "/v1.45/containers/web/stop?t=1")


async def test_ping_by_head_has_headers_and_no_body(tmp_path: Path) -> None:
    async with running(tmp_path, FakeEngine()) as client:
        head, get = await client.ask("HEAD", "/_ping"), await client.ask("GET", "/v1.30/_ping")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "0")
    assert (get.status, get.body, get.headers["api-version"]) == (200, b"OK", "1.45")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("No such container: web"), 404),
        (errors.Conflict("in use"), 409),
        (errors.Unavailable("later"), 503),
    ],
)
async def test_an_error_of_the_engine_becomes_its_status_and_message(
    tmp_path: Path, error: errors.MooringError, status: int
) -> None:
    async with running(tmp_path, FakeEngine(inspect=error)) as client:
        answer = await client.ask("GET", "/v1.45/containers/web/json")
    assert (answer.status, answer.json) == (status, {"message": error.message})


async def test_a_fault_of_ours_is_told_by_reference_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, FakeEngine(inspect=RuntimeError("secret detail"))) as client:
        answer = await client.ask("GET", "/containers/web/json")
    assert answer.status == 500
    reference = answer.json["message"].split("reference ")[1].split(" ")[0]
    assert "secret" not in answer.json["message"]
    assert reference in caplog.text
    assert "secret detail" in caplog.text


async def test_not_modified_has_no_body(tmp_path: Path) -> None:
    async with running(tmp_path, FakeEngine(start=errors.NotModified(""))) as client:
        answer = await client.ask("POST", "/containers/web/start")
    assert (answer.status, answer.body) == (304, b"")


async def test_create_decodes_the_body_once_and_passes_the_operation_key(tmp_path: Path) -> None:
    engine = FakeEngine(create=("abc", ["careful"]))
    async with running(tmp_path, engine) as client:
        answer = await client.ask(
            "POST", "/v1.45/containers/create?name=web&platform=linux/amd64",
            b'{"Image":"busybox","Cmd":null,"HostConfig":{"Memory":4194304,"Annotations":{"a":"b"}}}',
            {"Content-Type": "application/json; charset=utf-8", "X-Mooring-Operation": "job-1"},
        )  # fmt: skip
    assert (answer.status, answer.json) == (201, {"Id": "abc", "Warnings": ["careful"]})
    verb, (name, body, platform), keywords = engine.calls[0]
    assert (verb, name, platform, keywords) == ("create", "web", "linux/amd64", {"operation": "job-1"})
    assert body.host_config.memory == 4194304


async def test_an_older_client_does_not_reach_newer_fields(tmp_path: Path) -> None:
    engine = FakeEngine(create=("abc", []))
    document = {"Image": "i", "HostConfig": {"Annotations": {"a": "b"}, "ConsoleSize": [1, 2], "CgroupnsMode": ""}}
    async with running(tmp_path, engine) as client:
        await client.ask_json("POST", "/v1.40/containers/create?platform=linux", document)
    _, (_, body, platform), _ = engine.calls[0]
    assert (platform, body.host_config.console_size, body.host_config.cgroupns_mode) == ("", [0, 0], "host")
    assert not body.host_config.annotations


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"{}", "text/plain", 400, "unsupported Content-Type header (text/plain): must be 'application/json'"),
        (b"", "", 400, "invalid JSON: got EOF while reading request body"),
        (b'{"Image":', "application/json", 400, "invalid JSON: unexpected EOF"),
        (b"[" * 200_000, "application/json", 400, None),
        (b'{"Image":"' + b"x" * (5 << 20) + b'"}', "application/json", 413, "http: request body too large"),
    ],
)
async def test_bodies_that_are_refused(
    tmp_path: Path, body: bytes, content_type: str, status: int, message: str | None
) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine) as client:
        headers = {"Content-Type": content_type} if content_type else {}
        answer = await client.ask("POST", "/containers/create", body, headers)
    assert answer.status == status
    assert message in (None, answer.json["message"])
    assert not engine.calls


async def test_wait_sends_its_headers_before_the_container_ends(tmp_path: Path) -> None:
    ended: asyncio.Future[tuple[ExitStatus, str]] = asyncio.get_running_loop().create_future()
    async with running(tmp_path, FakeEngine(wait=lambda *_: ended)) as client:
        reader, writer = await client.open()
        writer.write(b"POST /v1.45/containers/web/wait?condition=removed HTTP/1.1\r\nHost: d\r\n\r\n")
        head = await asyncio.wait_for(read_head(reader), 60)
        assert head.status == 200
        ended.set_result((ExitStatus(code=3, exited_at=0.0), ""))
        assert b'{"StatusCode":3}' in await reader.readuntil(b"}")
        writer.close()


async def test_a_client_that_drops_its_wait_ends_the_waiting(tmp_path: Path) -> None:
    ended: asyncio.Future[tuple[ExitStatus, str]] = asyncio.get_running_loop().create_future()
    cancelled = asyncio.Event()
    ended.add_done_callback(lambda _: cancelled.set())
    async with running(tmp_path, FakeEngine(wait=lambda *_: ended)) as client:
        reader, writer = await client.open()
        writer.write(b"POST /containers/web/wait HTTP/1.1\r\nHost: d\r\n\r\n")
        await read_head(reader)
        writer.close()
        await asyncio.wait_for(cancelled.wait(), 60)
    assert ended.cancelled()


async def test_attach_frames_output_and_passes_input_and_its_end(tmp_path: Path) -> None:
    session = FakeSession([(1, b"out"), (2, b"err")], echo=True)
    engine = FakeEngine(attach=session)
    async with running(tmp_path, engine) as client:
        reader, writer = await client.open()
        writer.write(
            b"POST /v1.45/containers/web/attach?stdin=1&stdout=1&stderr=1&stream=1 HTTP/1.1\r\nHost: d\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\ntyped"
        )
        writer.write_eof()
        head = await read_head(reader)
        assert (head.status, head.headers["upgrade"]) == (101, "tcp")
        assert head.headers["content-type"] == "application/vnd.docker.multiplexed-stream"
        assert await reader.read() == frame(1, b"out") + frame(2, b"err") + frame(1, b"typed")
        writer.close()
    assert session.written == b"typed"
    assert session.closed.is_set()


async def test_attach_without_stdin_ignores_the_clients_half_close(tmp_path: Path) -> None:
    session = FakeSession([(1, b"late")], tty=True)
    async with running(tmp_path, FakeEngine(attach=session)) as client:
        reader, writer = await client.open()
        writer.write(b"POST /v1.41/containers/w/attach?stdout=1 HTTP/1.1\r\nHost: d\r\n\r\nignored")
        writer.write_eof()
        head = await read_head(reader)
        assert (head.status, head.headers["content-type"]) == (200, "application/vnd.docker.raw-stream")
        assert await reader.read() == b"late"
        writer.close()
    assert session.written == b""
    assert not session.stdin_closed.is_set()


async def test_attach_to_a_missing_container_is_told_as_plain_text(tmp_path: Path) -> None:
    async with running(tmp_path, FakeEngine(attach=errors.NotFound("No such container: w"))) as client:
        answer = await client.ask("POST", "/containers/w/attach?stream=1", b"", UPGRADE)
    assert (answer.status, answer.body) == (404, b"No such container: w\r\n")


async def test_an_exec_that_cannot_be_executed_says_so_inside_the_stream(tmp_path: Path) -> None:
    engine = FakeEngine(
        exec_check=None, exec_inspect={"OpenStdin": False}, exec_start=errors.Invalid("OCI runtime exec failed: no sh")
    )
    async with running(tmp_path, engine) as client:
        answer = await client.ask(
            "POST", "/v1.45/exec/e1/start", b'{"Detach":false,"Tty":false}',
            {"Content-Type": "application/json", **UPGRADE},
        )  # fmt: skip
    assert answer.status == 101
    assert answer.body == frame(1, b"OCI runtime exec failed: no sh\r\n")


async def test_a_detached_exec_is_an_ordinary_answer(tmp_path: Path) -> None:
    engine = FakeEngine(exec_check=None, exec_start=None)
    async with running(tmp_path, engine) as client:
        answer = await client.ask_json("POST", "/exec/e1/start", {"Detach": True, "ConsoleSize": [24, 80]})
    assert (answer.status, answer.body) == (200, b"")
    assert engine.calls[-1] == ("exec_start", ("e1",), {"detach": True, "tty": False, "console_size": [24, 80]})


async def test_attach_over_a_websocket_is_binary_and_unframed(tmp_path: Path) -> None:
    session = FakeSession([(1, b"hello")], echo=True)
    async with (
        running(tmp_path, FakeEngine(attach=session)) as client,
        websockets.asyncio.client.unix_connect(
            str(client.path), "ws://d/v1.45/containers/w/attach/ws?stdin=1&stdout=1&stream=1"
        ) as socket,
    ):
        assert await socket.recv() == b"hello"
        await socket.send("typed")
        assert await socket.recv() == b"typed"
    assert session.written == b"typed"


async def test_image_names_keep_their_slashes_and_colons(tmp_path: Path) -> None:
    engine = FakeEngine(image_push=lambda *_, **__: items({"status": "pushed"}), image_inspect={"Size": 1})
    auth = {"X-Registry-Auth": base64.urlsafe_b64encode(b'{"username":"u","password":"p"}').decode()}
    async with running(tmp_path, engine) as client:
        answer = await client.ask("POST", "/v1.45/images/127.0.0.1:5077/w/bb/push?tag=1", b"", auth)
        await client.ask("GET", "/images/a%2Fb:c/json")
    assert answer.json == {"status": "pushed"}
    assert engine.calls[0][1] == ("127.0.0.1:5077/w/bb",)
    assert engine.calls[0][2]["credentials"].password == "p"
    assert engine.calls[1][1] == ("a/b:c",)


async def test_a_pull_that_fails_before_it_begins_has_its_own_status(tmp_path: Path) -> None:
    async def refused(denied: bool = True) -> AsyncIterator[Any]:
        if denied:
            raise errors.NotFound("pull access denied for nope")
        yield {"status": "Pulling"}

    async with running(tmp_path, FakeEngine(image_pull=lambda *_, **__: refused())) as client:
        answer = await client.ask("POST", "/images/create?fromImage=nope&tag=1")
    assert (answer.status, answer.json) == (404, {"message": "pull access denied for nope"})


async def test_a_pull_that_fails_later_says_so_in_its_last_line(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[Any]:
        yield {"status": "Pulling"}
        raise errors.Unavailable("connection reset")

    async with running(tmp_path, FakeEngine(image_pull=lambda *_, **__: broken())) as client:
        answer = await client.ask("POST", "/images/create?fromImage=busybox&tag=latest")
    assert answer.status == 200
    assert [json.loads(line) for line in answer.body.splitlines()] == [
        {"status": "Pulling"},
        {"errorDetail": {"message": "connection reset"}, "error": "connection reset"},
    ]


async def test_a_streamed_body_is_read_while_the_answer_is_streamed(tmp_path: Path) -> None:
    async def echo(options: Any, context: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for part in context:
            yield {"stream": part.decode()}

    class Builder:
        build = staticmethod(echo)

    async with running(tmp_path, FakeEngine(), Builder()) as client:
        reader, writer = await client.open()
        writer.write(b"POST /build?t=x HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n"
                     b"Content-Type: application/x-tar\r\n\r\n3\r\none\r\n")  # fmt: skip
        assert (await read_head(reader)).status == 200
        await reader.readuntil(b'{"stream":"one"}')
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
        await reader.readuntil(b'{"stream":"two"}')
        await reader.readuntil(b"0\r\n\r\n")
        writer.close()


async def test_a_build_ends_when_its_client_goes_away(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def endless(options: Any, context: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        try:
            async for _ in context:
                pass
            yield {"stream": "building"}
            await asyncio.Event().wait()
        finally:
            closed.set()

    class Builder:
        build = staticmethod(endless)

    async with running(tmp_path, FakeEngine(), Builder()) as client:
        reader, writer = await client.open()
        writer.write(b"POST /build HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\ntar")
        await reader.readuntil(b"building")
        writer.close()
        await asyncio.wait_for(closed.wait(), 60)


async def test_events_send_headers_at_once_and_stop_with_the_client(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def quiet(**_: Any) -> AsyncIterator[Any]:
        try:
            await asyncio.Event().wait()
            yield {}
        finally:
            closed.set()

    async with running(tmp_path, FakeEngine(events=quiet)) as client:
        reader, writer = await client.open()
        writer.write(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
        assert (await asyncio.wait_for(read_head(reader), 60)).status == 200
        writer.close()
        await asyncio.wait_for(closed.wait(), 60)


async def test_older_versions_see_older_image_shapes(tmp_path: Path) -> None:
    engine = FakeEngine(image_list=[{"Id": "sha256:a", "Size": 5, "RepoTags": [], "RepoDigests": []}])
    async with running(tmp_path, engine) as client:
        old = (await client.ask("GET", "/v1.42/images/json?filter=bb")).json[0]
        new = (await client.ask("GET", "/v1.45/images/json")).json[0]
    assert (old["VirtualSize"], old["RepoTags"]) == (5, ["<none>:<none>"])
    assert "VirtualSize" not in new


async def test_archive_stat_travels_in_its_header(tmp_path: Path) -> None:
    engine = FakeEngine(archive_stat={"name": "etc", "size": 4096})
    async with running(tmp_path, engine) as client:
        answer = await client.ask("HEAD", "/containers/w/archive?path=/etc")
    assert answer.status == 200
    assert json.loads(base64.b64decode(answer.headers["x-docker-container-path-stat"])) == {"name": "etc", "size": 4096}


async def test_the_state_snapshot_carries_the_number_to_resume_from(tmp_path: Path) -> None:
    engine = FakeEngine(
        list=[{"Id": "a"}], image_list=[], network_list=[], volume_list={"Volumes": None}, info={"ID": "x"}, version={},
    )  # fmt: skip
    async with running(tmp_path, engine) as client:
        state = (await client.ask("GET", "/mooring/v1/state")).json
    assert (state["seq"], state["containers"], state["volumes"], state["doctor"]["ok"]) == (7, [{"Id": "a"}], [], True)


async def test_numbered_events_carry_the_container_as_it_is(tmp_path: Path) -> None:
    def numbered(after: int | None) -> AsyncIterator[Any]:
        assert after == 7
        return items(
            (8, {"Type": "container", "Action": "start", "Actor": {"ID": "a"}}),
            (9, {"Type": "volume", "Action": "create", "Actor": {"ID": "v"}}),
        )

    async with running(tmp_path, FakeEngine(numbered_events=numbered, list=[{"Id": "a"}])) as client:
        answer = await client.ask("GET", "/mooring/v1/events?after=7")
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [(line["seq"], line["container"]) for line in lines] == [(8, {"Id": "a"}), (9, None)]


@pytest.mark.parametrize(
    ("version", "names", "options"),
    [
        (
            "1.24",
            ["KernelMemory", "KernelMemoryTCP", "SecurityOptions", "ExecutionDriver", "Warnings"],
            ["seccomp", "cgroupns"],
        ),
        (
            "1.41",
            ["KernelMemory", "KernelMemoryTCP", "SecurityOptions"],
            ["name=seccomp,profile=builtin", "name=cgroupns"],
        ),
        ("1.42", ["KernelMemoryTCP", "SecurityOptions"], ["name=seccomp,profile=builtin", "name=cgroupns"]),
    ],
)
async def test_older_versions_are_told_more_of_the_host(
    tmp_path: Path, version: str, names: list[str], options: list[str]
) -> None:
    info = {"KernelMemoryTCP": True, "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"]}
    async with running(tmp_path, FakeEngine(info=info)) as client:
        answer = await client.ask("GET", f"/v{version}/info")
    assert (list(answer.json), answer.json["SecurityOptions"]) == (names, options)


async def test_an_import_says_where_it_is_from(tmp_path: Path) -> None:
    engine = FakeEngine(image_import=lambda *_, **__: items({"status": "sha256:"}))
    async with running(tmp_path, engine) as client:
        await client.ask("POST", "/images/create?fromSrc=-", b"")
        await client.ask("POST", "/images/create?fromSrc=-&message=mine", b"")
    assert [options["message"] for _, _, options in engine.calls] == ["Imported from -", "mine"]


async def test_an_import_by_url_fetches_the_archive_and_leaves_nothing(tmp_path: Path) -> None:
    async def file_server(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"7")]})
        await send({"type": "http.response.body", "body": b"archive"})

    async def import_(source: AsyncIterator[bytes], **_: Any) -> AsyncIterator[Any]:
        return items({"status": b"".join([piece async for piece in source]).decode()})

    scratch = tmp_path / "scratch"
    listener = tcp_listener("127.0.0.1", 0)
    address = f"127.0.0.1:{listener.socket.getsockname()[1]}"
    async with serve(file_server, [listener], grace_s=0.1):
        lines = [line async for line in import_from_url(address, scratch, import_)]
    assert lines == [{"status": f"Downloading from http://{address}"}, {"status": "archive"}]
    assert not list(scratch.iterdir())
    with pytest.raises(errors.Internal, match="connection refused"):
        await anext(import_from_url("http://127.0.0.1:1/x", scratch, import_))
    assert not list(scratch.iterdir())


async def test_a_busy_host_still_tells_its_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.api.host_calls._HEARTBEAT_S", 0.02)

    async def busy(after: int | None) -> AsyncIterator[Any]:
        for number in range(60):
            await asyncio.sleep(0.001)
            yield number, {"Type": "image", "Action": "tag", "Actor": {"ID": "i"}}

    async with running(tmp_path, FakeEngine(numbered_events=busy)) as client:
        lines = [json.loads(line) for line in (await client.ask("GET", "/mooring/v1/events")).body.splitlines()]
    assert [line["seq"] for line in lines if "event" in line] == list(range(60))
    assert any(line.get("facts") == {"cpus": 2} for line in lines)
