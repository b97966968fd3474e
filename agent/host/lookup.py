"""Host names for the agent's own connections, and why one was not found, in the words of Go's resolver.

The system's resolver only says "not found" or "try again". Clients show what Docker's engine says, which names the
server that was asked and what it, or the network, did; so after a failure that server is asked once more, by hand.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import struct
from pathlib import Path
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

__all__ = ["HostResolver", "LookupFailed", "explain_failure"]

_RESOLV_CONF: Final = Path("/etc/resolv.conf")
_PORT: Final = 53
_PROBE_S: Final = 3.0
_NAME_ERROR: Final = 3
_WORDS: Final = {
    errno.ENETUNREACH: "network is unreachable", errno.EHOSTUNREACH: "no route to host",
    errno.ECONNREFUSED: "connection refused", errno.EPERM: "operation not permitted",
    errno.EACCES: "permission denied",
}  # fmt: skip


class LookupFailed(OSError):
    """A name that has no address. The text is all there is to say: `lookup NAME on SERVER:53: no such host`."""


class HostResolver(AbstractResolver):
    """aiohttp's resolver in threads, whose failures are `LookupFailed`. Needs a running loop when it is made."""

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            return await self._system.resolve(host, port, family)
        except OSError as error:
            raise LookupFailed(await explain_failure(host)) from error

    async def close(self) -> None:
        await self._system.close()


async def explain_failure(
    host: str, resolv_conf: Path = _RESOLV_CONF, *, port: int = _PORT, patience_s: float = _PROBE_S
) -> str:
    """Ask the first server of `resolv_conf` for `host` and tell what came of it. Never raises."""
    server = _first_server(resolv_conf)
    shown = _address((server, port))
    return f"lookup {host} on {shown}: {await _probe(host, (server, port), patience_s)}"


def _first_server(resolv_conf: Path) -> str:
    try:
        lines = resolv_conf.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            return words[1]
    return "127.0.0.1"  # what resolv.conf(5) says counts without one


async def _probe(host: str, server: tuple[str, int], patience_s: float) -> str:
    loop = asyncio.get_running_loop()
    shown = _address(server)
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as plug:
        try:
            plug.connect(server)
        except OSError as error:
            return f"dial udp {shown}: connect: {_words(error)}"
        local = _address(plug.getsockname())
        number = secrets.randbits(16)
        try:
            await loop.sock_sendall(plug, _question(number, host))
            async with asyncio.timeout(patience_s):
                while len(answer := await loop.sock_recv(plug, 4096)) < 12 or answer[:2] != struct.pack("!H", number):
                    pass
        except TimeoutError:
            return f"read udp {local}->{shown}: i/o timeout"
        except OSError as error:
            return f"read udp {local}->{shown}: read: {_words(error)}"
    code = answer[3] & 0xF
    return "no such host" if code in (0, _NAME_ERROR) else "server misbehaving"


def _question(number: int, host: str) -> bytes:
    """A query for the A records of `host`. A label that cannot be one is cut: nobody has that name anyway."""
    labels = [label.encode("idna" if not label.isascii() else "ascii", "replace")[:63] for label in host.split(".")]
    name = b"".join(bytes((len(label),)) + label for label in labels if label)[:253]
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack("!HH", 1, 1)


def _address(name: Any) -> str:
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _words(error: OSError) -> str:
    return _WORDS.get(error.errno or 0, (error.strerror or str(error)).lower())
