"""The link against a small control plane of its own: upgrade, service, loss, drain."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agent.tunnel.backoff import Backoff
from agent.tunnel.dial import dial
from agent.tunnel.link import Link
from wire import errors
from wire.net.asgi import Receive, Scope, Send
from wire.net.calls import call
from wire.net.carrier import carry_over_asgi
from wire.net.mux import Session, Stream
from wire.net.server import serve, tcp_listener


async def agent_app(scope: Scope, receive: Receive, send: Send) -> None:
    """The agent's end: says what it was asked, echoes a hijack."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept", "headers": []})
        while (message := await receive())["type"] in ("websocket.connect", "websocket.receive"):
            if data := message.get("bytes"):
                await send({"type": "websocket.send", "bytes": data})
        await send({"type": "websocket.send", "bytes": b"<" + message["type"].encode() + b">"})
        await send({"type": "websocket.close"})
        return
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    text = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()} ".encode() + body
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"x-peer", scope["state"]["peer"].kind.encode())]}
    )
    await send({"type": "http.response.body", "body": text})


class Plane:
    """Accepts tunnels; `sessions` has each as it comes."""

    def __init__(self) -> None:
        self.sessions: asyncio.Queue[Session] = asyncio.Queue()
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if scope["type"] != "websocket" or headers.get(b"authorization") != b"Bearer right":
            kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
            await send({"type": f"{kind}.start", "status": 401, "headers": [(b"content-length", b"5")]})
            await send({"type": f"{kind}.body", "body": b"wrong"})
            return
        await receive()
        await send({"type": "websocket.accept", "headers": []})
        await carry_over_asgi(receive, send, on_session=self.sessions.put_nowait)


@contextlib.asynccontextmanager
async def plane() -> AsyncIterator[Plane]:
    app = Plane()
    listener = tcp_listener("127.0.0.1", 0)
    app.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    async with serve(app, [listener], grace_s=0.2):
        yield app


@contextlib.asynccontextmanager
async def linked(dialler: Callable[[Callable[[Stream], None]], Any]) -> AsyncIterator[Link]:
    link = Link(agent_app, dialler, backoff=Backoff(first_s=0.01, limit_s=0.02))
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_plane_calls_the_agent_through_the_link() -> None:
    async with plane() as app, linked(lambda accept: dial(app.url, "right", accept)):
        session = await asyncio.wait_for(app.sessions.get(), 60)
        async with call(session, "POST", "/v1.45/a%20b?x=1", body=b"x" * 1_000_000) as answer:
            body = await answer.read()
        assert body == b"POST /v1.45/a b?x=1 " + b"x" * 1_000_000
        assert answer.find_header("X-Peer") == "tunnel"
        async with call(session, "POST", "/exec/e/start", headers=[("Upgrade", "tcp")], hijack=True) as answer:
            assert answer.status == 101
            await answer.stream.write(b"typed")
            answer.stream.finish()
            assert await answer.read() == b"typed<websocket.eof>"


async def test_a_lost_connection_is_dialled_again() -> None:
    async with plane() as app, linked(lambda accept: dial(app.url, "right", accept)):
        first = await asyncio.wait_for(app.sessions.get(), 60)
        first.close()
        second = await asyncio.wait_for(app.sessions.get(), 60)
        async with call(second, "GET", "/x") as answer:
            assert answer.status == 200


async def test_a_draining_plane_is_dialled_anew_while_old_calls_go_on() -> None:
    async with plane() as app, linked(lambda accept: dial(app.url, "right", accept)):
        old = await asyncio.wait_for(app.sessions.get(), 60)
        async with call(old, "POST", "/exec/e/start", headers=[("Upgrade", "tcp")], hijack=True) as answer:
            old.go_away()
            await asyncio.wait_for(app.sessions.get(), 60)
            await answer.stream.write(b"still here")
            assert await answer.stream.read() == b"still here"
        await asyncio.wait_for(old.wait_closed(), 60)


async def test_a_refused_credential_and_a_closed_port_are_told_apart_and_never_end_the_link() -> None:
    problems: list[errors.MooringError] = []

    async def dialler(accept: Callable[[Stream], None]) -> Session:
        try:
            return await dial(app.url if len(problems) % 2 else "http://127.0.0.1:1", "wrong", accept)
        except errors.MooringError as error:
            problems.append(error)
            if len(problems) == 4:
                enough.set()
            raise

    enough = asyncio.Event()
    async with plane() as app, linked(dialler) as link:
        await asyncio.wait_for(enough.wait(), 60)
    assert isinstance(problems[0], errors.Unavailable)
    assert isinstance(problems[1], errors.Unauthenticated)
    assert problems[1].message.endswith("wrong")
    assert not link.is_up


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"", b"x" * 100_000])
async def test_a_server_that_is_no_plane_is_refused(answer: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(errors.MooringError):
        await dial(f"http://127.0.0.1:{port}", "right", lambda stream: stream.reset())
    server.close()
    await server.wait_closed()


def test_delays_grow_with_jitter_up_to_the_limit_and_begin_again() -> None:
    backoff = Backoff(first_s=1, limit_s=10, source=random.Random(1))
    delays = [backoff.next_s() for _ in range(8)]
    for step_s, delay in zip((1, 2, 4, 8, 10, 10, 10, 10), delays, strict=True):
        assert step_s / 2 <= delay <= step_s
    backoff.reset()
    assert backoff.next_s() <= 1
