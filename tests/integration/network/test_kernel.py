"""What we rely on the kernel for, one thing each."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import pytest

from agent.network import conntrack, links, netlink
from agent.network import definition as definitions
from agent.network.foreign_sets import find_deadly_set
from agent.network.netlink import NETLINK_NETFILTER, NetlinkSocket
from agent.network.nftables import Nftables, NftError
from agent.ports.network import EndpointSpec, IpamPool, NetworkSpec, PortRequest
from tests.integration.network.lab import HOST, OUTSIDE, Lab, run
from wire.errors import Conflict, Internal, Invalid

pytestmark = pytest.mark.root


async def test_the_kernel_filters_flows_by_protocol_and_port(lab: Lab) -> None:
    box = await lab.container("box", "", None, PortRequest(container_port=53, protocol="udp", host_port_start=18053))
    await lab.serve_udp(lab.netns(box), 53, "box")
    async with lab.udp_client(lab.outside, HOST, 18053) as ask:
        assert await ask() == "box"
    for port in range(20000, 20020):  # flows that are not asked for
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"?", (OUTSIDE, port))
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        asked: list[int] = []
        whole = netlink.ask

        def count(message: object) -> list[tuple[int, bytes]]:
            found = whole(message)  # type: ignore[arg-type]
            asked.append(len(found))
            return found

        netlink.ask = count  # type: ignore[method-assign]
        flows = list(conntrack._flows(netlink, socket.AF_INET, 18053))
    assert [(flow.destination, flow.answered_by) for flow in flows] == [(HOST, box.ipv4_address)]
    assert asked == [1]  # one answer: the kernel did the filtering


async def test_a_full_bridge_is_refused_clearly(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "DEFAULT_ENDPOINT_LIMIT", 2)
    await lab.container("one")
    await lab.container("two")
    with pytest.raises(Conflict, match="network bridge is full: a Linux bridge takes at most 2 containers"):
        await lab.container("three")
    assert len(lab.networking.endpoints(lab.bridge)) == 2


async def test_a_macvlan_container_is_on_its_parents_network(lab: Lab) -> None:
    spec = NetworkSpec(
        name="lan", driver="macvlan", options={"parent": "up0"},
        pools=(IpamPool(subnet="192.0.2.0/24", gateway=OUTSIDE, ip_range="192.0.2.64/26"),),
    )  # fmt: skip
    network = await lab.networking.create_network(spec)
    box = await lab.container("box", network.id)
    assert box.ipv4_address == "192.0.2.64"
    await lab.serve_tcp(lab.outside, 7000, "outside")
    assert await lab.ask_tcp(lab.netns(box), OUTSIDE, 7000) == "outside 192.0.2.64"
    assert await lab.networking.publish(box.container_id, [PortRequest(container_port=1, protocol="tcp")]) == []
    await lab.networking.close_sandbox(box.container_id)
    await lab.networking.remove_network(network.id)
    assert "up0" in run("ip", "link")


async def test_sysctls_and_mtu_reach_the_namespace(lab: Lab) -> None:
    network = await lab.networking.create_network(
        NetworkSpec(name="small", options={"com.docker.network.driver.mtu": "1400"})
    )
    container_id = "5" * 64
    await lab.networking.open_sandbox(container_id, sysctls={"net.core.somaxconn": "77", "kernel.msgmax": "1"})
    endpoint = await lab.networking.connect(container_id, "box", network.id, EndpointSpec())
    netns = lab.netns(endpoint)
    assert run("sysctl", "-n", "net.core.somaxconn", netns=netns) == "77\n"
    assert run("sysctl", "-n", "net.ipv4.ip_unprivileged_port_start", netns=netns) == "0\n"
    assert "mtu 1400" in run("ip", "link", "show", "eth0", netns=netns)
    with pytest.raises(Invalid, match=r"open /proc/sys/net/nosuch/thing: no such file or directory"):
        await lab.networking.open_sandbox("6" * 64, sysctls={"net.nosuch.thing": "1"})
    assert not (lab.config.netns / ("6" * 64)).exists()


async def test_another_firewalls_drop_is_found(lab: Lab) -> None:
    assert "network-foreign-firewall" not in {finding["code"] for finding in lab.networking.findings()}
    run("nft", "add table ip guard; add chain ip guard fw { type filter hook forward priority 0; policy drop; }")
    await lab.restart()
    found = next(item for item in lab.networking.findings() if item["code"] == "network-foreign-firewall")
    assert "ip guard fw" in found["title"]
    for rule in found["next"].split("; "):  # the remedy is a command that works
        run("sh", "-c", rule)
    web = await lab.container("web", "", None, PortRequest(container_port=80, protocol="tcp", host_port_start=18080))
    await lab.serve_tcp(lab.netns(web), 80, "web")
    assert await lab.ask_tcp(lab.outside, HOST, 18080)


async def test_a_port_taken_while_no_agent_ran_is_told(lab: Lab) -> None:
    port = PortRequest(container_port=80, protocol="tcp", host_port_start=18080)
    web = await lab.container("web", "", None, port)
    await lab.serve_tcp(lab.netns(web), 80, "web")
    await lab.networking.close()
    thief = socket.create_server(("0.0.0.0", 18080))
    try:
        lab.networking = type(lab.networking)(lab.config, lab.store)
        await lab.networking.start()
        await lab.networking.recover([web.container_id])
        assert next(item["code"] for item in lab.networking.findings()) == "network-port-taken"
        assert (await lab.ask_tcp(lab.outside, HOST, 18080)).startswith("web")
    finally:
        thief.close()


async def test_routes_of_the_host_are_seen(lab: Lab) -> None:
    run("ip", "route", "add", "172.18.0.0/15", "via", OUTSIDE)
    with NetlinkSocket() as netlink:
        assert "172.18.0.0/15" in {str(subnet) for subnet in links.routed_subnets(netlink)}
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    assert network.spec.pools[0].subnet == "172.20.0.0/16"


async def test_half_closed_connections_are_carried(lab: Lab) -> None:
    """Through the proxy of `::1`: the client closes its end first and still gets the whole answer."""
    web = await lab.container("web", "", None, PortRequest(container_port=80, protocol="tcp", host_port_start=18080))
    listening = await lab.made_in(lab.netns(web), lambda: socket.create_server(("0.0.0.0", 80)))

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(-1)
        writer.write(f"{len(data)} bytes".encode())
        writer.close()

    server = await asyncio.start_server(count, sock=listening)
    try:
        reader, writer = await asyncio.open_connection("::1", 18080)
        writer.write(b"x" * 3_000_000)
        writer.write_eof()
        assert await reader.read() == b"3000000 bytes"
        writer.close()
        await writer.wait_closed()
    finally:
        server.close()


async def test_an_interface_that_is_no_bridge_is_refused(lab: Lab, tmp_path: Path) -> None:
    spec = NetworkSpec(name="front", options={"com.docker.network.bridge.name": "up0"})
    with pytest.raises(Internal, match="existing interface up0 is not a bridge"):
        await lab.networking.create_network(spec)
    assert lab.networking.networks()[-1].spec.name == "bridge"


async def test_a_set_of_a_newer_nft_is_refused_and_does_not_end_the_agent(lab: Lab) -> None:
    family = struct.pack("=BBH", 1, 0, 0)  # inet
    table = netlink.text(1, "newer")
    number = struct.pack("!I", 4)
    notes = bytes.fromhex("00040200000003080004040000000100")  # what nft 1.1.3 writes for `type ipv4_addr`
    kind = [netlink.attribute(attribute, number) for attribute in (3, 4, 5, 10)]  # flags, type, length, id
    made = family + table + netlink.text(2, "addresses") + b"".join(kind) + netlink.attribute(13, notes)
    with NetlinkSocket(NETLINK_NETFILTER) as socket_:
        socket_.batch(
            10,
            netlink.Message(10 << 8, netlink.NLM_F_CREATE, family + table, "table"),
            netlink.Message(10 << 8 | 9, netlink.NLM_F_CREATE, made, "set"),
        )
        with Nftables() as nft:
            if nft._netfilter is not None:  # Debian 12's; Debian 13's makes such sets itself
                assert find_deadly_set(socket_) == "newer addresses"
                with pytest.raises(NftError, match=r"a set \(newer addresses\) of a newer nft"):
                    nft.run("list tables")
        socket_.batch(10, netlink.Message(10 << 8 | 2, 0, family + table, "table"))
    with Nftables() as nft:
        assert "newer" not in nft.run("list tables")
