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
    scope: str = ""  # "" local
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    enable_ipv6: bool = False
    config_only: bool = False
    config_from: str = ""  # name of a config-only network
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] | None = None  # kept as given: Docker shows null and {} apart
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
    links: tuple[str, ...] = ()  # `CONTAINER:ALIAS`, known to this container alone
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    gw_priority: int = 0  # the highest of a container's networks gives it its default route


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A container's live attachment to one network. `host` and `none` have neither interface nor address."""

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
    """A container's network namespace. The path is a bind mount that lives until `close_sandbox`; None means the
    host's own namespace (the OCI configuration then has no network namespace)."""

    netns_path: Path | None


class Networking(Protocol):
    """Networks are durable (kept in agent storage by this room); sandboxes are keyed by container id.

    The order for one container: `open_sandbox`, `connect` once for each network (also `none` and `host`), `publish`,
    then `resolv_conf`; `close_sandbox` when it has stopped. Every teardown is safe when set-up never ran, and safe to
    repeat. A failed `connect` or `publish` leaves what was before. Errors use Docker's texts.
    """

    async def start(self) -> None:
        """Bring the host to what is stored: default bridge, tables, networks. Resolvers, published ports and tables of
        the sandboxes that an earlier agent left are taken up again here, before anything else. Safe to repeat."""
        ...

    async def close(self) -> None:
        """Let go of sockets and threads; the host stays as it is, so running containers keep their networks."""
        ...

    async def create_network(self, spec: NetworkSpec) -> Network:
        """Conflict: `network with name NAME already exists`. Invalid, Forbidden, NotFound in Docker's words."""
        ...

    async def remove_network(self, network_id: str) -> None:
        """Forbidden for a predefined network or one with live endpoints."""
        ...

    def networks(self) -> Sequence[Network]: ...
    def get_network(self, ref: str) -> Network:
        """By full id, name or unique id prefix. NotFound: `network REF not found`."""
        ...

    def check_endpoint(self, network_id: str, spec: EndpointSpec) -> None:
        """Raise Invalid when `connect` could never accept this (addresses, aliases, MAC); nothing is reserved."""
        ...

    def endpoints(self, network_id: str) -> Sequence[Endpoint]: ...

    async def open_sandbox(
        self,
        container_id: str,
        *,
        hostname: str = "",
        host: bool = False,
        dns: Sequence[str] = (),
        dns_search: Sequence[str] = (),
        dns_options: Sequence[str] = (),
        sysctls: Mapping[str, str] | None = None,
    ) -> SandboxNetwork:
        """Make the container's netns (loopback up, `net.*` of `sysctls` set); no network yet.

        With `host` nothing is made and the container shares the host's namespace. `hostname` becomes a name of the
        container on its user-defined networks.
        """
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

    async def disconnect(self, container_id: str, network_id: str) -> None:
        """Detach; the published ports move to the endpoint that has the default route now."""
        ...

    async def publish(self, container_id: str, ports: Sequence[PortRequest]) -> list[PortBinding]:
        """Publish on the endpoint with the default route, all or none; Docker's text for a taken port.

        A request for every address answers two bindings, `0.0.0.0` and `::`. Nothing is published (and the answer is
        empty) while the container is only on internal networks, `none` or `host`.
        """
        ...

    def ports(self, container_id: str) -> Sequence[PortBinding]:
        """What is published now; empty while no endpoint has a default route."""
        ...

    async def rename(self, container_id: str, name: str) -> None: ...
    async def close_sandbox(self, container_id: str) -> None:
        """Unpublish, disconnect everything, drop the netns, stop its resolver."""
        ...

    async def recover(self, container_ids: Sequence[str]) -> None:
        """After `start` of a restarted agent: keep the sandboxes of these (running) containers and remove everything
        else of ours from the host."""
        ...

    def sandbox(self, container_id: str) -> SandboxNetwork:
        """NotFound when it is not open."""
        ...

    def sandbox_endpoints(self, container_id: str) -> Sequence[Endpoint]:
        """In the order of their interfaces; empty when the sandbox is not open."""
        ...

    def gateway_endpoint(self, container_id: str) -> Endpoint | None:
        """The endpoint that has the default route."""
        ...

    def resolv_conf(self, container_id: str) -> str:
        """Content for the container's /etc/resolv.conf, from the networks it is on now. Changes when a container of
        the default bridge joins its first user-defined network."""
        ...

    def interface_counters(self, container_id: str) -> Mapping[str, Mapping[str, int]]:
        """Per interface: rx_bytes, rx_packets, rx_errors, rx_dropped, tx_… (Docker's `networks` in stats)."""
        ...

    def findings(self) -> Sequence[Mapping[str, str]]:
        """What is wrong with this host's networking, for the doctor: code, severity, title, detail, next."""
        ...
