"""Networking without a kernel: the real rules (definitions, addresses, joining), no packet ever flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from agent.network import definition as definitions
from agent.network.ipam import DefaultSubnets
from agent.network.joining import NOT_HOST, Joining
from agent.network.networks import Networks
from agent.network.sandbox import Sandbox
from agent.ports.network import Endpoint, EndpointSpec, Network, NetworkSpec, PortBinding, PortRequest, SandboxNetwork
from agent.ports.storage import Store
from wire.errors import Conflict, Forbidden, Internal, Invalid, NotFound

__all__ = ["FakeNetworking"]


class FakeNetworking:
    """`agent.ports.network.Networking`. Networks are kept in `store`, the rest is forgotten with the process."""

    def __init__(self, store: Store, netns: Path = Path("/nowhere/netns")) -> None:
        self._netns = netns
        self._networks = Networks(store, prefix="fake")
        self._joining = Joining(self._networks, lambda network_id: len(self.endpoints(network_id)), link_prefix="fake")
        self._defaults = DefaultSubnets()
        self._sandboxes: dict[str, Sandbox] = {}
        self._ports: dict[str, list[PortBinding]] = {}
        self._next_port = 32768

    async def start(self) -> None:
        for proposal in self._networks.predefined("172.17.0.0/16"):
            await self._keep(proposal)

    async def close(self) -> None:
        return None

    async def _keep(self, proposal: definitions.Definition) -> definitions.Definition:
        if proposal.spec.driver not in ("null", "host"):
            known = self._networks.all()
            proposal = definitions.resolve_pools(
                proposal, networks=known, host_subnets=(), defaults=self._defaults, seed="fake"
            )
            proposal = self._networks.plug(proposal, known)
        if proposal.predefined:
            proposal = msgspec.structs.replace(proposal, user_subnets=False)
        await self._networks.keep(proposal)
        return proposal

    async def create_network(self, spec: NetworkSpec) -> Network:
        return (await self._keep(self._networks.propose(spec))).public

    async def remove_network(self, network_id: str) -> None:
        definition = self._networks.get(network_id)
        name = definition.spec.name
        if definition.predefined:
            raise Forbidden(f"{name} is a pre-defined network and cannot be removed")
        if self.endpoints(network_id):
            raise Forbidden(f"error while removing network: network {name} id {network_id} has active endpoints")
        await self._networks.forget(definition)

    def networks(self) -> Sequence[Network]:
        return [definition.public for definition in self._networks.all()]

    def get_network(self, ref: str) -> Network:
        return self._networks.resolve(ref).public

    def check_endpoint(self, network_id: str, spec: EndpointSpec) -> None:
        definitions.check_endpoint(self._networks.get(network_id), spec)

    def endpoints(self, network_id: str) -> Sequence[Endpoint]:
        return [
            sandbox.attachments[network_id].endpoint
            for sandbox in self._sandboxes.values()
            if network_id in sandbox.attachments
        ]

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
        if container_id in self._sandboxes:
            raise Conflict(f"the network sandbox of container {container_id} is already open")
        self._sandboxes[container_id] = Sandbox(
            container_id=container_id,
            netns=self._netns / container_id,
            file=self._netns / "never-written",
            hostname=hostname,
            host=host,
        )
        return self.sandbox(container_id)

    def sandbox(self, container_id: str) -> SandboxNetwork:
        sandbox = self._get(container_id)
        return SandboxNetwork(netns_path=None if sandbox.host else sandbox.netns)

    def _get(self, container_id: str) -> Sandbox:
        if container_id not in self._sandboxes:
            raise NotFound(f"no network sandbox of container {container_id}")
        return self._sandboxes[container_id]

    async def connect(self, container_id: str, container_name: str, network_id: str, spec: EndpointSpec) -> Endpoint:
        sandbox, definition = self._get(container_id), self._networks.get(network_id)
        self._joining.check(sandbox, definition, container_name, spec)
        attachment = self._joining.attach(sandbox, definition, container_name, spec)
        sandbox.attachments[network_id] = attachment
        return attachment.endpoint

    async def disconnect(self, container_id: str, network_id: str) -> None:
        sandbox = self._sandboxes.get(container_id)
        if sandbox is not None and network_id in sandbox.attachments:
            if sandbox.host:
                raise Invalid(NOT_HOST)
            self._joining.release(sandbox.attachments.pop(network_id).endpoint)

    async def publish(self, container_id: str, ports: Sequence[PortRequest]) -> list[PortBinding]:
        gateway = self.gateway_endpoint(container_id)
        if gateway is None:
            return []
        made: list[PortBinding] = []
        for request in ports:
            if request.protocol not in ("tcp", "udp", "sctp"):
                raise Invalid(f"invalid proto: {request.protocol}")
            made += self._bind(request, gateway, made)
        self._ports[container_id] = [*self._ports.get(container_id, []), *made]
        return made

    def _bind(self, request: PortRequest, gateway: Endpoint, made: Sequence[PortBinding]) -> list[PortBinding]:
        start = request.host_port_start
        candidates = range(start, (request.host_port_end or start) + 1) if start else range(self._next_port, 61000)
        bound = [*(item for items in self._ports.values() for item in items), *made]
        taken = {(item.host_port, item.protocol) for item in bound}
        port = next((number for number in candidates if (number, request.protocol) not in taken), 0)
        if not port:
            raise Internal(
                f"driver failed programming external connectivity on endpoint {gateway.container_name} ({gateway.id}): "
                f"Bind for {request.host_ip or '0.0.0.0'}:{start} failed: port is already allocated"
            )
        if not start:
            self._next_port = port + 1
        return [
            PortBinding(
                container_port=request.container_port, protocol=request.protocol, host_ip=address, host_port=port
            )
            for address in ([request.host_ip] if request.host_ip else ["0.0.0.0", "::"])
        ]

    def ports(self, container_id: str) -> Sequence[PortBinding]:
        return list(self._ports.get(container_id, ()))

    async def rename(self, container_id: str, name: str) -> None:
        sandbox = self._sandboxes.get(container_id)
        for network_id, item in list(sandbox.attachments.items()) if sandbox else ():
            assert sandbox is not None
            names = definitions.dns_names(container_id, name, item.spec.aliases, sandbox.hostname)
            sandbox.attachments[network_id] = item.renamed(name, names)

    async def close_sandbox(self, container_id: str) -> None:
        self._ports.pop(container_id, None)
        sandbox = self._sandboxes.pop(container_id, None)
        for item in sandbox.attachments.values() if sandbox else ():
            self._joining.release(item.endpoint)

    async def recover(self, container_ids: Sequence[str]) -> None:
        for container_id in set(self._sandboxes) - set(container_ids):
            await self.close_sandbox(container_id)

    def sandbox_endpoints(self, container_id: str) -> Sequence[Endpoint]:
        sandbox = self._sandboxes.get(container_id)
        return [item.endpoint for item in sandbox.attachments.values()] if sandbox else []

    def gateway_endpoint(self, container_id: str) -> Endpoint | None:
        sandbox = self._sandboxes.get(container_id)
        item = (sandbox.gateway(4) or sandbox.gateway(6)) if sandbox else None
        return item.endpoint if item else None

    def resolv_conf(self, container_id: str) -> str:
        server = "127.0.0.11" if self._get(container_id).needs_resolver else "192.0.2.53"
        return f"nameserver {server}\n"

    def interface_counters(self, container_id: str) -> Mapping[str, Mapping[str, int]]:
        fields = [f"{way}_{what}" for way in ("rx", "tx") for what in ("bytes", "packets", "errors", "dropped")]
        endpoints = self.sandbox_endpoints(container_id)
        return {endpoint.interface: dict.fromkeys(fields, 0) for endpoint in endpoints if endpoint.interface}

    def findings(self) -> Sequence[Mapping[str, str]]:
        return []
