"""A host of its own for each test: the test's thread moves into a fresh network namespace, with another one beside it
that plays the outside world. Nothing of the real host's network is touched."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from agent.config import Config
from agent.host import namespaces
from agent.network import removal
from agent.network.networking import LinuxNetworking
from agent.ports.network import Endpoint, EndpointSpec, PortRequest
from tests.fakes.store import MemoryStore

__all__ = ["HOST", "HOST6", "OUTSIDE", "OUTSIDE6", "Lab", "private_host", "run"]

T = TypeVar("T")

HOST, OUTSIDE = "192.0.2.1", "192.0.2.2"
HOST6, OUTSIDE6 = "2001:db8::1", "2001:db8::2"


def run(*argv: str, netns: Path | None = None) -> str:
    """Run a program (in a namespace) and return its output; it must succeed."""
    prefix = ("nsenter", f"--net={netns}") if netns else ()
    return subprocess.run([*prefix, *argv], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def private_host(directory: Path) -> Iterator[Path]:
    """Be in a new host namespace meanwhile; yields the outside's. Threads started inside are inside too."""
    host, outside = directory / "host", directory / "outside"
    for path in (host, outside):
        with namespaces.make_netns(path):
            pass
    try:
        with namespaces.inside_netns(host):
            run("ip", "link", "set", "lo", "up")
            run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", str(_pin(outside)))
            for where, v4, v6 in ((None, HOST, HOST6), (outside, OUTSIDE, OUTSIDE6)):
                run("ip", "address", "add", f"{v4}/24", "dev", "up0", netns=where)
                run("ip", "address", "add", f"{v6}/64", "dev", "up0", "nodad", netns=where)
                run("ip", "link", "set", "up0", "up", netns=where)
            run("ip", "link", "set", "lo", "up", netns=outside)
            run("ip", "route", "add", "default", "via", HOST, netns=outside)
            run("ip", "-6", "route", "add", "default", "via", HOST6, netns=outside)
            run("ip", "route", "add", "default", "via", OUTSIDE)
            run("ip", "-6", "route", "add", "default", "via", OUTSIDE6)
            yield outside
    finally:
        for path in (host, outside):
            namespaces.remove_netns(path)


def _pin(netns: Path) -> str:
    """iproute2 takes a path when it has a slash."""
    return str(netns)


class Lab:
    """One agent's networking on a private host, and sockets in any namespace."""

    def __init__(self, root: Path, outside: Path, instance: str = "tst") -> None:
        self.config = Config(data=root / "data", run=root / "run", instance=instance)
        self.store = MemoryStore()
        self.outside = outside
        self.networking = LinuxNetworking(self.config, self.store)
        self._stack = contextlib.AsyncExitStack()

    async def restart(self) -> None:
        """Another agent takes over from one that let go of everything it held."""
        await self.networking.close()
        self.networking = LinuxNetworking(self.config, self.store)
        await self.networking.start()

    async def close(self) -> None:
        await self._stack.aclose()
        await self.networking.recover([])
        await self.networking.close()
        removal.remove_everything(self.config)

    @property
    def bridge(self) -> str:
        return self.networking.get_network("bridge").id

    async def container(
        self, name: str, network_id: str = "", spec: EndpointSpec | None = None, *ports: PortRequest
    ) -> Endpoint:
        """A sandbox on one network, with published ports. Its id is derived from its name."""
        container_id = name.encode().hex().ljust(64, "0")
        await self.networking.open_sandbox(container_id, hostname=f"host-{name}")
        endpoint = await self.networking.connect(container_id, name, network_id or self.bridge, spec or EndpointSpec())
        if ports:
            await self.networking.publish(container_id, ports)
        return endpoint

    def netns(self, endpoint: Endpoint) -> Path:
        path = self.networking.sandbox(endpoint.container_id).netns_path
        assert path is not None
        return path

    async def made_in(self, netns: Path | None, make: Callable[[], T]) -> T:
        """Call `make` in a namespace (None: the host's), on a thread."""

        def inside() -> T:
            if netns is None:
                return make()
            with namespaces.inside_netns(netns):
                return make()

        return await asyncio.to_thread(inside)

    async def serve_tcp(self, netns: Path | None, port: int, says: str, address: str = "::") -> None:
        """Answer every connection with `says` and the address it came from, until the lab ends."""
        listening = await self.made_in(netns, lambda: socket.create_server((address, port), family=socket.AF_INET6,
                                                                           dualstack_ipv6=True))  # fmt: skip

        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = str(writer.get_extra_info("peername")[0]).removeprefix("::ffff:")
            writer.write(f"{says} {peer}".encode())
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        server = await asyncio.start_server(on_connection, sock=listening)
        self._stack.callback(server.close)

    async def serve_udp(self, netns: Path | None, port: int, says: str) -> None:
        """Answer every datagram with `says`."""

        def bind() -> socket.socket:
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            bound.setblocking(False)
            bound.bind(("0.0.0.0", port))
            return bound

        bound = await self.made_in(netns, bind)
        loop = asyncio.get_running_loop()

        def on_datagram() -> None:
            with contextlib.suppress(BlockingIOError):
                _, sender = bound.recvfrom(2048)
                bound.sendto(says.encode(), sender)

        loop.add_reader(bound, on_datagram)

        def stop() -> None:
            loop.remove_reader(bound)
            bound.close()

        self._stack.callback(stop)

    async def ask_tcp(self, netns: Path | None, address: str, port: int, limit_s: float = 60) -> str:
        """Connect from a namespace and return what is said; "" when nobody answers."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        client = await self.made_in(netns, lambda: socket.socket(family, socket.SOCK_STREAM))
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit_s):
                await loop.sock_connect(client, (address, port))
                data = b""
                while part := await loop.sock_recv(client, 4096):
                    data += part
                return data.decode()
        except (OSError, TimeoutError):
            return ""
        finally:
            client.close()

    @contextlib.asynccontextmanager
    async def udp_client(
        self, netns: Path | None, address: str, port: int
    ) -> AsyncIterator[Callable[[], Awaitable[str]]]:
        """A connected datagram socket; calling what is yielded sends one and returns the answer ("" for none)."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        client = await self.made_in(netns, lambda: socket.socket(family, socket.SOCK_DGRAM))
        client.setblocking(False)
        client.connect((address, port))
        loop = asyncio.get_running_loop()

        async def ask() -> str:
            try:
                async with asyncio.timeout(60):
                    await loop.sock_sendall(client, b"?")
                    return (await loop.sock_recv(client, 2048)).decode()
            except (OSError, TimeoutError):
                return ""

        try:
            yield ask
        finally:
            client.close()


def bridge_netfilter(on: bool) -> None:
    """Set how bridged packets meet the packet filter, in the namespace of the thread."""
    for name in ("iptables", "ip6tables"):
        path = f"/proc/sys/net/bridge/bridge-nf-call-{name}"
        if os.path.exists(path):
            Path(path).write_text("1" if on else "0")
