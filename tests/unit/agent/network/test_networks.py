"""Networks as they are kept: read back as they were, and configuration-only ones."""

from __future__ import annotations

import pytest

from agent.network import definition as definitions
from agent.network.ipam import DefaultSubnets
from agent.network.networks import Networks
from agent.ports.network import IpamPool, NetworkSpec
from tests.fakes.networking import FakeNetworking
from tests.fakes.store import MemoryStore
from wire.errors import Forbidden, Internal, Invalid, NotFound


async def test_a_network_is_read_back_as_it_was() -> None:
    store = MemoryStore()
    networks = Networks(store, prefix="mot")
    spec = NetworkSpec(name="front", enable_ipv6=True, labels={"a": "b"}, options={"x": "y"})
    made = definitions.resolve_pools(
        networks.propose(spec), networks=[], host_subnets=[], defaults=DefaultSubnets(), seed="t"
    )
    await networks.keep(made)
    again = Networks(store, prefix="mot")
    assert again.all() == [made]
    pool = again.pool(made.id, 4)
    assert pool is not None
    assert str(pool.take()) == "172.17.0.2"  # the gateway stays reserved


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


async def test_a_macvlan_has_its_parent_alone() -> None:
    networking = FakeNetworking()
    first = await networking.create_network(NetworkSpec(name="one", driver="macvlan", options={"parent": "p0"}))
    with pytest.raises(Internal) as caught:
        await networking.create_network(NetworkSpec(name="two", driver="macvlan", options={"parent": "p0"}))
    assert caught.value.message == f"network dm-{first.id[:12]} is already using parent interface p0"
    await networking.create_network(NetworkSpec(name="two", driver="macvlan", options={"parent": "p1"}))


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


async def test_a_refused_network_has_had_its_turn_of_the_default_subnets() -> None:
    networking = FakeNetworking()
    await networking.start()
    with pytest.raises(Invalid, match=r"failed to parse com\.docker\.network\.driver\.mtu value: x"):
        await networking.create_network(NetworkSpec(name="bad", options={"com.docker.network.driver.mtu": "x"}))
    made = await networking.create_network(NetworkSpec(name="good"))
    assert made.spec.pools == (IpamPool(subnet="172.19.0.0/16", gateway="172.19.0.1"),)


@pytest.mark.parametrize(
    ("gateway", "aux", "refusal"),
    [
        ("10.9.0.0", {}, "failed to allocate gateway (10.9.0.0): Address already in use"),
        ("10.9.0.255", {}, "failed to allocate gateway (10.9.0.255): Address already in use"),
        ("10.9.0.1", {"a": "10.9.0.1"}, "failed to allocate secondary ip address (a:10.9.0.1): Address already in use"),
        ("", {"a": "10.9.0.1"}, "failed to allocate secondary ip address (a:10.9.0.1): Address already in use"),
    ],
)
async def test_addresses_that_cannot_be_set_aside(gateway: str, aux: dict[str, str], refusal: str) -> None:
    networking = FakeNetworking()
    pools = (IpamPool(subnet="10.9.0.0/24", gateway=gateway, aux_addresses=aux),)
    with pytest.raises(Internal) as caught:
        await networking.create_network(NetworkSpec(name="n", pools=pools))
    assert caught.value.message == refusal
