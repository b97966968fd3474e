"""Which address, which subnet."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from agent.network import ipam
from wire.errors import Forbidden, NotFound


def test_the_lowest_free_address_is_taken_but_not_one_just_given_back() -> None:
    pool = ipam.AddressPool(ip_network("10.0.0.0/29"), reserved=[ip_address("10.0.0.1")])
    assert [str(pool.take(0)) for _ in range(2)] == ["10.0.0.2", "10.0.0.3"]
    pool.give_back(ip_address("10.0.0.2"), 10)
    pool.give_back(ip_address("10.0.0.2"), 10)
    assert str(pool.take(10.1)) == "10.0.0.4"
    assert str(pool.take(10.1 + ipam.HOLD_OFF_S)) == "10.0.0.2"


def test_an_address_just_given_back_is_used_when_nothing_else_is_left() -> None:
    pool = ipam.AddressPool(ip_network("10.0.0.0/29"))
    taken = [pool.take(0) for _ in range(6)]
    with pytest.raises(Forbidden, match="no available IPv4 addresses on this network's address pools: web"):
        pool.take(0, network="web")
    pool.give_back(taken[4], 1)
    pool.give_back(taken[2], 2)
    assert [pool.take(2), pool.take(2)] == [taken[4], taken[2]]


def test_a_range_bounds_what_is_chosen_but_not_what_is_asked_for() -> None:
    pool = ipam.AddressPool(ip_network("10.0.0.0/24"), ip_range=ip_network("10.0.0.254/31"))
    assert str(pool.take(0)) == "10.0.0.254"
    with pytest.raises(Forbidden):  # .255 is the broadcast address
        pool.take(0)
    pool.take_this(ip_address("10.0.0.9"))
    with pytest.raises(Forbidden, match="Address already in use"):
        pool.take_this(ip_address("10.0.0.9"))


def test_subnets_avoid_what_the_host_routes() -> None:
    used = [ip_network("172.16.0.0/14"), ip_network("172.20.5.0/24"), ip_network("fd00::/8")]
    assert str(ipam.choose_subnet4(used)) == "172.21.0.0/16"
    with pytest.raises(NotFound, match="could not find an available, non-overlapping IPv4 address pool"):
        ipam.choose_subnet4([ip_network("172.0.0.0/8"), ip_network("192.168.0.0/16")])
    assert str(ipam.choose_subnet4([ip_network("172.0.0.0/8")])) == "192.168.0.0/20"


def test_ipv6_subnets_are_unique_local_and_belong_to_the_agent() -> None:
    first = ipam.choose_subnet6([], "one")
    assert str(first).startswith("fd")
    assert ipam.choose_subnet6([first], "one") != first
    assert ipam.choose_subnet6([], "two") != first
