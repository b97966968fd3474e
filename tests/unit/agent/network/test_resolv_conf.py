"""What a container's resolv.conf says, given the host's."""

from __future__ import annotations

from agent.network.resolv_conf import ResolvConf, legacy, resolved_here

HOST = ResolvConf.parse(
    "# made by hand\ndomain old.example\nsearch a.example b.example\nnameserver 127.0.0.53\nnameserver 192.0.2.53\n"
    "nameserver fe80::1%eth0\nnameserver nonsense\noptions edns0 timeout:2\n"
)


def test_the_last_search_line_counts_and_servers_are_addresses() -> None:
    assert HOST.servers == ("127.0.0.53", "192.0.2.53", "fe80::1%eth0")
    assert HOST.search == ("a.example", "b.example")
    assert HOST.options == ("edns0", "timeout:2")


def test_a_container_without_our_resolver_gets_only_servers_it_can_reach() -> None:
    assert legacy(HOST, own_servers=False, ipv6=False).servers == ("192.0.2.53",)
    assert legacy(HOST, own_servers=False, ipv6=True).servers == ("192.0.2.53", "fe80::1%eth0")


def test_public_servers_stand_in_when_none_is_left() -> None:
    only_stub = ResolvConf(servers=("127.0.0.53", "::1"))
    assert legacy(only_stub, own_servers=False, ipv6=False).servers == ("8.8.8.8", "8.8.4.4")


def test_servers_of_the_container_stay_as_they_are() -> None:
    own = HOST.replaced(["127.0.0.1"], [], [])
    assert legacy(own, own_servers=True, ipv6=False).servers == ("127.0.0.1",)
    assert own.search == HOST.search


def test_with_our_resolver_ndots_is_zero_unless_it_was_given() -> None:
    assert resolved_here(HOST).text().splitlines()[2:] == [
        "nameserver 127.0.0.11",
        "search a.example b.example",
        "options edns0 timeout:2 ndots:0",
    ]
    given = HOST.replaced([], ["."], ["ndots:2"])
    assert resolved_here(given).text().splitlines()[2:] == ["nameserver 127.0.0.11", "options ndots:2"]
