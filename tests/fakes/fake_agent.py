"""A small agent for the control plane's tests: the real dial and mux, an engine in memory that counts its effects.

It speaks as much of the Engine API as the plane's own behaviour needs (what the engine itself does is tested with the
real agent). Containers do not run anything; exec and attach echo what they are sent, `logs` are appended by the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import time
import urllib.parse
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from agent.tunnel.dial import dial
from agent.tunnel.link import Link
from wire.net.asgi import Receive, Scope, Send
from wire.stdcopy import STDOUT, frame

__all__ = ["FakeAgent", "FakeEngine"]

_CONTAINER = re.compile(r"/containers/([^/]+)(/.*)?")


class Answer(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class FakeEngine:
    """State and counters. `effects` counts what was really done; `journal` keeps answers by operation key."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.images = {"busybox:latest"}
        self.effects: Counter[str] = Counter()
        self.journal: dict[str, tuple[int, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.sequence = 0
        self.ring: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.hold: asyncio.Event | None = None  # when set, mutations wait for it before their effect
        self.uploads: list[bytes] = []

    # state
    def find(self, ref: str) -> dict[str, Any]:
        for container in self.containers.values():
            if ref in (container["Id"], container["Name"]) or (len(ref) >= 4 and container["Id"].startswith(ref)):
                return container
        raise Answer(404, f"No such container: {ref}")

    def item(self, container: dict[str, Any]) -> dict[str, Any]:
        state = container["State"]
        status = {"running": "Up 1 second", "exited": f"Exited ({container['ExitCode']}) 1 second ago"}
        return {
            "Id": container["Id"], "Names": [f"/{container['Name']}"], "Image": container["Image"],
            "ImageID": "sha256:1", "Command": "sh", "Created": 1700000000, "Ports": [], "Labels": container["Labels"],
            "State": state, "Status": status.get(state, "Created"), "HostConfig": {"NetworkMode": "default"},
            "NetworkSettings": {"Networks": {"bridge": {}}}, "Mounts": [],
        }  # fmt: skip

    def inspect(self, container: dict[str, Any]) -> dict[str, Any]:
        started = "2026-01-01T00:00:00.000000000Z" if container["State"] != "created" else "0001-01-01T00:00:00Z"
        return {
            "Id": container["Id"], "Name": f"/{container['Name']}", "Created": "2026-01-01T00:00:00.000000000Z",
            "State": {"Status": container["State"], "ExitCode": container["ExitCode"], "StartedAt": started,
                      "Running": container["State"] == "running", "FinishedAt": "0001-01-01T00:00:00Z"},
            "RestartCount": 0, "HostConfig": {"RestartPolicy": {"Name": "no"}, **container.get("HostConfig", {})},
            "Config": container["Config"],
        }  # fmt: skip

    def emit(self, action: str, container: dict[str, Any]) -> None:
        self.sequence += 1
        gone = container["Id"] not in self.containers
        event = {
            "Type": "container", "Action": action, "timeNano": time.time_ns(),
            "Actor": {"ID": container["Id"], "Attributes": {"name": container["Name"], "image": container["Image"]}},
        }  # fmt: skip
        self.ring.append({"seq": self.sequence, "event": event, "container": None if gone else self.item(container)})
        self.changed.set()

    def log(self, ref: str, text: str, stream: int = 1) -> None:
        container = self.find(ref)
        logs = container["Logs"]
        logs.append({"c": str(len(logs) + 1), "t": 1700000000000000000 + len(logs), "s": stream, "l": text})
        self.changed.set()

    # mutations
    async def mutate(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        if self.hold is not None:
            await self.hold.wait()
        if path == "/containers/create":
            return self._create(query.get("name", ""), json.loads(body))
        match = _CONTAINER.fullmatch(path)
        if match is None:
            raise Answer(404, "page not found")
        container, verb = self.find(match[1]), (match[2] or "").strip("/")
        if method == "DELETE":
            if container["State"] == "running" and query.get("force") != "1":
                raise Answer(409, f'cannot remove container "/{container["Name"]}": container is running')
            del self.containers[container["Id"]]
            self._done("remove")
            self.emit("destroy", container)
            return 204, None
        wanted = {"start": "running", "stop": "exited", "kill": "exited", "restart": "running", "pause": "paused",
                  "unpause": "running"}.get(verb)  # fmt: skip
        if verb == "rename":
            container["Name"] = query["name"]
        elif wanted is None:
            raise Answer(404, "page not found")
        elif container["State"] == wanted and verb in ("start", "stop"):
            return 304, None
        else:
            container["State"] = wanted
        self._done(verb)
        self.emit(verb, container)
        return 204, None

    def _create(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        image = body.get("Image") or ""
        if f"{image}:latest" not in self.images and image not in self.images:
            raise Answer(404, f"No such image: {image}:latest")
        name = name or f"made_{self.effects['create']}"
        if any(container["Name"] == name for container in self.containers.values()):
            raise Answer(409, f'Conflict. The container name "/{name}" is already in use.')
        self._done("create")
        id_ = hashlib.sha256(f"{name}{self.effects['create']}".encode()).hexdigest()
        container = {
            "Id": id_, "Name": name, "Image": image, "State": "created", "ExitCode": 0, "Config": body,
            "Labels": body.get("Labels") or {}, "Logs": [],
        }  # fmt: skip
        self.containers[id_] = container
        self.emit("create", container)
        return 201, {"Id": id_, "Warnings": []}

    def _done(self, what: str) -> None:
        self.effects[what] += 1

    # ASGI
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = re.sub(r"^/v\d+\.\d+", "", scope["path"])
        query = dict(urllib.parse.parse_qsl(scope["query_string"].decode()))
        method = scope["method"]
        self.requests.append((method, path))
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        try:
            if scope["type"] == "websocket":
                await self._hijack(scope, path, receive, send)
            elif method in ("GET", "HEAD"):
                await self._read(path, query, send)
            else:
                await self._change(method, path, query, scope, receive, send)
        except Answer as answer:
            kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
            await _answer(send, answer.status, {"message": answer.message}, kind)

    async def _change(
        self, method: str, path: str, query: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        if path == "/images/create" or path == "/build" or path.endswith("/archive") or path == "/images/load":
            self.uploads.append(await _body(receive))
            self.images.add(f"{query.get('fromImage', 'built')}:{query.get('tag', 'latest')}")
            await _start(send, 200, "application/json")
            for line in ({"status": "Pulling", "id": "a"}, {"status": "Pull complete", "id": "a"}):
                await send({"type": "http.response.body", "body": json.dumps(line).encode() + b"\n", "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        body = await _body(receive)
        if path.endswith("/exec"):
            self.find(path.split("/")[2])
            await _answer(send, 201, {"Id": "e" * 64})
            return
        if path.endswith("/wait"):
            await _start(send, 200, "application/json")
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            container = self.find(path.split("/")[2])
            while container["State"] in ("created", "running"):
                self.changed.clear()
                await self.changed.wait()
            await send({"type": "http.response.body", "body": b'{"StatusCode":0}\n'})
            return
        headers = dict(scope["headers"])
        key = headers.get(b"x-mooring-operation", b"").decode()
        if key not in self.journal or not key:
            status, value = await self.mutate(method, path, query, body)
            if key:
                self.journal[key] = (status, value)
        else:
            status, value = self.journal[key]
        await _answer(send, status, value)

    async def _read(self, path: str, query: dict[str, str], send: Send) -> None:
        if path == "/mooring/v1/state":
            await _answer(send, 200, {
                "seq": self.sequence, "containers": [self.item(c) for c in self.containers.values()],
                "images": [{"Id": f"sha256:{tag}", "RepoTags": [tag], "Size": 1, "Created": 1} for tag in self.images],
                "networks": [], "volumes": [], "info": {"DefaultRuntime": "fake"}, "version": {"Version": "1"},
                "doctor": {"ok": True, "findings": []}, "facts": {"os": "Test", "cpus": 2, "memory_bytes": 1 << 30},
            })  # fmt: skip
        elif path == "/mooring/v1/events":
            await _stream(send, self._events(int(query["after"])))
        elif path.startswith("/mooring/v1/containers/"):
            await _stream(send, self._logs(self.find(path.split("/")[4]), query))
        elif path == "/containers/json":
            await _answer(send, 200, [self.item(c) for c in self.containers.values()])
        elif path == "/exec/" + "e" * 64 + "/json":
            await _answer(send, 200, {"ID": "e" * 64, "ExitCode": 3, "Running": False})
        elif path == "/version":
            await _answer(send, 200, {"Version": "1", "ApiVersion": "1.45", "MinAPIVersion": "1.24"})
        elif path == "/info":
            await _answer(send, 200, {"ID": "fake", "Name": "fake"})
        elif path == "/images/json":
            await _answer(send, 200, [{"Id": f"sha256:{tag}", "RepoTags": [tag]} for tag in self.images])
        elif path.startswith("/images/"):
            name = path.removeprefix("/images/").removesuffix("/json")
            if name not in self.images and f"{name}:latest" not in self.images:
                raise Answer(404, f"No such image: {name}")
            await _answer(send, 200, {"Id": "sha256:1"})
        elif path == "/events":
            await _stream(send, self._docker_events())
        elif match := re.fullmatch(r"/containers/([^/]+)/json", path):
            await _answer(send, 200, self.inspect(self.find(match[1])))
        else:
            raise Answer(404, "page not found")

    async def _events(self, after: int) -> AsyncIterator[bytes]:
        while True:
            self.changed.clear()
            for line in [line for line in self.ring if line["seq"] > after]:
                after = line["seq"]
                yield json.dumps(line).encode() + b"\n"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), 1)
            yield json.dumps({"seq": self.sequence, "facts": {"os": "Test", "cpus": 2}}).encode() + b"\n"

    async def _docker_events(self) -> AsyncIterator[bytes]:
        seen = len(self.ring)
        while True:
            self.changed.clear()
            for line in self.ring[seen:]:
                yield json.dumps(line["event"]).encode() + b"\n"
            seen = len(self.ring)
            await self.changed.wait()

    async def _logs(self, container: dict[str, Any], query: dict[str, str]) -> AsyncIterator[bytes]:
        at = int(query.get("cursor") or 0)
        while True:
            self.changed.clear()
            lines = container["Logs"][at:]
            at += len(lines)
            if lines:
                yield b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            if container["State"] == "exited":
                return
            await self.changed.wait()

    async def _hijack(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        await receive()
        if path.startswith("/containers/"):
            self.find(path.split("/")[2])
        kind = b"application/vnd.docker.multiplexed-stream"
        await send({"type": "websocket.accept", "headers": [(b"content-type", kind)]})
        received = b""
        while (message := await receive())["type"] == "websocket.receive":
            received += message["bytes"]
        if message["type"] == "websocket.eof":
            text = b"frames: %s, end" % received
            await send({"type": "websocket.send", "bytes": frame(STDOUT, text)})
        await send({"type": "websocket.close"})


class FakeAgent:
    """Keeps a link to the plane at `url` open, as the real agent does."""

    def __init__(self, url: str, credential: str, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()
        self._link = Link(self.engine, lambda on_stream: dial(url, credential, on_stream))
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> FakeAgent:
        self._task = asyncio.create_task(self._link.run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def _body(receive: Receive) -> bytes:
    parts = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(parts)


async def _start(send: Send, status: int, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _answer(send: Send, status: int, value: Any, kind: str = "http.response") -> None:
    body = b"" if value is None else json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body, "more_body": False})


async def _stream(send: Send, chunks: AsyncIterator[bytes]) -> None:
    await _start(send, 200, "application/json")
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
