"""Browser sockets of the real asgi process: origin, session, hints, logs that resume, terminals by ticket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fakes.fake_agent import FakeEngine
from tests.integration.plane.processes import PASSWORD, PROGRAMS, Plane, eventually


class Browser:
    """A signed-in page: cookies, CSRF, and sockets with our origin."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self._jar = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        cookies = {cookie.name: cookie.value or "" for cookie in self._jar}
        request = urllib.request.Request(
            f"{self.plane.url}/api/v1/{path}", method=method, data=json.dumps(body or {}).encode(),
            headers={"Content-Type": "application/json", "X-CSRFToken": cookies.get("mooring_csrftoken", "")},
        )  # fmt: skip
        with self._opener.open(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(self._ask, method, path, body)

    def socket(self, path: str, *, origin: str | None = "own", cookies: bool = True) -> connect:
        text = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar)
        return connect(
            f"ws://127.0.0.1:{self.plane.port}/ws/{path}",
            origin=self.plane.url if origin == "own" else origin,  # type: ignore[arg-type]
            additional_headers={"Cookie": text} if cookies else {},
        )


@pytest.fixture(scope="module")
def admin(plane: Plane) -> None:
    plane.manage("create_admin", "--name", "ada", "--password-file", "-", text=PASSWORD)


@pytest.fixture
async def browser(plane: Plane, engine: FakeEngine, admin: None) -> Browser:
    browser = Browser(plane)
    await browser.ask("GET", "setup")
    await browser.ask("POST", "session", {"username": "ada", "password": PASSWORD})
    return browser


async def _json(socket: ClientConnection, limit_s: float = 60) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), limit_s))
    return value


async def _code(socket: ClientConnection) -> int:
    with contextlib.suppress(ConnectionClosed):
        async for _ in socket:
            pass
    assert socket.close_code is not None
    return socket.close_code


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
async def test_a_foreign_page_gets_nothing(browser: Browser, origin: str | None) -> None:
    async with browser.socket("events", origin=origin) as socket:
        assert (await _json(socket))["type"] == "error"
        assert await _code(socket) == 4400


async def test_without_a_session_there_is_nothing(browser: Browser) -> None:
    for path in ("events", "logs?host=h1&container=x", "stats?host=h1&container=x", "terminal?session=x", "jobs/1"):
        async with browser.socket(path, cookies=False) as socket:
            assert await asyncio.wait_for(_code(socket), 60) == 4401, path


async def test_a_change_becomes_a_hint_and_the_list_agrees(browser: Browser, engine: FakeEngine) -> None:
    async with browser.socket("events") as socket:
        assert await _json(socket) == {"type": "hello"}
        await browser.plane.docker("create", "--name", "web", "busybox")
        while (hint := await _json(socket))["type"] != "container" or hint["id"] is None:
            pass

    async def listed() -> bool:
        rows = (await browser.ask("GET", "containers?q=web"))["results"]
        return [row["name"] for row in rows] == ["web"]

    await eventually(listed, 60, "the mirror shows the container")


async def test_logs_resume_with_the_last_cursor_without_gap_or_repeat(browser: Browser, engine: FakeEngine) -> None:
    await browser.plane.docker("create", "--name", "web", "busybox")
    for number in range(1000):
        engine.log("web", f"line {number}")
    seen: list[str] = []
    cursor = ""
    while len(seen) < 1000:
        async with browser.socket(f"logs?host=h1&container=web&tail=all&cursor={cursor}") as socket:
            batch = (await _json(socket))["lines"]
            seen += [line["l"] for line in batch]
            cursor = batch[-1]["c"]
            assert batch[0]["t"].endswith("Z")
    assert seen == [f"line {number}" for number in range(1000)]


async def test_a_page_that_does_not_acknowledge_is_not_flooded(browser: Browser, engine: FakeEngine) -> None:
    await browser.plane.docker("create", "--name", "web", "busybox")
    for number in range(10_000):
        engine.log("web", f"line {number}")
    async with browser.socket("logs?host=h1&container=web&tail=all") as socket:
        lines: list[dict[str, Any]] = []
        while len(lines) < 2000:
            lines += (await _json(socket))["lines"]
        assert len(lines) <= 2500
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.5)
        while len(lines) < 10_000:
            await socket.send(json.dumps({"ack": lines[-1]["c"]}))
            lines += (await _json(socket))["lines"]
    assert [line["l"] for line in lines] == [f"line {number}" for number in range(10_000)]


async def test_logs_end_and_unknown_containers_are_told(browser: Browser, engine: FakeEngine) -> None:
    await browser.plane.docker("create", "--name", "web", "busybox")
    engine.log("web", "last words")
    engine.find("web")["State"] = "exited"
    async with browser.socket("logs?host=h1&container=web") as socket:
        assert (await _json(socket))["lines"][0]["l"] == "last words"
        assert await _json(socket) == {"end": "ended"}
    async with browser.socket("logs?host=h1&container=nope") as socket:
        assert (await _json(socket))["message"] == "No such container: nope"
        assert await _code(socket) == 4404


async def test_a_terminal_needs_a_ticket_and_takes_it_once(browser: Browser, plane: Plane, engine: FakeEngine) -> None:
    await browser.plane.docker("create", "--name", "web", "busybox")

    async def mirrored() -> bool:
        return bool((await browser.ask("GET", "containers?q=web"))["results"])

    await eventually(mirrored, 60, "the mirror shows the container")
    ticket = await browser.ask("POST", "hosts/h1/containers/web/terminals", {"rows": 24, "cols": 80})
    async with browser.socket(f"terminal?ticket={ticket['ticket']}") as socket:
        await socket.send(b"ls\r")
        await socket.send(json.dumps({"type": "resize", "rows": 30, "cols": 100}))
        await eventually(lambda: ("POST", f"/exec/{'e' * 64}/resize") in engine.requests, 60, "resize")
    async with browser.socket(f"terminal?ticket={ticket['ticket']}") as socket:
        assert await _code(socket) == 4403
    async with browser.socket(f"terminal?session={ticket['session']}&resume=0") as socket:
        await socket.send(b"more")  # the same terminal goes on
    async with browser.socket("terminal?session=guess&resume=0") as socket:
        assert await _code(socket) == 4404
    for secret in (ticket["ticket"], PASSWORD, plane.credential):  # type: ignore[attr-defined]
        for program in PROGRAMS:
            assert secret not in plane.log(program), program


async def test_a_job_is_followed_to_its_end(browser: Browser, engine: FakeEngine) -> None:
    spec = {"host": "h1", "name": "web", "image": "redis", "pull": "missing"}
    job = await browser.ask("POST", "containers", spec)
    assert job["state"] == "queued"
    messages = []
    async with browser.socket(f"jobs/{job['id']}") as socket:
        async for message in socket:
            messages.append(json.loads(message))
    lines = [line["text"] for message in messages for line in message.get("lines", [])]
    assert messages[-1]["state"] == "succeeded"
    assert lines[0] == "redis is not on the host yet"
    assert lines[-1].startswith("started ")
    assert dict(engine.effects) == {"create": 1, "start": 1}


async def test_signing_out_ends_open_sockets(browser: Browser, engine: FakeEngine) -> None:
    async with browser.socket("events") as socket:
        assert await _json(socket) == {"type": "hello"}
        await browser.ask("DELETE", "session")
        assert await asyncio.wait_for(_code(socket), 60) == 4401
