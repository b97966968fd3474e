"""Requests that go straight through the gateway: plain ones, streams, and raw bytes both ways."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Coroutine
from typing import Any

import msgspec

from controlplane.accounts.revocation import hold
from controlplane.engine_api.request import Request
from controlplane.gateway.calls import client
from wire.errors import MooringError
from wire.net.asgi import Message
from wire.net.calls import Answer
from wire.net.mux import StreamReset
from wire.stdcopy import Decoder

__all__ = ["pass_through", "pass_upgrade", "pass_websocket", "until_disconnect"]

_TAIL_BYTES = 64 * 1024  # of an answer, to find out why something failed
HTTP_UPGRADE_API = "v1.45"  # from 1.42 on the content type of an attach says whether its stream is framed


async def pass_through(
    request: Request, *, body: bytes | AsyncIterable[bytes] | None = None, operation: str = "", held: bool = False
) -> int:
    """Ask the host and answer with what it says, as it says it; return the status.

    `body` None streams the client's own. The client going away ends the call at the host.
    """
    if body is None:
        body = request.body_stream() if request.has_body else b""
        headers = request.forwarded_headers()
    else:
        headers = request.forwarded_headers(body_length=len(body) if isinstance(body, bytes) else None)
    if operation:
        headers.append(("X-Mooring-Operation", operation))

    async def relay() -> int:
        call = client().call(request.environment.host_id, request.method, request.raw_path, headers=headers, body=body)
        async with call as answer:
            await request.begin(answer.status, answer.headers)
            if answer.find_header("content-length") is None:
                await request.write(b"")
            told = b""
            async for chunk in answer.chunks():
                if answer.status >= 400 or operation:
                    told = (told + chunk)[-_TAIL_BYTES:]
                await request.write(chunk)
            request.refusal = _message(told) if answer.status >= 400 else _failure(told)
            await request.write(b"", more=False)
            return answer.status

    async with contextlib.AsyncExitStack() as stack:
        if held:
            await stack.enter_async_context(hold(request.actor))
        return await until_disconnect(request, relay(), streams_body=not isinstance(body, bytes))


def _message(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""


def _failure(tail: bytes) -> str:
    """Return what the last line of a progress stream says went wrong, long after its status; "" if nothing."""
    line = tail.rstrip().rpartition(b"\n")[2]
    if not line.startswith(b"{"):
        return ""
    with contextlib.suppress(msgspec.DecodeError, AttributeError):
        told = msgspec.json.decode(line)
        return str((told.get("errorDetail") or {}).get("message") or told.get("error") or "")
    return ""


async def until_disconnect(request: Request, work: Coroutine[Any, Any, int], *, streams_body: bool = False) -> int:
    """Run `work` to its end, or cancel it when the client goes away (then 499).

    While `work` streams the body, its reader is the one who learns that the client has gone.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(request, after_body=streams_body))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        return int(working.result()) if working.done() else 499
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _disconnected(request: Request, *, after_body: bool) -> None:
    if after_body:
        await request.body_read.wait()
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def pass_upgrade(request: Request) -> int:
    """Hand an upgraded connection through: accept as the host accepts, then raw bytes with half-close both ways."""
    await request.receive()  # websocket.connect
    call = client().call(
        request.environment.host_id, request.method, request.raw_path, headers=request.forwarded_headers(),
        body=await request.body(), hijack=True,
    )  # fmt: skip
    async with hold(request.actor), call as answer:
        ordinary = answer.status == 200 and answer.find_header("content-length") is not None
        if answer.status not in (101, 200) or ordinary:
            return await _pass_refusal(request, answer)
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.headers
            if name.lower() not in ("connection", "upgrade")
        ]
        await _exchange(request, answer, {"type": "websocket.accept", "headers": headers})
        return answer.status


async def pass_websocket(request: Request, container: str) -> int:
    """`attach/ws`: a real WebSocket at this end, an ordinary attach at the host's; output is sent without framing."""
    await request.receive()
    query = request.scope["query_string"].decode("latin-1")
    path = f"/{HTTP_UPGRADE_API}/containers/{container}/attach?{query}"
    headers = [("connection", "Upgrade"), ("upgrade", "tcp")]
    call = client().call(request.environment.host_id, "POST", path, headers=headers, hijack=True)
    async with hold(request.actor), call as answer:
        if answer.status != 101:
            return await _pass_refusal(request, answer)
        framed = "multiplexed" in (answer.find_header("content-type") or "")
        await _exchange(request, answer, {"type": "websocket.accept"}, Decoder() if framed else None)
        return answer.status


async def _pass_refusal(request: Request, answer: Answer) -> int:
    """The host does not take the connection over: an ordinary answer."""
    await request.begin(answer.status, answer.headers)
    async for chunk in answer.chunks():
        await request.write(chunk)
    await request.write(b"", more=False)
    return answer.status


async def _exchange(request: Request, answer: Answer, accept: Message, decoder: Decoder | None = None) -> None:
    """Accept, then carry bytes both ways; return when the host has said all, or the client has gone."""
    request.started = True
    await request.send(accept)

    async def upward() -> None:
        while (message := await request.receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.eof":
                answer.stream.finish()
                continue
            with contextlib.suppress(StreamReset):  # the process reads no more; its output may go on
                await answer.stream.write(message.get("bytes") or (message.get("text") or "").encode())

    async def downward() -> None:
        async for chunk in answer.chunks():
            payload = chunk if decoder is None else b"".join(part for _, part in decoder.feed(chunk))
            if payload:
                await request.send({"type": "websocket.send", "bytes": payload})

    up, down = asyncio.create_task(upward()), asyncio.create_task(downward())
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        if down.done() and (error := down.exception()) is not None and not isinstance(error, MooringError):
            raise error
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        with contextlib.suppress(Exception):
            await request.send({"type": "websocket.close"})
