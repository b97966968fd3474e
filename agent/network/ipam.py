"""Addresses: which subnet a network gets, and which address an endpoint gets. Pure values, no I/O.

As Docker we hand out the lowest free address, also one that was given back a moment ago, and the default subnets in
turn: one that was given back comes again only after the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from wire.errors import Forbidden, NotFound

__all__ = [
    "DEFAULT_POOLS", "Address", "AddressPool", "DefaultSubnets", "Subnet", "choose_subnet6", "parse_address",
    "parse_subnet",
]  # fmt: skip

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network

DEFAULT_POOLS: tuple[tuple[str, int], ...] = (
    *((f"172.{second}.0.0/16", 16) for second in range(17, 32)),
    ("192.168.0.0/16", 20),
)


class AddressPool:
    """The addresses of one subnet of one network. Not thread-safe: used on the event loop only."""

    def __init__(self, subnet: Subnet, *, ip_range: Subnet | None = None, reserved: Iterable[Address] = ()) -> None:
        self.subnet = subnet
        self._range = ip_range or subnet
        self._taken: set[int] = {int(address) for address in reserved}
        if subnet.num_addresses > 2:
            self._taken.add(int(subnet.network_address))
            if subnet.version == 4:
                self._taken.add(int(subnet.broadcast_address))

    def _address(self, number: int) -> Address:
        return IPv4Address(number) if self.subnet.version == 4 else IPv6Address(number)

    def __contains__(self, address: Address) -> bool:
        """Whether the address is taken."""
        return int(address) in self._taken

    def take(self, *, network: str = "") -> Address:
        """Return the lowest free address. Forbidden with Docker's text (naming `network`) when there is none."""
        first, last = int(self._range.network_address), int(self._range.broadcast_address)
        number = first
        while number <= last:
            if number not in self._taken:
                self._taken.add(number)
                return self._address(number)
            number += 1
        raise Forbidden(f"no available IPv{self.subnet.version} addresses on this network's address pools: {network}")

    def take_this(self, address: Address) -> None:
        """Reserve one address. Forbidden: `Address already in use`, or that none at all is free."""
        number = int(address)
        if len(self._taken) >= self.subnet.num_addresses:
            raise Forbidden("no available addresses on this pool")
        if address not in self.subnet or number in self._taken:
            raise Forbidden("Address already in use")
        self._taken.add(number)

    def give_back(self, address: Address) -> None:
        """Free an address; safe to repeat."""
        self._taken.discard(int(address))


def _overlaps(candidate: Subnet, used: Iterable[Subnet]) -> bool:
    return any(other.version == candidate.version and candidate.overlaps(other) for other in used)


class DefaultSubnets:
    """The subnets for networks that ask for none, handed out in turn. Not kept: an agent starts with the first again.

    As in Docker the turn begins anew when a search ends at the last subnet.
    """

    def __init__(self, pools: Iterable[tuple[str, int]] = DEFAULT_POOLS) -> None:
        self._subnets = [subnet for base, size in pools for subnet in IPv4Network(base).subnets(new_prefix=size)]
        self._next = 0

    def choose(self, used: Iterable[Subnet]) -> IPv4Network:
        """Return the next subnet that overlaps nothing in `used`. NotFound with Docker's text when there is none."""
        taken = list(used)
        for step in range(len(self._subnets)):
            candidate = self._subnets[(self._next + step) % len(self._subnets)]
            if not _overlaps(candidate, taken):
                after = self._next + step + 1
                self._next = after if after < len(self._subnets) else 0
                return candidate
        raise NotFound(
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"
        )


def choose_subnet6(used: Iterable[Subnet], seed: str) -> IPv6Network:
    """Return a free /64 of the unique local /48 (RFC 4193) that `seed` stands for, as Docker does since 27."""
    digest = hashlib.sha256(seed.encode()).digest()[:5]
    prefix = int.from_bytes(b"\xfd" + digest + bytes(10))
    taken = list(used)
    for index in range(1 << 16):
        candidate = IPv6Network((prefix + (index << 64), 64))
        if not _overlaps(candidate, taken):
            return candidate
    raise NotFound(
        "could not find an available, non-overlapping IPv6 address pool among the defaults to assign to the network"
    )


def parse_address(text: str) -> Address | None:
    """Return the address that `text` is, or None."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def parse_subnet(text: str) -> Subnet | None:
    """Return the subnet of `text` in CIDR notation with host bits masked, or None."""
    if "/" not in text:
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
