"""The name server of each container on user-defined networks, at 127.0.0.11 port 53 inside its namespace.

The sockets are made inside the namespace by the worker thread and served by the event loop; which socket a question
comes by tells who asks. They listen on a port of their own, and a rule of the namespace brings port 53 to it, so that
a container may run a name server of its own on every address. An agent that restarts binds the same port again first
of all: names are unknown only while no agent runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Sequence
from typing import Final

from agent.host import namespaces
from agent.network import dns, redirect, resolv_conf, upstream
from agent.network.sandbox import Sandbox
from agent.network.upstream import Server
from agent.network.worker import Worker
from agent.network.zone import Zone

__all__ = ["Resolvers"]

_log = logging.getLogger(__name__)

_ADDRESS: Final = resolv_conf.RESOLVER_ADDRESS
_FORWARDS: Final = 1024
_FORWARDS_EACH: Final = 256
_STREAMS: Final = 32
_STREAM_IDLE_S: Final = 10.0
# A container that floods its name server is read no faster than this; the rest waits in, or falls out of, its socket.
_WINDOW_S: Final = 0.1
_QUESTIONS_EACH_WINDOW: Final = 500


def _bind(port: int) -> tuple[socket.socket, socket.socket]:
    """A datagram and a stream socket on one port of the resolver's address, in the thread's namespace."""
    for attempt in range(16):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            datagrams.bind((_ADDRESS, port if attempt == 0 else 0))
            streams.bind((_ADDRESS, datagrams.getsockname()[1]))
            streams.listen(_STREAMS)
            return datagrams, streams
        except OSError:
            datagrams.close()
            streams.close()
            if attempt == 15:
                raise
    raise AssertionError("unreachable")


def _open(sandbox: Sandbox) -> tuple[socket.socket, socket.socket]:
    """Bind inside the namespace and bring port 53 there. Runs on the worker thread."""
    with namespaces.inside_netns(sandbox.netns):
        datagrams, streams = _bind(sandbox.resolver_port)
        port = datagrams.getsockname()[1]
        if port != sandbox.resolver_port:
            try:
                redirect.redirect_port(_ADDRESS, port, replace=bool(sandbox.resolver_port))
            except BaseException:
                datagrams.close()
                streams.close()
                raise
    return datagrams, streams


def _close_both(sockets: tuple[socket.socket, socket.socket]) -> None:
    for held in sockets:
        held.close()


class Resolvers:
    """All name servers of one agent. Used on the event loop; makes its sockets on two threads."""

    def __init__(self, zone: Zone, worker: Worker) -> None:
        self._zone = zone
        self._worker = worker
        self._sockets = Worker("dns-sockets")  # so a question never waits behind a netlink request
        self._servers: dict[str, _NameServer] = {}
        self._forwarding = asyncio.Semaphore(_FORWARDS)

    async def open(self, sandbox: Sandbox) -> None:
        """Serve a sandbox from now on; notes the port in it. Safe to repeat."""
        if sandbox.container_id in self._servers:
            return
        datagrams, streams = await self._worker.acquire(_close_both, _open, sandbox)
        sandbox.resolver_port = datagrams.getsockname()[1]
        server = _NameServer(self, sandbox, datagrams, streams)
        self._servers[sandbox.container_id] = server
        server.begin()

    async def close_sandbox(self, container_id: str) -> None:
        """Stop serving one; safe to repeat."""
        server = self._servers.pop(container_id, None)
        if server is not None:
            await server.close()

    async def close(self) -> None:
        for container_id in list(self._servers):
            await self.close_sandbox(container_id)
        await self._sockets.close()

    def answer(self, query: dns.Query, sandbox: Sandbox) -> bytes | None:
        """The answer from the names we know, None when others have to be asked."""
        attachments = sandbox.by_priority()
        if query.type == dns.PTR:
            address = dns.pointer_address(query.name)
            name = self._zone.find_pointer(address, attachments) if address else ""
            return dns.pointer(query, name) if name else None
        if query.type not in (dns.A, dns.AAAA, dns.MX):
            return None
        found = self._zone.find(query.name, attachments)
        if not found:
            return None
        if query.type == dns.MX:
            return dns.empty(query)
        version4 = query.type == dns.A
        return dns.addresses(
            query, [a for item in found if (a := item.ipv4_address if version4 else item.ipv6_address)]
        )

    async def forward(self, message: bytes, query: dns.Query, sandbox: Sandbox, *, stream: bool) -> bytes:
        """Ask the servers of the container or of the host; failures are answers too.

        A container with no way out (internal networks only) gets no names from outside either. Who sets `ndots` wants
        a name without dots tried with the search list first: it is not passed on.
        """
        if not (sandbox.gateway(4) or sandbox.gateway(6)):
            return dns.failure(query, dns.SERVFAIL)
        if query.type in (dns.A, dns.AAAA) and "." not in query.name and _ndots_set(sandbox):
            return dns.empty(query)
        if self._forwarding.locked():
            return dns.failure(query, dns.REFUSED)
        async with self._forwarding:

            async def make_socket(server: Server, kind: int) -> socket.socket:
                return await self._make_socket(sandbox, server, kind)

            answer = await upstream.ask(message, self._servers_of(sandbox), make_socket, stream=stream)
        return answer if answer is not None else dns.failure(query, dns.SERVFAIL)

    @staticmethod
    def _servers_of(sandbox: Sandbox) -> Sequence[Server]:
        if sandbox.dns:
            return [Server(address, from_host=False) for address in sandbox.dns]
        ipv6 = sandbox.gateway(6) is not None
        host = resolv_conf.host_resolv_conf().servers or resolv_conf.FALLBACK_SERVERS
        return [
            Server(address, from_host=resolv_conf.is_loopback(address) or (":" in address and not ipv6))
            for address in host
        ]

    async def _make_socket(self, sandbox: Sandbox, server: Server, kind: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
        flags = kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        if server.from_host:
            return socket.socket(family, flags)

        def inside() -> socket.socket:
            with namespaces.inside_netns(sandbox.netns):
                return socket.socket(family, flags)

        return await self._sockets.acquire(socket.socket.close, inside)


class _NameServer:
    """The two sockets of one container. Owns the tasks that ask others."""

    def __init__(
        self, resolvers: Resolvers, sandbox: Sandbox, datagrams: socket.socket, streams: socket.socket
    ) -> None:
        self._resolvers = resolvers
        self._sandbox = sandbox
        self._datagrams = datagrams
        self._streams = streams
        self._tasks: set[asyncio.Task[None]] = set()
        self._open_streams = 0
        self._loop = asyncio.get_running_loop()
        self._window_end = 0.0
        self._questions = 0
        self._pause: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._loop.add_reader(self._datagrams, self._on_datagrams)
        self._loop.add_reader(self._streams, self._on_streams)

    async def close(self) -> None:
        """Close both sockets and end what is being asked."""
        if self._pause is not None:
            self._pause.cancel()
        loop = self._loop
        for held in (self._datagrams, self._streams):
            loop.remove_reader(held)
            held.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, work: asyncio.Task[None]) -> None:
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    def _too_many(self) -> bool:
        """Whether this window's questions are used up; then reading stops until it ends."""
        now = self._loop.time()
        if now >= self._window_end:
            self._window_end, self._questions = now + _WINDOW_S, 0
        if self._questions < _QUESTIONS_EACH_WINDOW:
            return False
        self._loop.remove_reader(self._datagrams)
        self._pause = self._loop.call_at(self._window_end, self._resume)
        return True

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._datagrams, self._on_datagrams)

    def _on_datagrams(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(64):
                if self._too_many():
                    return
                self._questions += 1
                message, client = self._datagrams.recvfrom(4096)
                query = dns.parse(message)
                if query is None:
                    continue
                answer = self._resolvers.answer(query, self._sandbox)
                if answer is None and len(self._tasks) >= _FORWARDS_EACH:
                    answer = dns.failure(query, dns.REFUSED)
                if answer is None:
                    self._start(self._loop.create_task(self._forward_datagram(message, query, client)))
                else:
                    self._datagrams.sendto(dns.truncated(query, answer), client)

    async def _forward_datagram(self, message: bytes, query: dns.Query, client: tuple[str, int]) -> None:
        answer = await self._resolvers.forward(message, query, self._sandbox, stream=False)
        with contextlib.suppress(OSError):
            self._datagrams.sendto(answer, client)

    def _on_streams(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._streams.accept()
                if self._open_streams >= _STREAMS:
                    connection.close()
                    continue
                connection.setblocking(False)
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        def on_end(_: asyncio.Task[None]) -> None:
            connection.close()  # here: a task cancelled before its first step runs none of its own
            self._open_streams -= 1

        self._open_streams += 1
        task = self._loop.create_task(self._serve_stream(connection))
        task.add_done_callback(on_end)
        self._start(task)

    async def _serve_stream(self, connection: socket.socket) -> None:
        """Questions of one connection, one after another, each with its length before it (RFC 7766)."""
        loop = self._loop
        with contextlib.suppress(OSError, TimeoutError):
            while True:
                async with asyncio.timeout(_STREAM_IDLE_S):
                    head = await _read(loop, connection, 2)
                    message = await _read(loop, connection, struct.unpack("!H", head)[0])
                query = dns.parse(message)
                if query is None:
                    return
                answer = self._resolvers.answer(query, self._sandbox)
                if answer is None:
                    answer = await self._resolvers.forward(message, query, self._sandbox, stream=True)
                async with asyncio.timeout(_STREAM_IDLE_S):
                    await loop.sock_sendall(connection, struct.pack("!H", len(answer)) + answer)


def _ndots_set(sandbox: Sandbox) -> bool:
    options = sandbox.dns_options or resolv_conf.host_resolv_conf().options
    return any(option.startswith("ndots:") and option != "ndots:0" for option in options)


async def _read(loop: asyncio.AbstractEventLoop, connection: socket.socket, length: int) -> bytes:
    """Exactly `length` bytes; ConnectionError at an earlier end."""
    data = b""
    while len(data) < length:
        part = await loop.sock_recv(connection, length - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data
