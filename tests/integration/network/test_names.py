"""Names inside containers: asked with real datagrams and streams at 127.0.0.11, forwarded to a server outside."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from agent.network import dns, resolver
from agent.network import upstream as forwarding
from agent.ports.network import Endpoint, EndpointSpec, NetworkSpec
from tests.integration.network.lab import OUTSIDE, Lab

pytestmark = pytest.mark.root


def question(name: str, kind: int = dns.A, number: int = 4711) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def answers(message: bytes) -> list[str]:
    """The addresses, or the one name, of an answer with compressed owner names."""
    count = struct.unpack_from("!H", message, 6)[0]
    offset = message.index(b"\0", 12) + 5
    found: list[str] = []
    for _ in range(count):
        kind, _, _, length = struct.unpack_from("!HHIH", message, offset + 2)
        data = message[offset + 12 : offset + 12 + length]
        found.append(str(ip_address(data)) if kind in (dns.A, dns.AAAA) else data.decode("latin-1"))
        offset += 12 + length
    return found


async def ask(lab: Lab, box: Endpoint, name: str, kind: int = dns.A, *, stream: bool = False) -> bytes:
    """Ask the container's name server as a program in it would."""
    client = await lab.made_in(
        lab.netns(box), lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    )
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    message = question(name, kind)
    with client:
        async with asyncio.timeout(60):
            await loop.sock_connect(client, ("127.0.0.11", 53))
            await loop.sock_sendall(client, (struct.pack("!H", len(message)) if stream else b"") + message)
            answer = await loop.sock_recv(client, 1 << 16)
            if stream:
                while len(answer) < 2 + struct.unpack_from("!H", answer)[0]:
                    answer += await loop.sock_recv(client, 1 << 16)
    assert answer[2 if stream else 0 :][:2] == message[:2]
    return answer[2:] if stream else answer


@contextlib.asynccontextmanager
async def upstream(lab: Lab, where: Path | None, answer: Callable[[dns.Query], bytes]) -> AsyncIterator[list[str]]:
    """A name server outside; yields the names it was asked for, `udp` or `tcp` before each."""
    asked: list[str] = []
    address = "0.0.0.0"

    def bind(kind: int) -> socket.socket:
        made = socket.socket(socket.AF_INET, kind)
        made.setblocking(False)
        made.bind((address, 53))
        if kind == socket.SOCK_STREAM:
            made.listen()
        return made

    datagrams = await lab.made_in(where, lambda: bind(socket.SOCK_DGRAM))
    streams = await lab.made_in(where, lambda: bind(socket.SOCK_STREAM))
    loop = asyncio.get_running_loop()

    def on_datagram() -> None:
        message, sender = datagrams.recvfrom(4096)
        query = dns.parse(message)
        assert query is not None
        asked.append(f"udp {query.name}")
        datagrams.sendto(dns.truncated(query, answer(query)), sender)

    async def on_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0])
        query = dns.parse(message)
        assert query is not None
        asked.append(f"tcp {query.name}")
        said = answer(query)
        writer.write(struct.pack("!H", len(said)) + said)
        writer.close()

    loop.add_reader(datagrams, on_datagram)
    server = await asyncio.start_server(on_stream, sock=streams)
    try:
        yield asked
    finally:
        loop.remove_reader(datagrams)
        datagrams.close()
        server.close()


async def test_names_of_a_user_defined_network(lab: Lab) -> None:
    front = await lab.networking.create_network(NetworkSpec(name="front", enable_ipv6=True))
    back = await lab.networking.create_network(NetworkSpec(name="back"))
    web = await lab.container("web", front.id, EndpointSpec(aliases=("www",)))
    twin = await lab.container("twin", front.id, EndpointSpec(aliases=("www",)))
    asker = await lab.container("asker", front.id, EndpointSpec(links=("web:shop",)))
    data = await lab.container("data", back.id)
    for name in ("web", "WEB", "web.front", web.container_id[:12], "host-web", "shop"):
        assert answers(await ask(lab, asker, name)) == [web.ipv4_address], name
    assert answers(await ask(lab, asker, "web", dns.AAAA)) == [web.ipv6_address]
    assert sorted(answers(await ask(lab, asker, "www"))) == [web.ipv4_address, twin.ipv4_address]
    assert answers(await ask(lab, asker, "web", stream=True)) == [web.ipv4_address]
    reverse = ".".join(reversed(web.ipv4_address.split("."))) + ".in-addr.arpa"
    assert answers(await ask(lab, asker, reverse, dns.PTR)) == ["\x03web\x05front\0"]
    assert answers(await ask(lab, asker, "web", dns.MX)) == []
    assert answers(await ask(lab, data, "data", dns.AAAA)) == []  # known, no IPv6: an empty answer, not passed on
    await lab.networking.rename(web.container_id, "store")
    assert answers(await ask(lab, asker, "store")) == [web.ipv4_address]
    async with upstream(lab, lab.outside, lambda query: dns.failure(query, dns.NXDOMAIN)):
        for box, name in ((asker, "data"), (data, "store"), (twin, "shop"), (asker, "web.back")):
            lab.networking._sandboxes[box.container_id].dns = (OUTSIDE,)
            assert dns.rcode(await ask(lab, box, name)) == dns.NXDOMAIN, name


async def test_a_name_is_gone_with_its_container(lab: Lab) -> None:
    network = await lab.networking.create_network(NetworkSpec(name="front", internal=True))
    web, asker = await lab.container("web", network.id), await lab.container("asker", network.id)
    assert answers(await ask(lab, asker, "web")) == [web.ipv4_address]
    await lab.networking.disconnect(web.container_id, network.id)
    assert dns.rcode(await ask(lab, asker, "web")) == dns.SERVFAIL  # an internal network asks nobody else
    again = await lab.networking.connect(web.container_id, "web", network.id, EndpointSpec())
    assert answers(await ask(lab, asker, "web")) == [again.ipv4_address]


async def test_other_names_are_asked_for_outside(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    box = await lab.container("box", network.id)
    sandbox = lab.networking._sandboxes[box.container_id]
    many = [f"198.51.100.{number}" for number in range(1, 120)]

    def answer(query: dns.Query) -> bytes:
        if query.name == "many.example":
            return dns.addresses(query, many)
        if query.name == "one.example":
            return dns.addresses(query, ["198.51.100.7"])
        return dns.failure(query, dns.NXDOMAIN)

    async with upstream(lab, lab.outside, answer) as asked:
        with monkeypatch.context() as patched:
            patched.setattr(forwarding, "TIMEOUT_S", 2.0)
            sandbox.dns = ("192.0.2.77", OUTSIDE)  # the first is dead
            assert answers(await ask(lab, box, "one.example")) == ["198.51.100.7"]
        sandbox.dns = (OUTSIDE,)
        assert dns.rcode(await ask(lab, box, "none.example")) == dns.NXDOMAIN
        cut = await ask(lab, box, "many.example")
        assert cut[2] & 0x02
        assert answers(cut) == []
        assert answers(await ask(lab, box, "many.example", stream=True)) == many
    assert asked == ["udp one.example", "udp none.example", "udp many.example", "tcp many.example"]


async def test_a_container_may_run_a_name_server_of_its_own(lab: Lab) -> None:
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    web, box = await lab.container("web", network.id), await lab.container("box", network.id)
    async with upstream(lab, lab.netns(box), lambda query: dns.addresses(query, ["198.51.100.9"])) as asked:
        assert answers(await ask(lab, box, "web")) == [web.ipv4_address]
        assert asked == []


async def test_resolv_conf_follows_the_networks(lab: Lab) -> None:
    box = await lab.container("box")
    assert "127.0.0.11" not in lab.networking.resolv_conf(box.container_id)
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    await lab.networking.connect(box.container_id, "box", network.id, EndpointSpec())
    assert "nameserver 127.0.0.11\n" in lab.networking.resolv_conf(box.container_id)
    assert answers(await ask(lab, box, "box"))


async def test_a_flood_of_questions_is_read_in_portions_and_answered(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_QUESTIONS_EACH_WINDOW", 1)
    monkeypatch.setattr(resolver, "_WINDOW_S", 0.02)
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    box = await lab.container("box", network.id)
    client = await lab.made_in(lab.netns(box), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    client.setblocking(False)
    client.connect(("127.0.0.11", 53))
    with client:
        for number in range(5):
            client.send(question("box", number=number))
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60):
            got = [await loop.sock_recv(client, 512) for _ in range(5)]
    assert [int.from_bytes(message[:2]) for message in got] == list(range(5))


async def test_a_container_cannot_use_up_all_forwarding(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_FORWARDS_EACH", 1)
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    box = await lab.container("box", network.id)
    lab.networking._sandboxes[box.container_id].dns = (OUTSIDE,)
    silent = await lab.made_in(lab.outside, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent.bind((OUTSIDE, 53))  # takes questions, never answers
    with silent:
        waiting = asyncio.create_task(ask(lab, box, "slow.example"))
        await asyncio.to_thread(silent.recv, 512)
        assert dns.rcode(await ask(lab, box, "other.example")) == dns.REFUSED
        assert answers(await ask(lab, box, "box")) == [box.ipv4_address]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
