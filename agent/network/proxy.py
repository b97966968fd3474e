"""Sockets that hold published ports, and carry what the kernel cannot translate.

Every published port is held by a socket of ours, so no other program can take it and a taken one is noticed. Packets
are normally translated before they would reach it. What does reach it is carried by hand: connections to `::1` (IPv6
has no route_localnet), to `::` when the container has only an IPv4 address, and everything while the firewall table is
gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
from typing import Final

from wire.errors import Internal

__all__ = ["HeldPort", "PortTaken", "hold_port"]

_log = logging.getLogger(__name__)

_CHUNK: Final = 1 << 16
_UDP_IDLE_S: Final = 90.0
_UDP_CLIENTS: Final = 1024
_KINDS: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "sctp": socket.SOCK_STREAM}


class PortTaken(Internal):
    """Somebody has the port; the text is the engine's for a failed bind."""


def hold_port(protocol: str, host_ip: str, port: int) -> HeldPort:
    """Bind the port and return it held; `relay` starts carrying. PortTaken, or Internal for any other refusal."""
    address = ipaddress.ip_address(host_ip)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    number = socket.IPPROTO_SCTP if protocol == "sctp" else 0
    shown = host_ip if address.version == 4 else f"[{host_ip}]"
    try:
        held = socket.socket(family, _KINDS[protocol] | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, number)
    except OSError as error:
        raise Internal("Error starting userland proxy: protocol not supported") from error
    try:
        if protocol != "udp":
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        held.bind((host_ip, port))
        if protocol != "udp":
            held.listen(socket.SOMAXCONN)
    except OSError as error:
        held.close()
        reason = _REASONS.get(error.errno or 0, (error.strerror or str(error)).lower())
        kind = PortTaken if error.errno == errno.EADDRINUSE else Internal
        raise kind(
            f"Error starting userland proxy: listen {protocol}{address.version} {shown}:{port}: bind: {reason}"
        ) from error
    return HeldPort(held, protocol)


_REASONS: Final = {
    errno.EADDRINUSE: "address already in use",
    errno.EADDRNOTAVAIL: "cannot assign requested address",
    errno.EACCES: "permission denied",
}


class HeldPort:
    """One held port. Owns its socket and every task that carries a connection; `close` ends them all."""

    def __init__(self, held: socket.socket, protocol: str) -> None:
        self._socket = held
        self._protocol = protocol
        self._target = ("", 0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: dict[tuple[str, int], _UdpClient] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def relay(self, address: str, port: int) -> None:
        """Carry what arrives to the container from now on; called again, to its new address."""
        self._target = (address, port)
        if self._loop is not None or self._protocol == "sctp":
            return
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._on_tcp if self._protocol == "tcp" else self._on_udp)

    def close(self) -> None:
        """Give the port back; safe to repeat. Tasks are told to end and do so on the loop's next turns."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        for task in self._tasks:
            task.cancel()
        for client in list(self._clients.values()):
            client.close()
        self._socket.close()

    async def wait_closed(self) -> None:
        """Return when every task has ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _on_tcp(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(64):
                client, _ = self._socket.accept()
                client.setblocking(False)
                self._carry(client)

    def _carry(self, client: socket.socket) -> None:
        def on_end(ended: asyncio.Task[None]) -> None:
            client.close()  # here: a task cancelled before its first step runs none of its own
            self._tasks.discard(ended)

        task = asyncio.get_running_loop().create_task(_carry(client, self._target))
        self._tasks.add(task)
        task.add_done_callback(on_end)

    def _on_udp(self) -> None:
        assert self._loop is not None
        with contextlib.suppress(OSError):
            for _ in range(64):
                data, source = self._socket.recvfrom(_CHUNK)
                key = (source[0], source[1])
                client = self._clients.get(key)
                if client is None:
                    if len(self._clients) >= _UDP_CLIENTS:
                        continue
                    client = self._clients[key] = _UdpClient(self, source, self._target, self._loop)
                client.send(data)

    def answer(self, data: bytes, client: tuple[str, int]) -> None:
        """Send a datagram of the container back to `client`."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, client)

    def forget(self, client: tuple[str, int]) -> None:
        """A datagram client has been idle."""
        self._clients.pop((client[0], client[1]), None)


class _UdpClient:
    """A client's datagrams to the container and back; ends after 90 s without any."""

    def __init__(
        self, owner: HeldPort, client: tuple[str, int], target: tuple[str, int], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._owner, self._client, self._loop = owner, client, loop
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        with contextlib.suppress(OSError):
            self._socket.connect(target)
        loop.add_reader(self._socket, self._on_answer)
        self._timer = loop.call_later(_UDP_IDLE_S, self.close)

    def _touch(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(_UDP_IDLE_S, self.close)

    def send(self, data: bytes) -> None:
        self._touch()
        with contextlib.suppress(OSError):
            self._socket.send(data)

    def _on_answer(self) -> None:
        try:
            for _ in range(64):
                self._owner.answer(self._socket.recv(_CHUNK), self._client)
                self._touch()
        except BlockingIOError:
            pass
        except OSError:  # the container refused: nothing to tell a datagram's sender
            pass

    def close(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._owner.forget(self._client)


async def _carry(client: socket.socket, target: tuple[str, int]) -> None:
    """One connection, both ways, with half-close; ends when both ways have. The caller closes `client`."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as server:
        try:
            async with asyncio.timeout(30):
                await loop.sock_connect(server, target)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(loop, client, server))
                group.create_task(_pump(loop, server, client))
        except* (OSError, TimeoutError) as errors:
            _log.debug("proxy.connection_ended target=%s:%d reason=%s", *target, errors.exceptions[0])


async def _pump(loop: asyncio.AbstractEventLoop, source: socket.socket, sink: socket.socket) -> None:
    while data := await loop.sock_recv(source, _CHUNK):
        await loop.sock_sendall(sink, data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
