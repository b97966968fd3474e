"""Asking other name servers: one fresh socket for each question, made where the container would have asked from."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.network import dns

__all__ = ["Server", "ask"]

_log = logging.getLogger(__name__)

PORT: Final = 53
TIMEOUT_S: Final = 4.0
SERVERS: Final = 3


@dataclass(frozen=True, slots=True)
class Server:
    """A name server, and whether it is asked from the host's namespace (a loopback address of the host)."""

    address: str
    from_host: bool


MakeSocket = Callable[[Server, int], Awaitable[socket.socket]]
"""Returns a non-blocking socket of the given kind (SOCK_DGRAM or SOCK_STREAM), in the right namespace."""


async def ask(message: bytes, servers: Sequence[Server], make_socket: MakeSocket, *, stream: bool) -> bytes | None:
    """Return the first good answer of the first servers, else the last bad one, None when nobody answered.

    The question goes out under an id of ours: a container's choice of ids does not weaken it. By stream when it came
    by stream, so a truncated answer is followed by the client itself.
    """
    ours = dns.with_id(message, secrets.randbits(16))
    last: bytes | None = None
    for server in servers[:SERVERS]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await _exchange(ours, server, make_socket, stream=stream)
        except (OSError, TimeoutError) as error:
            _log.debug("dns.upstream_failed server=%s error=%r", server.address, error)
            continue
        last = dns.with_id(answer, int.from_bytes(message[:2]))
        if dns.rcode(answer) not in (dns.SERVFAIL, dns.REFUSED):
            return last
    return last


async def _exchange(message: bytes, server: Server, make_socket: MakeSocket, *, stream: bool) -> bytes:
    loop = asyncio.get_running_loop()
    with await make_socket(server, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as connection:
        await loop.sock_connect(connection, _sockaddr(server.address))
        if stream:
            await loop.sock_sendall(connection, struct.pack("!H", len(message)) + message)
            length = struct.unpack("!H", await _exactly(loop, connection, 2))[0]
            return await _exactly(loop, connection, length)
        await loop.sock_sendall(connection, message)
        while True:
            answer = await loop.sock_recv(connection, 1 << 16)
            if dns.same_question(message, answer):
                return answer


async def _exactly(loop: asyncio.AbstractEventLoop, connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = await loop.sock_recv(connection, length - len(data))
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    return data


def _sockaddr(address: str) -> tuple[str, int] | tuple[str, int, int, int]:
    plain, _, zone = address.partition("%")
    if ":" not in plain:
        return (plain, PORT)
    return (plain, PORT, 0, socket.if_nametoindex(zone) if zone else 0)
