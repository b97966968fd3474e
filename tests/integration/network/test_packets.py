"""Who reaches whom, by packets: published ports on every path, the way out, and the walls between networks."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from agent.ports.network import EndpointSpec, IpamPool, NetworkSpec, PortRequest
from tests.integration.network.lab import HOST, HOST6, OUTSIDE, OUTSIDE6, Lab, bridge_netfilter, run

pytestmark = pytest.mark.root

WEB = PortRequest(container_port=80, protocol="tcp", host_port_start=18080)


@pytest.mark.parametrize("bridge_nf", [True, False], ids=["bridge-nf", "no-bridge-nf"])
async def test_a_published_port_is_reached_on_every_path(lab: Lab, bridge_nf: bool) -> None:
    bridge_netfilter(bridge_nf)
    web = await lab.container("web", "", None, WEB)
    other = await lab.container("other")
    await lab.serve_tcp(lab.netns(web), 80, "web")
    paths = {
        "outside": (lab.outside, HOST),
        "loopback": (None, "127.0.0.1"),
        "IPv6 loopback": (None, "::1"),
        "host address": (None, HOST),
        "gateway from the host": (None, web.gateway),
        "another container": (lab.netns(other), web.gateway),
        "another container by the host's address": (lab.netns(other), HOST),
        "the container itself": (lab.netns(web), HOST),
        "IPv6 from outside": (lab.outside, HOST6),
    }
    answers = await asyncio.gather(*(lab.ask_tcp(netns, address, 18080) for netns, address in paths.values()))
    assert {path: answer.split(" ")[0] for path, answer in zip(paths, answers, strict=True)} == dict.fromkeys(
        paths, "web"
    )
    assert answers[0] == f"web {OUTSIDE}"  # the container sees who it is from outside
    assert (await lab.ask_tcp(lab.netns(other), web.ipv4_address, 80)).startswith("web")


async def test_a_port_that_is_not_published_is_not_reached_from_outside(lab: Lab) -> None:
    web = await lab.container("web")
    await lab.serve_tcp(lab.netns(web), 80, "web")
    assert await lab.ask_tcp(None, web.ipv4_address, 80)
    assert await lab.ask_tcp(lab.outside, web.ipv4_address, 80, limit_s=1) == ""


async def test_a_port_published_on_loopback_stays_there(lab: Lab) -> None:
    local = PortRequest(container_port=80, protocol="tcp", host_ip="127.0.0.1", host_port_start=18080)
    web = await lab.container("web", "", None, local)
    await lab.serve_tcp(lab.netns(web), 80, "web")
    assert (await lab.ask_tcp(None, "127.0.0.1", 18080)).startswith("web")
    for netns, address in ((lab.outside, HOST), (None, HOST), (None, "::1")):
        assert await lab.ask_tcp(netns, address, 18080, limit_s=1) == ""
    # A neighbour that sends to 127.0.0.1 by hand: translation comes before routing would refuse it.
    await asyncio.to_thread(_route_loopback_out, lab.outside, HOST, "up0")
    assert await lab.ask_tcp(lab.outside, "127.0.0.1", 18080, limit_s=1) == ""


async def test_the_way_out_is_masqueraded(lab: Lab) -> None:
    await lab.serve_tcp(lab.outside, 7000, "outside")
    box = await lab.container("box")
    assert await lab.ask_tcp(lab.netns(box), OUTSIDE, 7000) == f"outside {HOST}"


async def test_a_network_may_have_a_source_address_and_interface_names_of_its_own(lab: Lab) -> None:
    await asyncio.to_thread(run, "ip", "address", "add", "192.0.2.9/24", "dev", "up0")
    options = {"com.docker.network.host_ipv4": "192.0.2.9", "com.docker.network.container_iface_prefix": "net"}
    network = await lab.networking.create_network(NetworkSpec(name="front", options=options))
    await lab.serve_tcp(lab.outside, 7000, "outside")
    box = await lab.container("box", network.id)
    assert box.interface == "net0"
    assert await lab.ask_tcp(lab.netns(box), OUTSIDE, 7000) == "outside 192.0.2.9"
    await lab.networking.close_sandbox(box.container_id)
    await lab.networking.remove_network(network.id)
    assert "192.0.2.9" not in run("nft", "list", "table", "inet", lab.config.nft_table)


async def test_the_hosts_loopback_services_are_not_shown_to_containers(lab: Lab) -> None:
    """route_localnet of the bridge must not open 127.0.0.1 to packets that a container sends there by hand."""
    await lab.serve_tcp(None, 7000, "private", "::ffff:127.0.0.1")
    box = await lab.container("box")
    netns = lab.netns(box)
    await asyncio.to_thread(_route_loopback_out, netns, box.gateway, "eth0")
    assert (await lab.ask_tcp(None, "127.0.0.1", 7000)).startswith("private")
    assert await lab.ask_tcp(netns, "127.0.0.1", 7000, limit_s=1) == ""


def _route_loopback_out(netns: Path, gateway: str, link: str) -> None:
    run("ip", "address", "del", "127.0.0.1/8", "dev", "lo", netns=netns)
    run("ip", "route", "add", "127.0.0.1/32", "via", gateway, netns=netns)
    run("sysctl", "-qw", f"net.ipv4.conf.{link}.route_localnet=1", netns=netns)


async def test_ipv6_goes_in_and_out(lab: Lab) -> None:
    network = await lab.networking.create_network(
        NetworkSpec(name="six", enable_ipv6=True, pools=(IpamPool(subnet="2001:db8:6::/64"),))
    )
    web = await lab.container("web", network.id, None, WEB)
    assert web.ipv6_address == "2001:db8:6::2"
    await lab.serve_tcp(lab.netns(web), 80, "web")
    await lab.serve_tcp(lab.outside, 7000, "outside")
    assert await lab.ask_tcp(lab.outside, HOST6, 18080) == f"web {OUTSIDE6}"  # translated, not carried
    assert (await lab.ask_tcp(None, "::1", 18080)).startswith("web")
    assert await lab.ask_tcp(lab.netns(web), OUTSIDE6, 7000) == f"outside {HOST6}"


async def test_networks_are_kept_apart(lab: Lab) -> None:
    front = await lab.networking.create_network(NetworkSpec(name="front"))
    back = await lab.networking.create_network(NetworkSpec(name="back", internal=True))
    web, data = await lab.container("web", front.id), await lab.container("data", back.id)
    peer = await lab.container("peer", back.id)
    for box, says in ((web, "web"), (data, "data")):
        await lab.serve_tcp(lab.netns(box), 80, says)
    await lab.serve_tcp(lab.outside, 7000, "outside")
    assert (await lab.ask_tcp(lab.netns(peer), data.ipv4_address, 80)).startswith("data")
    unreachable = [
        (lab.netns(web), data.ipv4_address, 80),
        (lab.netns(data), web.ipv4_address, 80),
        (lab.netns(data), OUTSIDE, 7000),
        (lab.outside, data.ipv4_address, 80),
    ]
    answers = await asyncio.gather(*(lab.ask_tcp(*path, limit_s=1) for path in unreachable))
    assert answers == [""] * len(unreachable)
    assert data.gateway == ""
    # Not for want of a route: a container that makes itself one gets no further.
    inner = lab.networking._networks.get(back.id).gateway4
    await asyncio.to_thread(run, "ip", "route", "add", "default", "via", inner, netns=lab.netns(data))
    assert await lab.ask_tcp(lab.netns(data), OUTSIDE, 7000, limit_s=1) == ""


@pytest.mark.parametrize("bridge_nf", [True, False], ids=["bridge-nf", "no-bridge-nf"])
async def test_a_container_cannot_speak_as_one_of_another_network(lab: Lab, bridge_nf: bool) -> None:
    bridge_netfilter(bridge_nf)
    front = await lab.networking.create_network(NetworkSpec(name="front"))
    box, victim = await lab.container("box", front.id), await lab.container("victim")
    received: list[str] = []
    listening = await lab.made_in(lab.outside, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    listening.bind((OUTSIDE, 7000))
    listening.setblocking(False)
    loop = asyncio.get_running_loop()
    loop.add_reader(listening, lambda: received.append(listening.recv(100).decode()))

    def send(source: str, text: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((source, 0))
            client.sendto(text.encode(), (OUTSIDE, 7000))

    run("ip", "address", "add", f"{victim.ipv4_address}/32", "dev", "eth0", netns=lab.netns(box))
    try:
        for address, text in ((victim.ipv4_address, "false"), (box.ipv4_address, "true")):
            await lab.made_in(lab.netns(box), lambda address=address, text=text: send(address, text))  # type: ignore[misc]
        async with asyncio.timeout(60):
            while not received:  # noqa: ASYNC110 - one datagram, no event to wait for
                await asyncio.sleep(0.01)
        assert received == ["true"]
    finally:
        loop.remove_reader(listening)
        listening.close()


@pytest.mark.parametrize("bridge_nf", [True, False], ids=["bridge-nf", "no-bridge-nf"])
async def test_without_icc_only_published_ports_are_reached(lab: Lab, bridge_nf: bool) -> None:
    bridge_netfilter(bridge_nf)
    network = await lab.networking.create_network(
        NetworkSpec(name="quiet", options={"com.docker.network.bridge.enable_icc": "false"})
    )
    web, other = await lab.container("web", network.id, None, WEB), await lab.container("other", network.id)
    await lab.serve_tcp(lab.netns(web), 80, "web")
    assert await lab.ask_tcp(lab.netns(other), web.ipv4_address, 80, limit_s=1) == ""
    assert (await lab.ask_tcp(lab.netns(other), HOST, 18080)).startswith("web")


async def test_a_udp_client_reaches_the_new_container_after_the_port_moved(lab: Lab) -> None:
    port = PortRequest(container_port=53, protocol="udp", host_port_start=18053)
    first = await lab.container("first", "", None, port)
    await lab.serve_udp(lab.netns(first), 53, "first")
    async with lab.udp_client(lab.outside, HOST, 18053) as ask, lab.udp_client(None, "127.0.0.1", 18053) as here:
        assert (await ask(), await here()) == ("first", "first")
        await lab.networking.close_sandbox(first.container_id)  # our socket holds its namespace open
        second = await lab.container("second", "", None, port)
        await lab.serve_udp(lab.netns(second), 53, "second")
        assert second.ipv4_address == first.ipv4_address
        assert (await ask(), await here()) == ("second", "second")
    async with lab.udp_client(None, "::1", 18053) as ask:
        assert await ask() == "second"


async def test_published_ports_follow_the_default_route(lab: Lab) -> None:
    front = await lab.networking.create_network(NetworkSpec(name="front"))
    web = await lab.container("web", "", None, WEB)
    await lab.serve_tcp(lab.netns(web), 80, "web")
    assert (await lab.ask_tcp(lab.outside, HOST, 18080)).startswith("web")
    joined = await lab.networking.connect(web.container_id, "web", front.id, EndpointSpec(gw_priority=1))
    assert lab.networking.gateway_endpoint(web.container_id) == joined
    assert (await lab.ask_tcp(lab.outside, HOST, 18080)).startswith("web")
    await lab.networking.disconnect(web.container_id, lab.bridge)
    assert (await lab.ask_tcp(lab.outside, HOST, 18080)).startswith("web")
    assert (await lab.ask_tcp(None, "::1", 18080)).startswith("web")
    await lab.networking.disconnect(web.container_id, front.id)
    assert await lab.ask_tcp(lab.outside, HOST, 18080, limit_s=1) == ""
    await lab.networking.connect(web.container_id, "web", lab.bridge, EndpointSpec())
    assert (await lab.ask_tcp(lab.outside, HOST, 18080)).startswith("web")


async def test_counters_are_read_without_a_program(lab: Lab) -> None:
    box, other = await lab.container("box"), await lab.container("other")
    await lab.serve_tcp(lab.netns(box), 80, "x" * 5000)
    before = lab.networking.interface_counters(box.container_id)["eth0"]
    assert await lab.ask_tcp(lab.netns(other), box.ipv4_address, 80)
    after = lab.networking.interface_counters(box.container_id)["eth0"]
    assert after["tx_bytes"] - before["tx_bytes"] > 5000
    assert set(lab.networking.interface_counters(box.container_id)) == {"eth0"}
