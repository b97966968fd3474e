"""Agents dial the dashboard's own address; their upgraded connection is relayed, byte for byte, to the gateway.

So a host needs to know one URL, and a TLS front that passes `Upgrade` on covers agents too. The gateway checks the
credential; this end only carries. A tunnel relayed here lives as long as this process; agents dial again by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib

from django.conf import settings

from controlplane.frontdoor.authentication import peer_address
from wire.net.asgi import Receive, Scope, Send

__all__ = ["relay_tunnel"]

CHUNK_BYTES = 256 * 1024
HEAD_LIMIT_BYTES = 64 * 1024


async def relay_tunnel(scope: Scope, receive: Receive, send: Send) -> None:
    """Carry one tunnel, on an upgraded connection or a WebSocket with binary messages, until either side ends it."""
    await receive()
    try:
        reader, writer = await asyncio.open_unix_connection(
            str(settings.MOORING_GATEWAY_SOCKET), limit=HEAD_LIMIT_BYTES
        )
    except OSError:
        await _refuse(send, 503, b'{"message":"the gateway is not running; try again"}\n')
        return
    try:
        writer.write(_request(scope))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split(" ", 2)[1])
        if status != 101:
            length = next((line[15:] for line in head.split("\r\n") if line.lower().startswith("content-length:")), "0")
            await _refuse(send, status, await reader.readexactly(min(int(length), HEAD_LIMIT_BYTES)))
            return
        await send({"type": "websocket.accept"})
        await _carry(receive, send, reader, writer)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        await _refuse(send, 502, b'{"message":"the gateway closed the connection"}\n')
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _request(scope: Scope) -> bytes:
    credential = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    source = peer_address(scope.get("state", {}).get("peer"))
    return (
        b"POST /agent/tunnel HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: mooring-mux/1\r\n"
        b"Content-Length: 0\r\nAuthorization: " + credential + b"\r\nX-Mooring-Source: " + source.encode() + b"\r\n\r\n"
    )


async def _refuse(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    with contextlib.suppress(Exception):  # the peer may have gone, or the tunnel had begun
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})


async def _carry(receive: Receive, send: Send, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def inward() -> None:
        while (message := await receive())["type"] == "websocket.receive":
            writer.write(message.get("bytes") or b"")
            await writer.drain()

    async def outward() -> None:
        while data := await reader.read(CHUNK_BYTES):
            await send({"type": "websocket.send", "bytes": data})

    tasks = [asyncio.create_task(inward()), asyncio.create_task(outward())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await send({"type": "websocket.close"})
