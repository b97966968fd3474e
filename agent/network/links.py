"""Links, addresses, routes and neighbours: rtnetlink requests as values, and the few questions we ask.

Traps kept in mind: the far end of a veth cannot be made already up; its index in the other namespace is the kernel's
choice and has to be looked up; a bridge takes the lowest MAC of its ports unless it was given one.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from agent.network.ipam import Subnet
from agent.network.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Message,
    NetlinkSocket,
    attribute,
    iter_attributes,
    nested,
    text,
)

__all__ = [
    "Link", "add_address", "add_bridge", "add_default_route", "add_macvlan", "add_veth", "delete_link", "find_link",
    "iter_links", "local_addresses", "loopback_up", "routed_subnets", "set_link", "set_port",
    "silence_port",
]  # fmt: skip

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _GETADDR = 20, 22
_NEWROUTE, _GETROUTE = 24, 26

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER, _IFLA_TXQLEN = 1, 3, 4, 5, 10, 13
_IFLA_PROTINFO, _IFLA_LINKINFO, _IFLA_IFALIAS, _IFLA_NET_NS_FD = 12, 18, 20, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_VETH_INFO_PEER = 1
_IFLA_MACVLAN_MODE = 1
_IFLA_BRPORT_STATE, _IFLA_BRPORT_MODE, _IFLA_BRPORT_FLUSH, _IFLA_BRPORT_ISOLATED = 1, 4, 24, 33
_BR_STATE_DISABLED = 0
_MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}

_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST = 1, 2, 4
_IFA_F_NODAD = 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_TABLE = 1, 4, 5, 15
_RT_TABLE_MAIN, _RTPROT_BOOT, _RTN_UNICAST = 254, 3, 1
_SCOPE_UNIVERSE = 0

_IFF_UP: Final = 1
_IFINFO = struct.Struct("=BxHiII")  # family, type, index, flags, change
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=BBBBBBBBI")


@dataclass(frozen=True, slots=True)
class Link:
    """An interface of the namespace that was asked. `kind` is `bridge`, `veth`, … or empty."""

    index: int
    name: str
    kind: str
    alias: str
    master: int
    mac_address: str


def _u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def _mac(kind: int, address: str) -> bytes:
    return attribute(kind, bytes.fromhex(address.replace(":", "").replace("-", "")))


def _packed(address: str) -> bytes:
    return ip_address(address).packed


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def add_bridge(name: str, *, mac_address: str, mtu: int) -> Message:
    """A bridge that is up. EEXIST when the name is taken."""
    payload = (
        _IFINFO.pack(0, 0, 0, _IFF_UP, _IFF_UP)
        + text(_IFLA_IFNAME, name)
        + _mac(_IFLA_ADDRESS, mac_address)
        + _u32(_IFLA_MTU, mtu)
        + nested(_IFLA_LINKINFO, attribute(_IFLA_INFO_KIND, b"bridge"))
    )
    return Message(_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, payload, f"add bridge {name}")


def add_veth(name: str, *, master: int, mtu: int, peer_name: str, peer_netns_fd: int, peer_mac_address: str) -> Message:
    """A veth pair: our end up and on bridge `master`, the other made straight inside the namespace, down."""
    peer = (
        _IFINFO.pack(0, 0, 0, 0, 0)
        + text(_IFLA_IFNAME, peer_name)
        + _mac(_IFLA_ADDRESS, peer_mac_address)
        + _u32(_IFLA_MTU, mtu)
        + _u32(_IFLA_TXQLEN, 0)
        + _u32(_IFLA_NET_NS_FD, peer_netns_fd)
    )
    payload = (
        _IFINFO.pack(0, 0, 0, _IFF_UP, _IFF_UP)
        + text(_IFLA_IFNAME, name)
        + _u32(_IFLA_MTU, mtu)
        + _u32(_IFLA_TXQLEN, 0)
        + _u32(_IFLA_MASTER, master)
        + nested(
            _IFLA_LINKINFO,
            attribute(_IFLA_INFO_KIND, b"veth"),
            nested(_IFLA_INFO_DATA, attribute(_VETH_INFO_PEER, peer)),
        )
    )
    return Message(_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, payload, f"add veth {name}")


def add_macvlan(name: str, *, parent: int, mode: str, mtu: int, netns_fd: int, mac_address: str) -> Message:
    """A macvlan on `parent`, made straight inside the namespace, down."""
    payload = (
        _IFINFO.pack(0, 0, 0, 0, 0)
        + text(_IFLA_IFNAME, name)
        + _mac(_IFLA_ADDRESS, mac_address)
        + (_u32(_IFLA_MTU, mtu) if mtu else b"")
        + _u32(_IFLA_LINK, parent)
        + _u32(_IFLA_NET_NS_FD, netns_fd)
        + nested(
            _IFLA_LINKINFO,
            attribute(_IFLA_INFO_KIND, b"macvlan"),
            nested(_IFLA_INFO_DATA, _u32(_IFLA_MACVLAN_MODE, _MACVLAN_MODES[mode])),
        )
    )
    return Message(_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, payload, f"add macvlan {name}")


def set_link(index: int, *, up: bool | None = None, alias: str | None = None, mtu: int | None = None) -> Message:
    """Change a link."""
    payload = _IFINFO.pack(0, 0, index, _IFF_UP if up else 0, 0 if up is None else _IFF_UP)
    if alias is not None:
        payload += attribute(_IFLA_IFALIAS, alias.encode())
    if mtu is not None:
        payload += _u32(_IFLA_MTU, mtu)
    return Message(_NEWLINK, 0, payload, f"set link {index}")


def set_port(index: int, *, hairpin: bool | None = None, isolated: bool | None = None) -> Message:
    """Change a bridge port: send frames back to where they came from; keep it apart from other isolated ports."""
    flags = [
        attribute(kind, bytes([value]))
        for kind, value in ((_IFLA_BRPORT_MODE, hairpin), (_IFLA_BRPORT_ISOLATED, isolated))
        if value is not None
    ]
    payload = _IFINFO.pack(socket.AF_BRIDGE, 0, index, 0, 0) + nested(_IFLA_PROTINFO, *flags)
    return Message(_SETLINK, 0, payload, f"set bridge port {index}")


def silence_port(index: int) -> Message:
    """Let a bridge port carry nothing any more, and forget what was learnt of it. Unlike deleting it this takes no
    time. EBUSY when the bridge runs a spanning tree, which decides by itself."""
    port = nested(
        _IFLA_PROTINFO, attribute(_IFLA_BRPORT_STATE, bytes([_BR_STATE_DISABLED])), attribute(_IFLA_BRPORT_FLUSH, b"")
    )
    return Message(_SETLINK, 0, _IFINFO.pack(socket.AF_BRIDGE, 0, index, 0, 0) + port, f"silence bridge port {index}")


def delete_link(index: int, name: str = "") -> Message:
    """Delete a link; takes 15 to 40 ms of somebody's time, so never on the way of a container's stop."""
    return Message(_DELLINK, 0, _IFINFO.pack(0, 0, index, 0, 0), f"delete link {name or index}")


def loopback_up() -> Message:
    """Every namespace's first link is its loopback."""
    return set_link(1, up=True)


def add_address(index: int, address: str, prefix_len: int) -> Message:
    """Give a link an address. IPv6 ones without duplicate address detection: we hand them out, they are unique."""
    ip = ip_address(address)
    attributes = attribute(_IFA_LOCAL, ip.packed) + attribute(_IFA_ADDRESS, ip.packed)
    flags = 0
    if ip.version == 4:
        attributes += attribute(
            _IFA_BROADCAST, IPv4Network((address, prefix_len), strict=False).broadcast_address.packed
        )
    else:
        flags = _IFA_F_NODAD
    payload = _IFADDR.pack(_family(ip.version), prefix_len, flags, _SCOPE_UNIVERSE, index) + attributes
    return Message(_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, payload, f"add address {address}/{prefix_len}")


def add_default_route(version: int, index: int, *, gateway: str) -> Message:
    """Set the default route, replacing another."""
    payload = _RTMSG.pack(_family(version), 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, _SCOPE_UNIVERSE, _RTN_UNICAST, 0)
    payload += attribute(_RTA_GATEWAY, _packed(gateway)) + _u32(_RTA_OIF, index)
    return Message(_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, payload, f"default route via {gateway}")


def _parse_link(payload: bytes) -> Link:
    index = _IFINFO.unpack_from(payload)[2]
    name = kind = alias = mac = ""
    master = 0
    for number, value in iter_attributes(memoryview(payload)[_IFINFO.size :]):
        if number == _IFLA_IFNAME:
            name = bytes(value).rstrip(b"\0").decode()
        elif number == _IFLA_IFALIAS:
            alias = bytes(value).rstrip(b"\0").decode(errors="replace")
        elif number == _IFLA_MASTER:
            master = struct.unpack("=I", value)[0]
        elif number == _IFLA_ADDRESS:
            mac = bytes(value).hex(":")
        elif number == _IFLA_LINKINFO:
            for inner, word in iter_attributes(value):
                if inner == _IFLA_INFO_KIND:
                    kind = bytes(word).rstrip(b"\0").decode()
    return Link(index, name, kind, alias, master, mac)


def find_link(netlink: NetlinkSocket, name: str) -> Link | None:
    """Return the link of this name, None when there is none."""
    request = Message(_GETLINK, 0, _IFINFO.pack(0, 0, 0, 0, 0) + text(_IFLA_IFNAME, name), f"find link {name}")
    try:
        answers = netlink.ask(request)
    except OSError as error:
        if error.errno == errno.ENODEV:
            return None
        raise
    return _parse_link(answers[0][1]) if answers else None


def iter_links(netlink: NetlinkSocket) -> list[Link]:
    """Every link of the namespace."""
    request = Message(_GETLINK, NLM_F_DUMP, _IFINFO.pack(0, 0, 0, 0, 0), "list links")
    return [_parse_link(payload) for kind, payload in netlink.ask(request) if kind == _NEWLINK]


def local_addresses(netlink: NetlinkSocket) -> set[str]:
    """Every address of the namespace's own links."""
    found: set[str] = set()
    for version in (4, 6):
        payload = _IFADDR.pack(_family(version), 0, 0, 0, 0)
        for _, answer in netlink.ask(Message(_GETADDR, NLM_F_DUMP, payload, "list addresses")):
            attributes = {number: bytes(value) for number, value in iter_attributes(answer[_IFADDR.size :])}
            raw = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS, b""))
            if raw:
                found.add(str(ip_address(raw)))
    return found


def routed_subnets(netlink: NetlinkSocket, *, except_links: frozenset[int] = frozenset()) -> list[Subnet]:
    """Every destination of the main tables but default routes and single addresses; what a new subnet must avoid."""
    found: list[Subnet] = []
    for version in (4, 6):
        payload = _RTMSG.pack(_family(version), 0, 0, 0, 0, 0, 0, 0, 0)
        for _, answer in netlink.ask(Message(_GETROUTE, NLM_F_DUMP, payload, "list routes")):
            _, prefix, _, _, table, _, _, kind, _ = _RTMSG.unpack_from(answer)
            attributes = {number: bytes(value) for number, value in iter_attributes(answer[_RTMSG.size :])}
            out = struct.unpack("=I", attributes[_RTA_OIF])[0] if _RTA_OIF in attributes else 0
            if kind != _RTN_UNICAST or table != _RT_TABLE_MAIN or not prefix or _RTA_DST not in attributes:
                continue
            if out in except_links:
                continue
            base = attributes[_RTA_DST]
            found.append(IPv4Network((base, prefix)) if version == 4 else IPv6Network((base, prefix)))
    return found
