"""The network port: this host's kernel (in a namespace of its own) and the fake answer the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.ports.network import EndpointSpec, IpamPool, Networking, NetworkSpec, PortRequest
from tests.fakes.networking import FakeNetworking
from tests.integration.network.lab import Lab, private_host
from wire.errors import Conflict, Forbidden, Internal, Invalid, MooringError, NotFound

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture(params=["fake", pytest.param("linux", marks=pytest.mark.root)])
async def networking(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Networking]:
    if request.param == "fake":
        fake = FakeNetworking()
        await fake.start()
        yield fake
        return
    with private_host(tmp_path) as outside:
        lab = Lab(tmp_path, outside)
        await lab.networking.start()
        yield lab.networking
        await lab.close()


def bridge(networking: Networking) -> str:
    return networking.get_network("bridge").id


async def test_three_networks_are_there_from_the_start(networking: Networking) -> None:
    await networking.start()  # safe to repeat
    known = {network.spec.name: network for network in networking.networks()}
    assert {name: network.spec.driver for name, network in known.items()} == {
        "bridge": "bridge",
        "host": "host",
        "none": "null",
    }
    assert known["bridge"].spec.pools[0].gateway == "172.17.0.1"
    for network in known.values():
        with pytest.raises(Forbidden, match="is a pre-defined network and cannot be removed"):
            await networking.remove_network(network.id)


async def test_a_network_is_found_by_id_name_and_prefix(networking: Networking) -> None:
    made = await networking.create_network(NetworkSpec(name="front", labels={"a": "b"}))
    assert made.spec.pools == (IpamPool(subnet="172.18.0.0/16", gateway="172.18.0.1"),)
    assert networking.get_network(made.id) == networking.get_network("front") == networking.get_network(made.id[:9])
    with pytest.raises(Conflict, match="network with name front already exists"):
        await networking.create_network(NetworkSpec(name="front"))
    await networking.remove_network(made.id)
    with pytest.raises(NotFound, match="network front not found"):
        networking.get_network("front")
    with pytest.raises(NotFound):
        await networking.remove_network(made.id)


REFUSALS: list[tuple[NetworkSpec, type[MooringError], str]] = [
    (NetworkSpec(name=""), Invalid, "invalid name: "),
    (NetworkSpec(name="host"), Forbidden, "operation is not permitted on predefined host network "),
    (NetworkSpec(name="n", driver="nosuch"), NotFound, 'plugin "nosuch" not found'),
    (NetworkSpec(name="n", driver="host"), Forbidden, 'only one instance of "host" network is allowed'),
    (NetworkSpec(name="n", ipam_driver="nosuch"), NotFound, 'plugin "nosuch" not found'),
    (NetworkSpec(name="n", ingress=True), Forbidden, "Ingress network can only be global scope network"),
    (
        NetworkSpec(name="n", scope="swarm"),
        Forbidden,
        "cannot create a swarm scoped network when swarm is not active",
    ),
    (
        NetworkSpec(name="n", pools=(IpamPool(subnet="172.17.8.0/24"),)),
        Forbidden,
        "Pool overlaps with other one on this address space",
    ),
    (
        NetworkSpec(name="n", pools=(IpamPool(subnet="10.77.0.0/33"),)),
        Invalid,
        "invalid network config:\ninvalid subnet 10.77.0.0/33: invalid CIDR block notation",
    ),
    (
        NetworkSpec(name="n", pools=(IpamPool(subnet="10.77.0.5/24"),)),
        Invalid,
        "invalid network config:\ninvalid subnet 10.77.0.5/24: it should be 10.77.0.0/24",
    ),
    (
        NetworkSpec(name="n", pools=(IpamPool(subnet="10.78.0.0/24", gateway="10.79.0.1"),)),
        Invalid,
        "invalid network config:\ninvalid gateway 10.79.0.1: parent subnet 10.78.0.0/24 doesn't contain this address",
    ),
    (
        NetworkSpec(name="n", pools=(IpamPool(subnet="10.78.0.0/24", ip_range="10.79.0.0/25"),)),
        Invalid,
        "invalid network config:\ninvalid ip-range 10.79.0.0/25: parent subnet 10.78.0.0/24 doesn't contain ip-range",
    ),
    (
        NetworkSpec(name="n", pools=(IpamPool(subnet="10.78.0.0/24", ip_range="10.78.0.1/25"),)),
        Invalid,
        "invalid network config:\ninvalid ip-range 10.78.0.1/25: it should be 10.78.0.0/25",
    ),
    (
        NetworkSpec(name="n", pools=(IpamPool(subnet="10.78.0.0/24", aux_addresses={"a": "10.79.0.4"}),)),
        Invalid,
        "invalid network config:\ninvalid auxiliary address a: parent subnet 10.78.0.0/24 doesn't contain this address",
    ),
    (
        NetworkSpec(name="n", pools=(IpamPool(subnet="10.78.0.0/24"), IpamPool(subnet="10.81.0.0/24"))),
        Forbidden,
        "bridge driver doesn't support multiple subnets",
    ),
    (
        NetworkSpec(name="n", options={"com.docker.network.bridge.enable_icc": "maybe"}),
        Invalid,
        (
            "failed to parse com.docker.network.bridge.enable_icc value: maybe "
            '(strconv.ParseBool: parsing "maybe": invalid syntax)'
        ),
    ),
    (
        NetworkSpec(name="n", options={"com.docker.network.driver.mtu": "x"}),
        Invalid,
        'failed to parse com.docker.network.driver.mtu value: x (strconv.Atoi: parsing "x": invalid syntax)',
    ),
]


@pytest.mark.parametrize(("spec", "kind", "text"), REFUSALS, ids=[text[-50:] for _, _, text in REFUSALS])
async def test_refusals_have_dockers_words(
    networking: Networking, spec: NetworkSpec, kind: type[MooringError], text: str
) -> None:
    with pytest.raises(kind) as caught:
        await networking.create_network(spec)
    assert caught.value.message == text
    assert len(networking.networks()) == 3


async def test_joining_the_default_bridge(networking: Networking) -> None:
    sandbox = await networking.open_sandbox(ONE)
    assert sandbox.netns_path is not None
    endpoint = await networking.connect(ONE, "web", bridge(networking), EndpointSpec())
    assert (endpoint.ipv4_address, endpoint.ipv4_prefix_len, endpoint.gateway) == ("172.17.0.2", 16, "172.17.0.1")
    assert (endpoint.mac_address, endpoint.interface, endpoint.dns_names) == ("02:42:ac:11:00:02", "eth0", ())
    assert networking.endpoints(bridge(networking)) == [endpoint]
    assert networking.gateway_endpoint(ONE) == endpoint
    with pytest.raises(Forbidden, match="endpoint with name web already exists in network bridge"):
        await networking.connect(ONE, "web", bridge(networking), EndpointSpec())
    await networking.close_sandbox(ONE)
    await networking.close_sandbox(ONE)
    assert networking.endpoints(bridge(networking)) == []
    with pytest.raises(NotFound):
        networking.sandbox(ONE)


async def test_an_address_just_given_back_is_handed_out_again(networking: Networking) -> None:
    await networking.open_sandbox(ONE)
    first = await networking.connect(ONE, "web", bridge(networking), EndpointSpec())
    await networking.close_sandbox(ONE)
    await networking.open_sandbox(TWO)
    second = await networking.connect(TWO, "web", bridge(networking), EndpointSpec())
    assert second.ipv4_address == first.ipv4_address


async def test_a_user_defined_network_gives_names_and_static_addresses(networking: Networking) -> None:
    network = await networking.create_network(
        NetworkSpec(
            name="front",
            pools=(IpamPool(subnet="10.90.0.0/24", ip_range="10.90.0.128/25", aux_addresses={"x": "10.90.0.129"}),),
        )
    )
    await networking.open_sandbox(ONE, hostname="box")
    spec = EndpointSpec(ipv4_address="10.90.0.44", aliases=("www", "web"), mac_address="02:00:00:AA:00:01")
    endpoint = await networking.connect(ONE, "web", network.id, spec)
    assert (endpoint.ipv4_address, endpoint.gateway) == ("10.90.0.44", "10.90.0.128")
    assert endpoint.mac_address == "02:00:00:aa:00:01"
    assert endpoint.dns_names == ("web", "www", ONE[:12], "box")
    await networking.open_sandbox(TWO)
    for taken in ("10.90.0.44", "10.90.0.128"):
        with pytest.raises(Forbidden, match="Address already in use"):
            await networking.connect(TWO, "two", network.id, EndpointSpec(ipv4_address=taken))
    assert (await networking.connect(TWO, "two", network.id, EndpointSpec())).ipv4_address == "10.90.0.130"
    await networking.rename(ONE, "store")
    assert networking.sandbox_endpoints(ONE)[0].dns_names == ("store", "www", "web", ONE[:12], "box")
    with pytest.raises(Forbidden, match="has active endpoints"):
        await networking.remove_network(network.id)


async def test_endpoint_settings_are_checked(networking: Networking) -> None:
    subnet = await networking.create_network(NetworkSpec(name="s", pools=(IpamPool(subnet="10.91.0.0/24"),)))
    chosen = await networking.create_network(NetworkSpec(name="c"))
    pools = (IpamPool(subnet="10.93.0.0/24"), IpamPool(subnet="fd00:93::/64"))
    six = await networking.create_network(NetworkSpec(name="six", enable_ipv6=True, pools=pools))
    default = bridge(networking)
    only_user_subnets = (
        "user specified IP address is supported only when connecting to networks with user configured subnets"
    )
    cases = [
        (
            subnet.id,
            EndpointSpec(ipv4_address="10.92.0.4"),
            "no configured subnet or ip-range contain the IP address 10.92.0.4",
        ),
        (
            subnet.id,
            EndpointSpec(ipv4_address="junk"),
            "* invalid IPv4 address: junk\n* no configured subnet or ip-range contain the IP address junk",
        ),
        (
            six.id,
            EndpointSpec(ipv6_address="10.93.0.4"),
            "* invalid IPv6 address: 10.93.0.4\n* no configured subnet or ip-range contain the IP address 10.93.0.4",
        ),
        (chosen.id, EndpointSpec(ipv4_address="172.18.0.9"), only_user_subnets),
        (
            default,
            EndpointSpec(ipv4_address="172.17.0.44"),
            f"* user specified IP address is supported on user defined networks only\n* {only_user_subnets}",
        ),
        (
            default,
            EndpointSpec(aliases=("q",)),
            "network-scoped alias is supported only for containers in user defined networks",
        ),
    ]  # fmt: skip
    for network_id, spec, text in cases:
        with pytest.raises(Invalid) as caught:
            networking.check_endpoint(network_id, spec)
        assert caught.value.message == f"invalid endpoint settings:\n{text}"
    with pytest.raises(Invalid, match="invalid MAC address junk"):
        networking.check_endpoint(subnet.id, EndpointSpec(mac_address="junk"))


async def test_none_and_host_stand_alone(networking: Networking) -> None:
    none, host = networking.get_network("none"), networking.get_network("host")
    await networking.open_sandbox(ONE)
    endpoint = await networking.connect(ONE, "one", none.id, EndpointSpec())
    assert (endpoint.interface, endpoint.ipv4_address) == ("", "")
    with pytest.raises(Invalid, match=r"one of the networks in private \(none\) mode"):
        await networking.connect(ONE, "one", bridge(networking), EndpointSpec())
    with pytest.raises(Invalid, match="container cannot be disconnected from host network or connected to host"):
        await networking.connect(ONE, "one", host.id, EndpointSpec())
    assert (await networking.open_sandbox(TWO, host=True)).netns_path is None
    await networking.connect(TWO, "two", host.id, EndpointSpec())
    with pytest.raises(Invalid, match="container sharing network namespace with another container or host"):
        await networking.connect(TWO, "two", bridge(networking), EndpointSpec())
    assert await networking.publish(TWO, [PortRequest(container_port=80, protocol="tcp")]) == []


async def test_publishing_is_all_or_none(networking: Networking) -> None:
    await networking.open_sandbox(ONE)
    one = await networking.connect(ONE, "one", bridge(networking), EndpointSpec())
    made = await networking.publish(ONE, [PortRequest(container_port=80, protocol="tcp", host_port_start=18090)])
    assert [(item.host_ip, item.host_port, item.container_port) for item in made] == [
        ("0.0.0.0", 18090, 80),
        ("::", 18090, 80),
    ]
    await networking.open_sandbox(TWO)
    two = await networking.connect(TWO, "two", bridge(networking), EndpointSpec())
    wanted = [
        PortRequest(container_port=81, protocol="tcp", host_port_start=18091),
        PortRequest(container_port=80, protocol="tcp", host_port_start=18090),
    ]
    with pytest.raises(Internal) as caught:
        await networking.publish(TWO, wanted)
    assert caught.value.message == (
        f"driver failed programming external connectivity on endpoint two ({two.id}): "
        "Bind for 0.0.0.0:18090 failed: port is already allocated"
    )
    assert networking.ports(TWO) == []
    in_range = [PortRequest(container_port=80, protocol="tcp", host_port_start=18090, host_port_end=18092)]
    assert {item.host_port for item in await networking.publish(TWO, in_range)} == {18091}
    other_protocol = [PortRequest(container_port=80, protocol="udp", host_port_start=18090)]
    assert len(await networking.publish(TWO, other_protocol)) == 2
    any_port = await networking.publish(TWO, [PortRequest(container_port=82, protocol="tcp", host_ip="127.0.0.1")])
    assert [item.host_ip for item in any_port] == ["127.0.0.1"]
    assert any_port[0].host_port >= 32768
    await networking.close_sandbox(ONE)
    assert await networking.publish(TWO, [PortRequest(container_port=1, protocol="tcp", host_port_start=18090)])
    assert one.id != two.id


async def test_the_default_route_goes_by_priority_and_never_by_an_internal_network(networking: Networking) -> None:
    inner = await networking.create_network(NetworkSpec(name="a-inner", internal=True))
    first = await networking.create_network(NetworkSpec(name="b-first"))
    second = await networking.create_network(NetworkSpec(name="c-second"))
    await networking.open_sandbox(ONE)
    joined = await networking.connect(ONE, "one", inner.id, EndpointSpec())
    assert (joined.gateway, networking.gateway_endpoint(ONE)) == ("", None)
    await networking.connect(ONE, "one", second.id, EndpointSpec())
    await networking.connect(ONE, "one", first.id, EndpointSpec())
    gateway = networking.gateway_endpoint(ONE)
    assert gateway is not None
    assert gateway.network_name == "b-first"
    await networking.disconnect(ONE, second.id)
    await networking.disconnect(ONE, second.id)
    await networking.connect(ONE, "one", second.id, EndpointSpec(gw_priority=1))
    gateway = networking.gateway_endpoint(ONE)
    assert gateway is not None
    assert gateway.network_name == "c-second"
    assert [item.interface for item in networking.sandbox_endpoints(ONE)] == ["eth0", "eth2", "eth3"]
