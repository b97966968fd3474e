"""Which address, which subnet."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from agent.network import ipam
from wire.errors import Forbidden, NotFound


def test_the_lowest_free_address_is_taken_also_when_it_was_just_given_back() -> None:
    pool = ipam.AddressPool(ip_network("10.0.0.0/29"), reserved=[ip_address("10.0.0.1")])
    assert [str(pool.take()) for _ in range(3)] == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    pool.give_back(ip_address("10.0.0.3"))
    pool.give_back(ip_address("10.0.0.3"))
    assert [str(pool.take()) for _ in range(3)] == ["10.0.0.3", "10.0.0.5", "10.0.0.6"]
    with pytest.raises(Forbidden, match="no available IPv4 addresses on this network's address pools: web"):
        pool.take(network="web")


def test_a_range_bounds_what_is_chosen_but_not_what_is_asked_for() -> None:
    pool = ipam.AddressPool(ip_network("10.0.0.0/24"), ip_range=ip_network("10.0.0.254/31"))
    assert str(pool.take()) == "10.0.0.254"
    with pytest.raises(Forbidden):  # .255 is the broadcast address
        pool.take()
    pool.take_this(ip_address("10.0.0.9"))
    with pytest.raises(Forbidden, match="Address already in use"):
        pool.take_this(ip_address("10.0.0.9"))


def test_subnets_avoid_what_the_host_routes() -> None:
    used = [ip_network("172.16.0.0/14"), ip_network("172.20.5.0/24"), ip_network("fd00::/8")]
    assert str(ipam.DefaultSubnets().choose(used)) == "172.21.0.0/16"
    with pytest.raises(NotFound, match="could not find an available, non-overlapping IPv4 address pool"):
        ipam.DefaultSubnets().choose([ip_network("172.0.0.0/8"), ip_network("192.168.0.0/16")])
    assert str(ipam.DefaultSubnets().choose([ip_network("172.0.0.0/8")])) == "192.168.0.0/20"


def test_a_subnet_that_was_given_back_comes_again_after_the_others() -> None:
    subnets = ipam.DefaultSubnets((("172.17.0.0/16", 16), ("192.168.0.0/18", 20)))
    assert [str(subnets.choose([])) for _ in range(2)] == ["172.17.0.0/16", "192.168.0.0/20"]
    assert str(subnets.choose([ip_network("192.168.16.0/20")])) == "192.168.32.0/20"
    assert [str(subnets.choose([])) for _ in range(2)] == ["192.168.48.0/20", "172.17.0.0/16"]


def test_ipv6_subnets_are_unique_local_and_belong_to_the_agent() -> None:
    first = ipam.choose_subnet6([], "one")
    assert str(first).startswith("fd")
    assert ipam.choose_subnet6([first], "one") != first
    assert ipam.choose_subnet6([], "two") != first
