"""Networking without a kernel: the same rules and texts, addresses from the same pools, no packet ever flows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent.network import definition as definitions
from agent.network import ipam
from agent.network.definition import Definition
from agent.ports.network import (
    Endpoint,
    EndpointSpec,
    IpamPool,
    Network,
    NetworkSpec,
    PortBinding,
    PortRequest,
    SandboxNetwork,
)
from wire.errors import Conflict, Forbidden, Internal, Invalid, NotFound

__all__ = ["FakeNetworking"]


class FakeNetworking:
    """`agent.ports.network.Networking`. Everything is forgotten at the end of the process."""

    def __init__(self, netns: Path = Path("/nowhere/netns")) -> None:
        self._netns = netns
        self._definitions: dict[str, Definition] = {}
        self._pools: dict[tuple[str, int], ipam.AddressPool] = {}
        self._sandboxes: dict[str, dict[str, Endpoint]] = {}
        self._host: set[str] = set()
        self._hostnames: dict[str, str] = {}
        self._ports: dict[str, list[PortBinding]] = {}
        self._specs: dict[tuple[str, str], EndpointSpec] = {}
        self._next_port = 32768

    async def start(self) -> None:
        if self._definitions:
            return
        for name, driver in (("none", "null"), ("host", "host")):
            self._add(
                Definition(
                    id=secrets.token_hex(32),
                    created_at=time.time(),
                    spec=NetworkSpec(name=name, driver=driver),
                    predefined=True,
                )
            )
        bridge = NetworkSpec(
            name="bridge",
            pools=(IpamPool(subnet="172.17.0.0/16", gateway="172.17.0.1"),),
            options={
                "com.docker.network.bridge.default_bridge": "true",
                "com.docker.network.bridge.enable_icc": "true",
                "com.docker.network.bridge.enable_ip_masquerade": "true",
                "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
                "com.docker.network.bridge.name": "docker0",
                "com.docker.network.driver.mtu": "1500",
            },
        )
        self._add(
            Definition(
                id=secrets.token_hex(32),
                created_at=time.time(),
                spec=bridge,
                predefined=True,
                subnet4="172.17.0.0/16",
                gateway4="172.17.0.1",
            )
        )

    async def close(self) -> None:
        return None

    def _add(self, definition: Definition) -> None:
        self._definitions[definition.id] = definition
        for version, subnet, ip_range, gateway in (
            (4, definition.subnet4, definition.range4, definition.gateway4),
            (6, definition.subnet6, definition.range6, definition.gateway6),
        ):
            parsed = ipam.parse_subnet(subnet)
            if parsed is not None:
                reserved = [gateway, *definition.aux_addresses.values()]
                self._pools[definition.id, version] = ipam.AddressPool(
                    parsed,
                    ip_range=ipam.parse_subnet(ip_range),
                    reserved=[a for text in reserved if (a := ipam.parse_address(text)) and a.version == version],
                )

    async def create_network(self, spec: NetworkSpec) -> Network:
        definitions.check_spec(spec)
        if any(known.spec.name == spec.name for known in self._definitions.values()):
            raise Conflict(f"network with name {spec.name} already exists")
        definition = Definition(id=secrets.token_hex(32), created_at=time.time(), spec=spec)
        if not spec.config_only:
            definition = definitions.resolve_pools(
                definition, networks=self._definitions.values(), host_subnets=(), seed="fake"
            )
        self._add(definition)
        return definition.public

    async def remove_network(self, network_id: str) -> None:
        definition = self._get(network_id)
        name = definition.spec.name
        if definition.predefined:
            raise Forbidden(f"{name} is a pre-defined network and cannot be removed")
        if self.endpoints(network_id):
            raise Forbidden(f"error while removing network: network {name} id {network_id} has active endpoints")
        del self._definitions[network_id]

    def networks(self) -> Sequence[Network]:
        return [definition.public for definition in self._definitions.values()]

    def _get(self, network_id: str) -> Definition:
        if network_id not in self._definitions:
            raise NotFound(f"network {network_id} not found")
        return self._definitions[network_id]

    def get_network(self, ref: str) -> Network:
        return definitions.resolve(ref, self._definitions).public

    def check_endpoint(self, network_id: str, spec: EndpointSpec) -> None:
        definitions.check_endpoint(self._get(network_id), spec)

    def endpoints(self, network_id: str) -> Sequence[Endpoint]:
        return [box[network_id] for box in self._sandboxes.values() if network_id in box]

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
        self._sandboxes.setdefault(container_id, {})
        self._hostnames[container_id] = hostname
        if host:
            self._host.add(container_id)
        return self.sandbox(container_id)

    def sandbox(self, container_id: str) -> SandboxNetwork:
        if container_id not in self._sandboxes:
            raise NotFound(f"no network sandbox of container {container_id}")
        return SandboxNetwork(netns_path=None if container_id in self._host else self._netns / container_id)

    async def connect(self, container_id: str, container_name: str, network_id: str, spec: EndpointSpec) -> Endpoint:
        self.sandbox(container_id)
        definition = self._get(network_id)
        definitions.check_endpoint(definition, spec)
        box = self._sandboxes[container_id]
        if network_id in box:
            raise Forbidden(f"endpoint with name {container_name} already exists in network {definition.spec.name}")
        given: dict[int, str] = {}
        for version, wanted in ((4, spec.ipv4_address), (6, spec.ipv6_address)):
            pool = self._pools.get((network_id, version))
            if pool is None:
                continue
            address = ipam.parse_address(wanted) if wanted else pool.take(time.monotonic())
            assert address is not None
            if wanted:
                pool.take_this(address)
            given[version] = str(address)
        names = definitions.dns_names(container_id, container_name, spec.aliases, self._hostnames[container_id])
        endpoint = Endpoint(
            id=secrets.token_hex(32),
            network_id=network_id,
            network_name=definition.spec.name,
            container_id=container_id,
            container_name=container_name,
            interface=f"eth{len(box)}" if given else "",
            mac_address=spec.mac_address or (definitions.mac_of(given[4]) if 4 in given else ""),
            ipv4_address=given.get(4, ""),
            ipv4_prefix_len=int(definition.subnet4.partition("/")[2] or 0),
            gateway="" if definition.spec.internal else definition.gateway4,
            ipv6_address=given.get(6, ""),
            ipv6_prefix_len=int(definition.subnet6.partition("/")[2] or 0),
            ipv6_gateway="" if definition.spec.internal else definition.gateway6,
            dns_names=names if definition.user_defined else (),
        )
        self._specs[container_id, network_id] = spec
        box[network_id] = endpoint
        return endpoint

    async def disconnect(self, container_id: str, network_id: str) -> None:
        endpoint = self._sandboxes.get(container_id, {}).pop(network_id, None)
        for version, text in ((4, endpoint.ipv4_address), (6, endpoint.ipv6_address)) if endpoint else ():
            if address := ipam.parse_address(text):
                self._pools[network_id, version].give_back(address, time.monotonic())

    async def publish(self, container_id: str, ports: Sequence[PortRequest]) -> list[PortBinding]:
        gateway = self.gateway_endpoint(container_id)
        if gateway is None:
            return []
        made: list[PortBinding] = []
        for request in ports:
            if request.protocol not in ("tcp", "udp", "sctp"):
                raise Invalid(f"invalid proto: {request.protocol}")
            start = request.host_port_start
            candidates = range(start, (request.host_port_end or start) + 1) if start else range(self._next_port, 60999)
            taken = {(b.host_port, b.protocol) for bound in self._ports.values() for b in bound} | {
                (b.host_port, b.protocol) for b in made
            }
            port = next((p for p in candidates if (p, request.protocol) not in taken), 0)
            if not port:
                ip = request.host_ip or "0.0.0.0"
                raise Internal(
                    "driver failed programming external connectivity on endpoint "
                    f"{gateway.container_name} ({gateway.id}): Bind for {ip}:{start} failed: port is already allocated"
                )
            for ip in [request.host_ip] if request.host_ip else ["0.0.0.0", "::"]:
                made.append(
                    PortBinding(
                        container_port=request.container_port, protocol=request.protocol, host_ip=ip, host_port=port
                    )
                )
        self._ports[container_id] = [*self._ports.get(container_id, []), *made]
        return made

    def ports(self, container_id: str) -> Sequence[PortBinding]:
        return list(self._ports.get(container_id, ()))

    async def rename(self, container_id: str, name: str) -> None:
        for network_id, endpoint in self._sandboxes.get(container_id, {}).items():
            spec = self._specs[container_id, network_id]
            names = definitions.dns_names(container_id, name, spec.aliases, self._hostnames[container_id])
            self._sandboxes[container_id][network_id] = replace(
                endpoint, container_name=name, dns_names=names if endpoint.dns_names else ()
            )

    async def close_sandbox(self, container_id: str) -> None:
        self._ports.pop(container_id, None)
        for network_id in list(self._sandboxes.get(container_id, {})):
            await self.disconnect(container_id, network_id)
        self._sandboxes.pop(container_id, None)
        self._host.discard(container_id)

    async def recover(self, container_ids: Sequence[str]) -> None:
        for container_id in set(self._sandboxes) - set(container_ids):
            await self.close_sandbox(container_id)

    def sandbox_endpoints(self, container_id: str) -> Sequence[Endpoint]:
        return list(self._sandboxes.get(container_id, {}).values())

    def gateway_endpoint(self, container_id: str) -> Endpoint | None:
        candidates = [
            (-self._specs[container_id, endpoint.network_id].gw_priority, endpoint.network_name, endpoint)
            for endpoint in self.sandbox_endpoints(container_id)
            if endpoint.gateway
        ]
        return min(candidates, key=lambda item: item[:2])[2] if candidates else None

    def resolv_conf(self, container_id: str) -> str:
        return "nameserver 127.0.0.11\noptions ndots:0\n"

    def interface_counters(self, container_id: str) -> Mapping[str, Mapping[str, int]]:
        fields = [f"{way}_{what}" for way in ("rx", "tx") for what in ("bytes", "packets", "errors", "dropped")]
        return {
            endpoint.interface: dict.fromkeys(fields, 0)
            for endpoint in self.sandbox_endpoints(container_id)
            if endpoint.interface
        }

    def findings(self) -> Sequence[Mapping[str, str]]:
        return []
