"""Forget UDP flows whose translation has changed.

A UDP flow lives in connection tracking as long as datagrams come, so a client that keeps its socket would go on to
reach a container that no longer has the port. The entries are found in a dump that the kernel filters (Linux 5.8;
older ones send all) and deleted by their tuple. TCP needs none of this: its peers reset.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from agent.network.netlink import (
    NETLINK_NETFILTER,
    NLM_F_DUMP,
    Message,
    NetlinkSocket,
    attribute,
    iter_attributes,
    nested,
)

__all__ = ["Flow", "forget_udp_flows"]

_CTNETLINK: Final = 1 << 8
_GET, _DELETE = 1, 2
_CTA_TUPLE_ORIG, _CTA_TUPLE_REPLY, _CTA_ID, _CTA_FILTER = 1, 2, 12, 25
_CTA_TUPLE_IP, _CTA_TUPLE_PROTO = 1, 2
_CTA_IP_SRC = {1: 4, 3: 6}
_CTA_IP_DST = {2: 4, 4: 6}
_CTA_PROTO_NUM, _CTA_PROTO_SRC_PORT, _CTA_PROTO_DST_PORT = 1, 2, 3
_CTA_FILTER_ORIG_FLAGS = 1
_FILTER_PROTO_NUM, _FILTER_PROTO_DST_PORT = 1 << 3, 1 << 5
_UDP: Final = 17


@dataclass(frozen=True, slots=True)
class Flow:
    """One entry: what the first packet said, and who answers."""

    protocol: int
    source: str
    source_port: int
    destination: str
    destination_port: int
    answered_by: str
    answered_port: int
    tuple_attribute: bytes


def _nfgen(family: int) -> bytes:
    return struct.pack("=BBH", family, 0, 0)


def _parse_tuple(payload: memoryview) -> tuple[str, str, int, int, int]:
    source = destination = ""
    protocol = source_port = destination_port = 0
    for kind, value in iter_attributes(payload):
        for inner, raw in iter_attributes(value):
            if kind == _CTA_TUPLE_IP and inner in _CTA_IP_SRC:
                source = str(ip_address(bytes(raw)))
            elif kind == _CTA_TUPLE_IP and inner in _CTA_IP_DST:
                destination = str(ip_address(bytes(raw)))
            elif kind == _CTA_TUPLE_PROTO and inner == _CTA_PROTO_NUM:
                protocol = raw[0]
            elif kind == _CTA_TUPLE_PROTO and inner == _CTA_PROTO_SRC_PORT:
                source_port = struct.unpack("!H", raw)[0]
            elif kind == _CTA_TUPLE_PROTO and inner == _CTA_PROTO_DST_PORT:
                destination_port = struct.unpack("!H", raw)[0]
    return source, destination, protocol, source_port, destination_port


def _flows(netlink: NetlinkSocket, family: int, host_port: int) -> Iterator[Flow]:
    wanted = nested(
        _CTA_TUPLE_ORIG,
        nested(
            _CTA_TUPLE_PROTO,
            attribute(_CTA_PROTO_NUM, bytes([_UDP])),
            attribute(_CTA_PROTO_DST_PORT, struct.pack("!H", host_port)),
        ),
    )
    flags = attribute(_CTA_FILTER_ORIG_FLAGS, struct.pack("=I", _FILTER_PROTO_NUM | _FILTER_PROTO_DST_PORT))
    filtered = _nfgen(family) + wanted + nested(_CTA_FILTER, flags)
    kind = _CTNETLINK | _GET
    try:
        answers = netlink.ask(Message(kind, NLM_F_DUMP, filtered, "list flows"))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        answers = netlink.ask(Message(kind, NLM_F_DUMP, _nfgen(family), "list flows"))
    for _, payload in answers:
        original: memoryview | None = None
        reply: memoryview | None = None
        for number, value in iter_attributes(memoryview(payload)[4:]):
            if number == _CTA_TUPLE_ORIG:
                original = value
            elif number == _CTA_TUPLE_REPLY:
                reply = value
        if original is None or reply is None:
            continue
        source, destination, protocol, source_port, destination_port = _parse_tuple(original)
        if protocol == _UDP and destination_port == host_port:
            answered_by, _, _, answered_port, _ = _parse_tuple(reply)
            yield Flow(
                protocol,
                source,
                source_port,
                destination,
                destination_port,
                answered_by,
                answered_port,
                bytes(original),
            )


def forget_udp_flows(host_port: int, *, version: int, local_addresses: Collection[str], keep_address: str = "") -> int:
    """Delete the flows to UDP `host_port` of this host that anyone but `keep_address` answers; return how many.

    Flows that only pass through to another machine's port of that number are left alone. Runs on the worker thread, in
    the host's namespace. A flow that ends meanwhile is no error.
    """
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    forgotten = 0
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        for flow in _flows(netlink, family, host_port):
            if flow.answered_by == keep_address or flow.destination not in local_addresses:
                continue
            payload = _nfgen(family) + nested(_CTA_TUPLE_ORIG, flow.tuple_attribute)
            try:
                netlink.request(Message(_CTNETLINK | _DELETE, 0, payload, "forget flow"))
                forgotten += 1
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
    return forgotten
