"""The agent's nftables table: translation of published ports, masquerading, and who may talk to whom.

    prerouting raw   127/8 from a container never reaches the host (route_localnet would let it); a source that the host
                     would not answer through that bridge is false
    prerouting nat ┐ to a local address and published → the container
    output nat     ┘ (::1 excepted: IPv6 has no route_localnet, `proxy` serves it)
    forward          same bridge → yes (or not, enable_icc=false); internal networks → nowhere else;
                     into a bridge → only answers and what was published; out of a bridge → yes
    postrouting nat  hairpin and host loopback → masquerade; leaving the subnet → masquerade, or its own source

Publishing a port or adding a network is one element of a map or set, whatever else is there. The table is named after
the instance, so two agents do not meet; accepting here cannot undo a drop in somebody else's table (see `report`).

Bridge netfilter may be on or off: with it, frames within one bridge pass `forward` and `postrouting` too (hence the
pair `bridge . bridge`, and masquerading by `bridge . subnet`, since the incoming name is then the bridge's as well).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.network.ipam import parse_address

__all__ = ["BridgeRules", "Translation", "bridge_elements", "delete_table", "publish_elements", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRules:
    """What the table has to know of one bridge network."""

    bridge: str
    subnet4: str = ""
    subnet6: str = ""
    internal: bool = False
    icc: bool = True
    masquerade: bool = True
    source4: str = ""
    source6: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A published port: packets to `host_ip` (`0.0.0.0` or `::` for any) and `host_port` go to the container."""

    protocol: str
    host_ip: str
    host_port: int
    address: str
    port: int


_TABLE = """
add table inet {name}
delete table inet {name}
table inet {name} {{
    set bridges {{ type ifname; }}
    set internal {{ type ifname; }}
    set within {{ type ifname . ifname; }}
    set onlink4 {{ type ifname . ipv4_addr; flags interval; }}
    set onlink6 {{ type ifname . ipv6_addr; flags interval; }}
    set masquerade4 {{ type ipv4_addr; flags interval; }}
    set masquerade6 {{ type ipv6_addr; flags interval; }}
    map source4 {{ type ipv4_addr : ipv4_addr; flags interval; }}
    map source6 {{ type ipv6_addr : ipv6_addr; flags interval; }}
    map publish4 {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
    map publish4_at {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
    map publish6 {{ type inet_proto . inet_service : ipv6_addr . inet_service; }}
    map publish6_at {{ type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }}

    chain protect {{
        type filter hook prerouting priority raw; policy accept;
        iifname @bridges ip daddr 127.0.0.0/8 drop
        iifname @bridges ip saddr 0.0.0.0 accept
        iifname @bridges ip6 saddr :: accept
        iifname @bridges fib saddr . iif oif missing drop
    }}
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        iifname != "lo" ip daddr 127.0.0.0/8 return
        fib daddr type local jump published
    }}
    chain output {{
        type nat hook output priority -100; policy accept;
        ip6 daddr ::1 return
        fib daddr type local jump published
    }}
    chain published {{
        dnat ip to ip daddr . meta l4proto . th dport map @publish4_at
        dnat ip to meta l4proto . th dport map @publish4
        dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6_at
        dnat ip6 to meta l4proto . th dport map @publish6
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname . oifname @within accept
        iifname @internal drop
        oifname @internal drop
        oifname @bridges ct state established,related accept
        oifname @bridges ct status dnat accept
        oifname @bridges drop
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname @bridges ip saddr 127.0.0.0/8 masquerade
        oifname . ip saddr @onlink4 ct status dnat masquerade
        oifname . ip6 saddr @onlink6 ct status dnat masquerade
        oifname . ip saddr @onlink4 return
        oifname . ip6 saddr @onlink6 return
        snat ip to ip saddr map @source4
        snat ip6 to ip6 saddr map @source6
        ip saddr @masquerade4 masquerade
        ip6 saddr @masquerade6 masquerade
    }}
}}
"""


def table(name: str, bridges: Iterable[BridgeRules], translations: Iterable[Translation]) -> str:
    """The whole table with what it has to hold; one transaction that replaces what was there."""
    commands = [_TABLE.format(name=name)]
    commands += [line for rules in bridges for line in bridge_elements(name, rules)]
    commands += publish_elements(name, translations)
    return "\n".join(commands)


def delete_table(name: str) -> str:
    """Remove the table, also when there is none."""
    return f"add table inet {name}\ndelete table inet {name}"


def bridge_elements(name: str, rules: BridgeRules, *, verb: str = "add") -> list[str]:
    """Commands that `add` or `delete` one bridge."""
    bridge = f'"{rules.bridge}"'
    elements = [("bridges", bridge)]
    if rules.internal:
        elements.append(("internal", bridge))
    if rules.icc:
        elements.append(("within", f"{bridge} . {bridge}"))
    masquerade = rules.masquerade and not rules.internal
    for version, subnet, source in ((4, rules.subnet4, rules.source4), (6, rules.subnet6, rules.source6)):
        if not subnet:
            continue
        elements.append((f"onlink{version}", f"{bridge} . {subnet}"))
        if masquerade and source:
            elements.append((f"source{version}", f"{subnet} : {source}" if verb == "add" else subnet))
        elif masquerade:
            elements.append((f"masquerade{version}", subnet))
    return [f"{verb} element inet {name} {kind} {{ {element} }}" for kind, element in elements]


def publish_elements(name: str, translations: Iterable[Translation], *, verb: str = "add") -> list[str]:
    """Commands that `add` or `delete` published ports, one for each map."""
    maps: dict[str, list[str]] = {}
    for item in translations:
        host = parse_address(item.host_ip)
        assert host is not None
        key = f"{item.protocol} . {item.host_port}"
        kind = f"publish{host.version}"
        if not host.is_unspecified:
            kind, key = f"{kind}_at", f"{host} . {key}"
        value = f" : {item.address} . {item.port}" if verb == "add" else ""
        maps.setdefault(kind, []).append(key + value)
    return [f"{verb} element inet {name} {kind} {{ {', '.join(items)} }}" for kind, items in maps.items()]
