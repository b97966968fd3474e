"""An agent that dies and comes back: what runs is not touched, what is left over goes, what is others' stays."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from agent.host import namespaces
from agent.network import dns
from agent.ports.network import EndpointSpec, NetworkSpec, PortRequest
from tests.integration.network.lab import HOST, OUTSIDE, Lab, run
from tests.integration.network.test_names import answers, ask

pytestmark = pytest.mark.root

WEB = PortRequest(container_port=80, protocol="tcp", host_port_start=18080)


def links() -> set[str]:
    return {item["ifname"] for item in json.loads(run("ip", "-j", "link"))}


async def until_gone(names: set[str]) -> None:
    """The kernel takes a dropped namespace apart in its own time."""
    async with asyncio.timeout(60):
        while names & links():  # noqa: ASYNC110 - the kernel has no event for it here
            await asyncio.sleep(0.01)


async def test_a_restart_changes_nothing_for_running_containers(lab: Lab) -> None:
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    web = await lab.container("web", network.id, EndpointSpec(aliases=("www",)), WEB)
    asker = await lab.container("asker", network.id)
    await lab.serve_tcp(lab.netns(web), 80, "web")
    before = links()
    networks = lab.networking.networks()
    await lab.restart()
    assert answers(await ask(lab, asker, "www")) == [web.ipv4_address]
    await lab.networking.recover([web.container_id, asker.container_id])
    assert links() == before
    assert lab.networking.networks() == networks
    assert {item.id: item for item in lab.networking.endpoints(network.id)} == {web.id: web, asker.id: asker}
    assert [binding.host_port for binding in lab.networking.ports(web.container_id)] == [18080, 18080]
    for netns, address in ((lab.outside, HOST), (None, "127.0.0.1"), (None, "::1")):
        assert (await lab.ask_tcp(netns, address, 18080)).startswith("web")
    fresh = await lab.container("fresh", network.id)
    assert fresh.ipv4_address not in (web.ipv4_address, asker.ipv4_address)
    assert dns.rcode(await ask(lab, asker, "fresh")) == 0


async def test_what_no_running_container_names_is_removed(lab: Lab) -> None:
    web = await lab.container("web", "", None, WEB)
    gone = await lab.container("gone", "", None, PortRequest(container_port=80, protocol="tcp", host_port_start=18081))
    run("ip", "link", "add", f"{lab.config.link_prefix}vabcdef", "type", "veth", "peer", "name", "half0")
    run("ip", "link", "add", f"{lab.config.link_prefix}babcdef", "type", "bridge")
    run("ip", "link", "add", "moother0", "type", "bridge")
    stray = lab.config.netns / ("f" * 64)
    await asyncio.to_thread(_pin, stray)
    await lab.restart()
    await lab.networking.recover([web.container_id])
    await until_gone({"half0", f"{lab.config.link_prefix}babcdef"})
    assert "moother0" in links()
    assert [path.name for path in lab.config.netns.iterdir()] == [web.container_id]
    assert [path.name for path in lab.config.sandboxes.iterdir()] == [f"{web.container_id}.json"]
    rules = run("nft", "list", "table", "inet", lab.config.nft_table)
    assert "18080" in rules
    assert "18081" not in rules
    assert gone.container_id not in {item.container_id for item in lab.networking.endpoints(lab.bridge)}
    reused = await lab.container("new", "", None, PortRequest(container_port=1, protocol="tcp", host_port_start=18081))
    assert reused.ipv4_address


def _pin(path: Path) -> None:
    with namespaces.make_netns(path):
        pass


async def test_rules_that_somebody_flushed_come_back_and_break_nothing_meanwhile(lab: Lab) -> None:
    web = await lab.container("web", "", None, WEB)
    await lab.serve_tcp(lab.netns(web), 80, "web")
    run("nft", "flush", "ruleset")
    assert (await lab.ask_tcp(None, "127.0.0.1", 18080)).startswith("web")  # carried by hand
    await lab.networking.close_sandbox(web.container_id)  # our own socket in it holds the namespace open
    await until_gone({f"{lab.config.link_prefix}v{web.id[:6]}"})
    await lab.restart()
    again = await lab.container("again", "", None, WEB)
    await lab.serve_tcp(lab.netns(again), 80, "again")
    assert (await lab.ask_tcp(lab.outside, HOST, 18080)).startswith("again")


async def test_a_failed_connect_leaves_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    box = await lab.container("box")
    before = links()

    async def refuse(*_: object) -> None:
        raise RuntimeError("killed here")

    monkeypatch.setattr(lab.networking._resolvers, "open", refuse)
    with pytest.raises(RuntimeError, match="killed here"):
        await lab.networking.connect(box.container_id, "box", network.id, EndpointSpec())
    monkeypatch.undo()
    assert links() == before
    assert lab.networking.endpoints(network.id) == []
    joined = await lab.networking.connect(box.container_id, "box", network.id, EndpointSpec())
    assert joined.interface == "eth2"  # no name comes twice


async def test_two_agents_on_one_host_do_not_meet(lab: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other", lab.outside, instance="ts2")
    await other.networking.start()
    try:
        mine, theirs = await lab.container("web", "", None, WEB), await other.container("web")
        assert mine.gateway != theirs.gateway
        await other.networking.recover([])
        await lab.serve_tcp(lab.netns(mine), 80, "web")
        assert (await lab.ask_tcp(lab.outside, HOST, 18080)).startswith("web")
        assert lab.config.link_prefix + "0" in links()
    finally:
        await other.close()


async def test_purge_leaves_the_host_as_it_was(lab: Lab, tmp_path: Path) -> None:
    before = links(), run("nft", "list", "ruleset").count("mooring_ts2")
    other = Lab(tmp_path / "other", lab.outside, instance="ts2")
    await other.networking.start()
    bridge = NetworkSpec(name="front", options={"com.docker.network.bridge.name": "named0"})
    network = await other.networking.create_network(bridge)
    assert "named0" in links()
    await other.container("web", network.id)
    await other.close()
    await until_gone(links() - before[0])
    assert (links(), run("nft", "list", "ruleset").count("mooring_ts2")) == before
    assert list(other.config.netns.iterdir()) == []
    assert list(other.config.sandboxes.iterdir()) == []


async def test_a_bridge_that_was_there_before_is_used_and_stays(lab: Lab) -> None:
    run("ip", "link", "add", "mine0", "type", "bridge")
    spec = NetworkSpec(name="front", options={"com.docker.network.bridge.name": "mine0"})
    network = await lab.networking.create_network(spec)
    box, other = await lab.container("box", network.id), await lab.container("other", network.id)
    await lab.serve_tcp(lab.netns(box), 80, "box")
    assert (await lab.ask_tcp(lab.netns(other), box.ipv4_address, 80)).startswith("box")
    for endpoint in (box, other):
        await lab.networking.close_sandbox(endpoint.container_id)
    await lab.networking.remove_network(network.id)
    assert "mine0" in links()


async def test_the_default_bridge_follows_its_configuration_when_nobody_is_on_it(lab: Lab) -> None:
    box = await lab.container("box")
    lab.config = dataclasses.replace(lab.config, bridge_subnet="10.250.0.9/24")
    await lab.restart()
    assert lab.networking.get_network("bridge").spec.pools[0].subnet == "172.17.0.0/16"
    await lab.networking.recover([])
    await lab.restart()
    assert lab.networking.get_network("bridge").spec.pools[0].subnet == "10.250.0.0/24"
    again = await lab.container("again")
    assert (again.gateway, again.ipv4_address) == ("10.250.0.9", "10.250.0.1")
    assert box.container_id != again.container_id


async def test_a_route_that_came_later_is_told(lab: Lab) -> None:
    assert "network-overlap" not in {finding["code"] for finding in lab.networking.findings()}
    run("ip", "route", "add", "172.17.5.0/24", "via", OUTSIDE)
    await lab.restart()
    found = next(item for item in lab.networking.findings() if item["code"] == "network-overlap")
    assert found["title"] == "Network bridge (172.17.0.0/16) overlaps a route of the host to 172.17.5.0/24"
