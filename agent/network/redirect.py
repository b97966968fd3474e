"""The two rules of a container's namespace that bring port 53 of the resolver's address to where we listen.

Written as raw nf_tables messages: libnftables waits with `select(2)`, which aborts the whole process when the socket it
opens gets a number of 1024 or more, and with a thousand containers every new one does. As text:

    table ip mooring_dns {
        chain output {
            type nat hook output priority -100;
            ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:PORT
            ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:PORT
        }
    }
"""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address
from typing import Final

from agent.network.netlink import (
    NETLINK_NETFILTER,
    NLM_F_CREATE,
    Message,
    NetlinkSocket,
    attribute,
    nested,
    text,
)

__all__ = ["redirect_port"]

_TABLE: Final = "mooring_dns"
_CHAIN: Final = "output"

_NFTABLES: Final = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE = ((_NFTABLES << 8) | number for number in (0, 2, 3, 6))
_NLM_F_APPEND: Final = 0x800
_LOCAL_OUT: Final = 3
_DSTNAT_PRIORITY: Final = -100
_REGISTER_1, _REGISTER_2 = 1, 2
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_META_L4PROTO: Final = 16
_DNAT: Final = 1

_HEAD = struct.pack("=BBH", socket.AF_INET, 0, 0)


def _u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!I", value & 0xFFFFFFFF))


def _expression(name: str, *attributes: bytes) -> bytes:
    return nested(1, text(1, name), nested(2, *attributes))


def _load(base: int, offset: int, length: int) -> bytes:
    return _expression("payload", _u32(1, _REGISTER_1), _u32(2, base), _u32(3, offset), _u32(4, length))


def _equals(value: bytes) -> bytes:
    return _expression("cmp", _u32(1, _REGISTER_1), _u32(2, 0), nested(3, attribute(1, value)))


def _immediate(register: int, value: bytes) -> bytes:
    return _expression("immediate", _u32(1, register), nested(2, attribute(1, value)))


def _rule(address: bytes, protocol: int, port: int) -> Message:
    expressions = (
        _load(_NETWORK_HEADER, 16, 4),
        _equals(address),
        _expression("meta", _u32(1, _REGISTER_1), _u32(2, _META_L4PROTO)),
        _equals(bytes([protocol])),
        _load(_TRANSPORT_HEADER, 2, 2),
        _equals(struct.pack("!H", 53)),
        _immediate(_REGISTER_1, address),
        _immediate(_REGISTER_2, struct.pack("!H", port)),
        _expression(
            "nat",
            _u32(1, _DNAT),
            _u32(2, socket.AF_INET),
            _u32(3, _REGISTER_1),
            _u32(5, _REGISTER_2),
        ),
    )
    payload = _HEAD + text(1, _TABLE) + text(2, _CHAIN) + nested(4, *expressions)
    return Message(_NEWRULE, NLM_F_CREATE | _NLM_F_APPEND, payload, "add resolver rule")


def redirect_port(address: str, port: int, *, replace: bool) -> None:
    """Redirect port 53 of `address`, UDP and TCP, to `port`, in the namespace the thread is in.

    `replace` rules of an earlier agent; without it they must not be there. A deletion makes closing the socket wait 10
    to 20 ms for the kernel, so it is only asked for when needed.
    """
    packed = IPv4Address(address).packed
    table = _HEAD + text(1, _TABLE)
    hook = nested(4, _u32(1, _LOCAL_OUT), _u32(2, _DSTNAT_PRIORITY))
    chain = _HEAD + text(1, _TABLE) + text(3, _CHAIN) + hook + _u32(5, 1) + text(7, "nat")
    messages = [
        Message(_NEWTABLE, NLM_F_CREATE, table, "add resolver table"),
        Message(_NEWCHAIN, NLM_F_CREATE, chain, "add resolver chain"),
        _rule(packed, socket.IPPROTO_UDP, port),
        _rule(packed, socket.IPPROTO_TCP, port),
    ]
    if replace:
        messages[:0] = [messages[0], Message(_DELTABLE, 0, table, "delete resolver table")]
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        netlink.batch(_NFTABLES, *messages)
