"""Which host ports are given: Docker's order, Docker's words, nothing left behind by a refusal."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from agent.network.publishing import HostPorts
from agent.ports.network import PortRequest
from wire.errors import Internal, Invalid

LOOPBACK = "127.0.0.1"


@pytest.fixture
def ports() -> HostPorts:
    return HostPorts()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of the loopback address that another program listens on."""
    with socket.create_server((LOOPBACK, 0)) as other:
        yield other.getsockname()[1]


def _request(start: int = 0, end: int = 0, protocol: str = "tcp", ip: str = LOOPBACK) -> PortRequest:
    return PortRequest(
        container_port=80, protocol=protocol, host_ip=ip, host_port_start=start, host_port_end=end or start
    )


def test_a_port_of_another_program_is_refused_in_the_words_of_a_failed_bind(ports: HostPorts, taken: int) -> None:
    with pytest.raises(Internal) as caught:
        ports.take(_request(taken))
    assert caught.value.message == (
        f"Error starting userland proxy: listen tcp4 127.0.0.1:{taken}: bind: address already in use"
    )
    made = ports.take(_request(taken, taken + 20))  # a range goes on to the next
    assert made[0].binding.host_port > taken
    ports.give_back(made)


def test_an_address_that_is_not_ours_is_not_tried_again(ports: HostPorts) -> None:
    with pytest.raises(Internal, match=r"listen tcp4 192\.0\.2\.200:18080: bind: cannot assign requested address"):
        ports.take(_request(18080, ip="192.0.2.200"))
    with pytest.raises(Internal, match="cannot assign requested address"):
        ports.take(_request(ip="192.0.2.200"))


def test_our_own_ports_are_known_by_address_and_protocol(ports: HostPorts, taken: int) -> None:
    made = ports.take(_request(taken, protocol="udp"))
    with pytest.raises(Internal, match=f"Bind for 127.0.0.1:{taken} failed: port is already allocated"):
        ports.take(_request(taken, protocol="udp"))
    ports.give_back(made)
    ports.give_back(made)
    ports.give_back(ports.take(_request(taken, protocol="udp")))


def test_any_port_means_the_next_of_the_ephemeral_range(ports: HostPorts) -> None:
    first = ports.take(_request())
    second = ports.take(_request())
    assert first[0].binding.host_port >= 32768
    assert second[0].binding.host_port > first[0].binding.host_port
    ports.give_back(first)
    third = ports.take(_request())
    assert third[0].binding.host_port > second[0].binding.host_port  # not the one just given back
    ports.give_back([*second, *third])


def test_every_address_means_both_families_under_one_number_or_none(ports: HostPorts) -> None:
    made = ports.take(_request(ip=""))
    number = made[0].binding.host_port
    assert [(item.binding.host_ip, item.binding.host_port) for item in made] == [("0.0.0.0", number), ("::", number)]
    ports.give_back(made)
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("::", number))
        other.listen()
        with pytest.raises(Internal, match=rf"listen tcp6 \[::\]:{number}: bind: address already in use"):
            ports.take(_request(number, ip=""))
        ports.give_back(ports.take(_request(number, ip="0.0.0.0")))  # nothing of the refused pair is left


def test_what_is_no_address_means_every_address_and_an_unknown_protocol_is_invalid(ports: HostPorts) -> None:
    made = ports.take(_request(ip="junk"))
    assert made[0].binding.host_ip == "0.0.0.0"
    ports.give_back(made)
    only = ports.take(_request(ip=""), default_ip=LOOPBACK)
    assert [item.binding.host_ip for item in only] == [LOOPBACK]
    ports.give_back(only)
    with pytest.raises(Invalid, match="invalid proto: icmp"):
        ports.take(_request(protocol="icmp"))
