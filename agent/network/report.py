"""What the doctor says of this host's networking: what is missing in the kernel, and who else filters packets.

Accepting a packet in our table does not undo its drop in another (nftables asks every table), so a firewall that drops
what is forwarded cuts containers off; the remedy is a rule there, and the finding names it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from agent.host.findings import Finding
from agent.network.nftables import Nftables, NftError
from agent.ports.network import PortBinding

__all__ = ["examine", "lost_ports", "overlap", "unusable_network"]

_SYSCTL: Final = Path("/proc/sys/net")
_LOW_CONNTRACK: Final = 0.9


def examine(nft: Nftables, *, link_prefix: str, own_table: str) -> list[Finding]:
    """Look at the kernel and at everybody's rules. Runs on the worker thread, takes a few milliseconds."""
    return [
        *_forwarding(),
        *_other_firewalls(nft, link_prefix, own_table),
        *_bridge_netfilter(),
        *_families(),
        *_conntrack(),
    ]


def _read(path: str) -> str:
    try:
        return (_SYSCTL / path).read_text().strip()
    except OSError:
        return ""


def _forwarding() -> Iterator[Finding]:
    if _read("ipv4/ip_forward") == "0":
        yield Finding(
            code="network-forwarding-off",
            severity="error",
            title="Something turned IPv4 forwarding off",
            detail="containers reach neither each other's networks nor the outside; the agent sets it at its start",
            next="sysctl -w net.ipv4.ip_forward=1, and look for what resets it (/etc/sysctl.d)",
        )


def _other_firewalls(nft: Nftables, link_prefix: str, own_table: str) -> Iterator[Finding]:
    try:
        listed: dict[str, Any] = json.loads(nft.run_json("list chains") or "{}")
    except (NftError, ValueError) as error:
        yield Finding(
            code="network-rules-unreadable",
            severity="warning",
            title="The packet filter's rules cannot be listed",
            detail=str(error).splitlines()[0],
        )
        return
    for entry in listed.get("nftables", ()):
        chain = entry.get("chain", {})
        if chain.get("hook") != "forward" or chain.get("policy") != "drop" or chain.get("table") == own_table:
            continue
        if chain.get("family") not in ("ip", "ip6", "inet"):
            continue
        where = f"{chain['family']} {chain['table']} {chain['name']}"
        yield Finding(
            code="network-foreign-firewall",
            severity="warning",
            title=f"Another firewall drops forwarded packets: {where}",
            detail="containers cannot reach the outside, and with bridge netfilter on not even each other",
            next=(
                f'nft insert rule {where} iifname "{link_prefix}*" accept; '
                f'nft insert rule {where} oifname "{link_prefix}*" accept'
            ),
        )
    tables = Path("/proc/net/ip_tables_names")
    if tables.exists() and "filter" in tables.read_text().split():
        yield Finding(
            code="network-legacy-iptables",
            severity="info",
            title="This host also has rules of the legacy iptables",
            detail="they cannot be examined; a FORWARD policy of DROP there cuts containers off",
            next="iptables-legacy -S FORWARD",
        )


def _bridge_netfilter() -> Iterator[Finding]:
    if _read("bridge/bridge-nf-call-iptables") == "1":
        yield Finding(
            code="network-bridge-netfilter",
            severity="info",
            title="Bridge netfilter is on",
            detail="packets between containers of one network also pass the host's firewall; both settings work",
        )


def _families() -> Iterator[Finding]:
    if not Path("/proc/net/if_inet6").exists():
        yield Finding(
            code="network-no-ipv6",
            severity="info",
            title="The kernel has no IPv6",
            detail="ports are published on IPv4 only",
        )
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        yield Finding(
            code="network-no-sctp",
            severity="info",
            title="The kernel has no SCTP",
            detail="SCTP ports cannot be published",
            next="modprobe sctp",
        )


def _conntrack() -> Iterator[Finding]:
    count, limit = _read("netfilter/nf_conntrack_count"), _read("netfilter/nf_conntrack_max")
    if count.isdigit() and limit.isdigit() and int(count) > _LOW_CONNTRACK * int(limit):
        yield Finding(
            code="network-conntrack-full",
            severity="warning",
            title=f"Connection tracking is nearly full: {count} of {limit}",
            detail="new connections of containers will be dropped",
            next=f"sysctl -w net.netfilter.nf_conntrack_max={int(limit) * 2}",
        )


def lost_ports(bindings: Sequence[PortBinding]) -> Iterator[Finding]:
    """Published ports that another program took while no agent ran."""
    for binding in bindings:
        yield Finding(
            code="network-port-taken",
            severity="warning",
            title=f"Port {binding.host_port}/{binding.protocol} is also used by another program of this host",
            detail=f"it is published at {binding.host_ip}; the container gets what comes from outside",
            next="stop the other program, then restart the container",
        )


def overlap(name: str, subnet: str, route: str) -> Finding:
    """A network's subnet is also somewhere else."""
    return Finding(
        code="network-overlap",
        severity="warning",
        title=f"Network {name} ({subnet}) overlaps a route of the host to {route}",
        detail="one of the two is not reached by the host and its containers",
        next="make the network anew with another --subnet (the default bridge: start the agent with --bridge-subnet)",
    )


def unusable_network(name: str, reason: str) -> Finding:
    """A network whose bridge cannot be made as it was."""
    return Finding(
        code="network-unusable",
        severity="error",
        title=f"Network {name} cannot be set up",
        detail=reason,
        next="remove what is in its way, then restart the agent",
    )
