"""The gateway's splice between a caller and a host: bytes, half-closes and resets in both directions."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from controlplane.gateway.links import Link, Links
from controlplane.gateway.relay import Relay
from wire.net.answers import StreamServer
from wire.net.asgi import Receive, Scope, Send
from wire.net.calls import call
from wire.net.carrier import MuxProtocol
from wire.net.mux import Session, StreamReset

HOST = uuid.UUID(int=7)


async def _pair(accept: object) -> tuple[Session, Session, asyncio.Server]:
    """Two connected sessions: (dialler's, acceptor's)."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[Session] = loop.create_future()

    def made() -> MuxProtocol:
        protocol = MuxProtocol(dialer=False, on_stream=accept)  # type: ignore[arg-type]
        accepted.set_result(protocol.session)
        return protocol

    server = await loop.create_server(made, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, protocol = await loop.create_connection(lambda: MuxProtocol(dialer=True), "127.0.0.1", port)
    return protocol.session, await accepted, server


class Host:
    """An application that shows what reached it."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "bytes": message["bytes"].upper()})
            await send({"type": "websocket.send", "bytes": b"." + message["type"][-3:].encode()})
            await send({"type": "websocket.close"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/endless":
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone.set()
            return
        size = 0
        while (message := await receive())["type"] == "http.request":
            size += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
async def spliced() -> AsyncIterator[tuple[Session, Host, Session]]:
    """(a caller's session at the gateway, the host behind it, the host's tunnel as the gateway holds it)."""
    links, host = Links(1), Host()
    relay, server = Relay(links), StreamServer(host)
    # The agent dials: the gateway's end of the tunnel is the accepted one, and it opens the streams.
    agent_end, tunnel, tunnels = await _pair(None)
    agent_end._on_stream = server.accept
    links._links[HOST] = Link(HOST, "h", tunnel)
    caller, callee, callers = await _pair(relay.accept)
    yield caller, host, tunnel
    for session in (caller, callee, tunnel, agent_end):
        session.close()
    await relay.close()
    await server.close()
    for listener in (tunnels, callers):
        listener.close()


async def test_large_bodies_pass_whole(spliced: tuple[Session, Host, Session]) -> None:
    caller, host, _ = spliced

    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100_000

    async with call(caller, "POST", f"/host/{HOST}/upload", body=body()) as answer:
        assert await answer.read() == b"10000000"
    assert host.paths == ["/upload"]


async def test_a_half_close_passes_and_the_answer_goes_on(spliced: tuple[Session, Host, Session]) -> None:
    caller, _, _ = spliced
    async with call(caller, "POST", f"/host/{HOST}/exec/1/start", hijack=True) as answer:
        await answer.stream.write(b"hello")
        assert await answer.stream.read() == b"HELLO"
        answer.stream.finish()
        assert await answer.read() == b".eof"


async def test_a_caller_that_goes_away_ends_the_call_at_the_host(spliced: tuple[Session, Host, Session]) -> None:
    caller, host, _ = spliced
    async with call(caller, "GET", f"/host/{HOST}/endless") as answer:
        assert await answer.stream.read() == b"x"
    await asyncio.wait_for(host.gone.wait(), 60)


async def test_a_lost_host_is_no_end_of_answer(spliced: tuple[Session, Host, Session]) -> None:
    caller, _, tunnel = spliced
    async with call(caller, "GET", f"/host/{HOST}/endless") as answer:
        assert await answer.stream.read() == b"x"
        tunnel.close()
        with pytest.raises(StreamReset):
            await answer.stream.read()


async def test_an_unknown_host_is_refused_and_nonsense_is_cut(spliced: tuple[Session, Host, Session]) -> None:
    caller, host, _ = spliced
    async with call(caller, "GET", f"/host/{uuid.uuid4()}/info") as answer:
        assert (answer.status, answer.find_header("x-mooring-gateway")) == (503, "the host is not connected")
    for path in ("/info", "/host/x/info", f"/host/{HOST}"):
        with pytest.raises(StreamReset):
            async with call(caller, "GET", path):
                pass
    assert host.paths == []
