"""Callers that go away half way, and many at once: whatever was begun is undone by one `close_sandbox`."""

from __future__ import annotations

import asyncio
import random

import pytest

from agent.ports.network import EndpointSpec, NetworkSpec, PortRequest
from tests.integration.network.lab import Lab, run
from tests.integration.network.test_recovery import links, until_gone

pytestmark = pytest.mark.root


async def _life(lab: Lab, container_id: str, network_id: str, port: int) -> None:
    networking = lab.networking
    await networking.open_sandbox(container_id)
    await networking.connect(container_id, f"c{port}", lab.bridge, EndpointSpec())
    await networking.connect(container_id, f"c{port}", network_id, EndpointSpec(aliases=("all",)))
    await networking.publish(
        container_id,
        [
            PortRequest(container_port=80, protocol="tcp", host_port_start=port),
            PortRequest(container_port=53, protocol="udp", host_port_start=port),
        ],
    )
    await networking.disconnect(container_id, lab.bridge)


async def test_whatever_was_begun_is_undone(lab: Lab) -> None:
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    before = links()
    chance = random.Random(11)

    async def begin(number: int) -> None:
        container_id = f"{number:064x}"
        life = asyncio.create_task(_life(lab, container_id, network.id, 18100 + number))
        await asyncio.sleep(chance.random() * 0.06)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        await lab.networking.close_sandbox(container_id)

    for _ in range(3):
        await asyncio.gather(*(begin(number) for number in range(20)))
    await until_gone(links() - before)
    assert list(lab.config.netns.iterdir()) == []
    assert list(lab.config.sandboxes.iterdir()) == []
    rules = run("nft", "list", "table", "inet", lab.config.nft_table)
    assert not [number for number in range(18100, 18120) if str(number) in rules]
    for network_id in (lab.bridge, network.id):
        assert lab.networking.endpoints(network_id) == []
        pool = lab.networking._networks.pool(network_id, 4)
        assert pool is not None
        assert len(pool._taken) == 3  # network, gateway and broadcast address
    await lab.networking.remove_network(network.id)  # and ports are free again
    again = PortRequest(container_port=80, protocol="tcp", host_port_start=18100, host_port_end=18119)
    for number in range(20):
        await lab.container(f"again{number}", "", None, again)


async def test_many_at_once_get_addresses_of_their_own(lab: Lab) -> None:
    network = await lab.networking.create_network(NetworkSpec(name="front"))
    made = await asyncio.gather(*(lab.container(f"c{number}", network.id) for number in range(30)))
    assert len({endpoint.ipv4_address for endpoint in made}) == 30
    assert len({endpoint.mac_address for endpoint in made}) == 30


async def test_networks_made_at_once_do_not_overlap(lab: Lab) -> None:
    made = await asyncio.gather(
        *(lab.networking.create_network(NetworkSpec(name=f"n{number}")) for number in range(6)),
        *(lab.networking.create_network(NetworkSpec(name="same")) for _ in range(3)),
        return_exceptions=True,
    )
    subnets = [item.spec.pools[0].subnet for item in made if not isinstance(item, BaseException)]
    assert len(set(subnets)) == len(subnets) == 7


async def test_networks_of_callers_that_left_are_whole_or_not_there(lab: Lab) -> None:
    chance, prefix = random.Random(5), f"{lab.config.link_prefix}b"

    async def begin(number: int) -> None:
        making = asyncio.create_task(lab.networking.create_network(NetworkSpec(name=f"n{number}")))
        await asyncio.sleep(chance.random() * 0.04)
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)

    for number in range(20):
        await begin(number)
    known = {item.link for item in lab.networking._networks.all() if item.link.startswith(prefix)}
    assert {name for name in links() if name.startswith(prefix)} == known
