"""Networks as they are kept: read back as they were, and configuration-only ones."""

from __future__ import annotations

import pytest

from agent.network import definition as definitions
from agent.network.networks import Networks
from agent.ports.network import IpamPool, NetworkSpec
from tests.fakes.networking import FakeNetworking
from tests.fakes.store import MemoryStore
from wire.errors import Forbidden, NotFound


async def test_a_network_is_read_back_as_it_was() -> None:
    store = MemoryStore()
    networks = Networks(store, prefix="mot")
    spec = NetworkSpec(name="front", enable_ipv6=True, labels={"a": "b"}, options={"x": "y"})
    made = definitions.resolve_pools(networks.propose(spec), networks=[], host_subnets=[], seed="t")
    await networks.keep(made)
    again = Networks(store, prefix="mot")
    assert again.all() == [made]
    pool = again.pool(made.id, 4)
    assert pool is not None
    assert str(pool.take(0)) == "172.17.0.2"  # the gateway stays reserved


async def test_a_network_takes_its_configuration_from_another() -> None:
    networking = FakeNetworking()
    await networking.start()
    pools = (IpamPool(subnet="10.9.0.0/24", gateway="10.9.0.9"),)
    await networking.create_network(NetworkSpec(name="plan", config_only=True, pools=pools, labels={"a": "b"}))
    made = await networking.create_network(NetworkSpec(name="real", config_from="plan"))
    assert (made.spec.pools, made.spec.labels, made.spec.config_from) == (pools, {"a": "b"}, "plan")
    assert networking.get_network("plan").spec.driver == "null"
    with pytest.raises(NotFound, match='configuration network "nosuch" does not exist'):
        await networking.create_network(NetworkSpec(name="other", config_from="nosuch"))
    with pytest.raises(NotFound, match='configuration network "real" does not exist'):
        await networking.create_network(NetworkSpec(name="other", config_from="real"))
    with pytest.raises(Forbidden, match="user specified configurations are not supported"):
        await networking.create_network(NetworkSpec(name="other", config_from="plan", enable_ipv6=True))


async def test_two_networks_cannot_have_one_bridge() -> None:
    networking = FakeNetworking()
    await networking.start()
    options = {"com.docker.network.bridge.name": "named0"}
    first = await networking.create_network(NetworkSpec(name="one", options=options))
    with pytest.raises(Forbidden) as caught:
        await networking.create_network(NetworkSpec(name="two", options=options))
    assert caught.value.message.endswith(
        f"(named0): conflicts with network {first.id} (named0): networks have same bridge name"
    )
