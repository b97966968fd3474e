"""The network port: networks, endpoints, published ports and names, as the engine asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = [
    "Endpoint", "EndpointSpec", "IpamPool", "Network", "NetworkSpec", "Networking", "PortBinding", "PortRequest",
    "SandboxNetwork",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class IpamPool:
    """One subnet of a network, addresses as text (`172.18.0.0/16`)."""

    subnet: str
    ip_range: str = ""
    gateway: str = ""
    aux_addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """What a user asks of a new network; empty pools are chosen from the default address pools."""

    name: str
    driver: str = "bridge"
    internal: bool = False
    attachable: bool = False
    enable_ipv6: bool = False
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    pools: tuple[IpamPool, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network that exists. `spec.pools` holds what was chosen."""

    id: str
    created_at: float
    spec: NetworkSpec
    predefined: bool = False  # bridge, host, none


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """What a container asks of one network."""

    ipv4_address: str = ""
    ipv6_address: str = ""
    mac_address: str = ""
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    driver_opts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A container's live attachment to one network."""

    id: str
    network_id: str
    network_name: str
    container_id: str
    container_name: str
    interface: str
    mac_address: str
    ipv4_address: str = ""
    ipv4_prefix_len: int = 0
    gateway: str = ""
    ipv6_address: str = ""
    ipv6_prefix_len: int = 0
    ipv6_gateway: str = ""
    dns_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRequest:
    """A port to publish. `host_port_start` 0 means any free port; a range is tried in order."""

    container_port: int
    protocol: str  # tcp, udp, sctp
    host_ip: str = ""  # "" every address, both families
    host_port_start: int = 0
    host_port_end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PortBinding:
    """A published port as it is."""

    container_port: int
    protocol: str
    host_ip: str
    host_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxNetwork:
    """A container's network namespace and what DNS it is given."""

    netns_path: Path
    resolv_conf: str  # content for /etc/resolv.conf


class Networking(Protocol):
    """Networks are durable (kept in agent storage by this room); sandboxes are keyed by container id.

    Every teardown is safe when set-up never ran, and safe to repeat. Errors use Docker's texts.
    """

    async def start(self) -> None:
        """Bring the host to what is stored: default bridge, tables, networks. Safe to repeat."""
        ...

    async def close(self) -> None: ...

    async def create_network(self, spec: NetworkSpec) -> Network: ...
    async def remove_network(self, network_id: str) -> None: ...
    def networks(self) -> Sequence[Network]: ...
    def get_network(self, ref: str) -> Network:
        """By id, name or unique id prefix. NotFound: `network REF not found`."""
        ...

    def endpoints(self, network_id: str) -> Sequence[Endpoint]: ...

    async def open_sandbox(
        self,
        container_id: str,
        *,
        dns: Sequence[str],
        dns_search: Sequence[str],
        dns_options: Sequence[str],
        sysctls: Mapping[str, str],
    ) -> SandboxNetwork:
        """Make the container's netns (loopback up); no network yet."""
        ...

    async def connect(
        self,
        container_id: str,
        container_name: str,
        network_id: str,
        spec: EndpointSpec,
    ) -> Endpoint:
        """Attach the sandbox to a network; works on a running container."""
        ...

    async def disconnect(self, container_id: str, network_id: str) -> None: ...
    async def publish(self, container_id: str, ports: Sequence[PortRequest]) -> list[PortBinding]:
        """Publish on the endpoint with the default route. All or none; Docker's text for a taken port."""
        ...

    async def rename(self, container_id: str, name: str) -> None: ...
    async def close_sandbox(self, container_id: str) -> None:
        """Unpublish, disconnect everything, drop the netns, stop its resolver."""
        ...

    async def recover(self, container_ids: Sequence[str]) -> None:
        """After an agent restart: keep sandboxes of these (running) containers, rebind their resolvers, and remove
        everything else of ours."""
        ...

    def sandbox_endpoints(self, container_id: str) -> Sequence[Endpoint]: ...
    def interface_counters(self, container_id: str) -> Mapping[str, Mapping[str, int]]:
        """Per interface: rx_bytes, rx_packets, rx_errors, rx_dropped, tx_… (Docker's `networks` in stats)."""
        ...
