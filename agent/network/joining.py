"""What a container gets when it joins a network: the checks, its addresses, its names. The kernel is not asked here."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from agent.network import definition as definitions
from agent.network import ipam
from agent.network.definition import BridgeOptions, Definition
from agent.network.networks import Networks
from agent.network.sandbox import Attachment, Sandbox
from agent.ports.network import Endpoint, EndpointSpec
from wire.errors import Conflict, Forbidden, Invalid, MooringError

__all__ = ["NOT_HOST", "Joining", "bridge_full"]

NOT_HOST = "container cannot be disconnected from host network or connected to host network"
_SHARED = "container sharing network namespace with another container or host cannot be connected to any other network"
_PRIVATE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"


def bridge_full(definition: Definition) -> Conflict:
    """The refusal of the 1,024th container of a bridge."""
    return Conflict(
        f"network {definition.spec.name} is full: a Linux bridge takes at most "
        f"{definitions.DEFAULT_ENDPOINT_LIMIT} containers; connect this one to another network"
    )


class Joining:
    """Used on the event loop only. `count` tells how many endpoints a network has."""

    def __init__(self, networks: Networks, count: Callable[[str], int], *, link_prefix: str) -> None:
        self._networks = networks
        self._count = count
        self._link_prefix = link_prefix

    def check(self, sandbox: Sandbox, definition: Definition, name: str, spec: EndpointSpec) -> None:
        """Raise Docker's refusal when `sandbox` may not join."""
        driver = definition.spec.driver
        if definition.spec.config_only:
            raise Forbidden("cannot create endpoint on configuration-only network")
        if (driver == "host") != sandbox.host:
            raise Invalid(_SHARED if sandbox.host else NOT_HOST)
        if definition.id in sandbox.attachments:
            raise Forbidden(f"endpoint with name {name} already exists in network {definition.spec.name}")
        joined = [self._networks.get(network_id).spec.driver for network_id in sandbox.attachments]
        if joined and (driver == "null" or "null" in joined):
            raise Invalid(_PRIVATE)
        definitions.check_endpoint(definition, spec)
        if driver == "bridge" and self._count(definition.id) >= definitions.DEFAULT_ENDPOINT_LIMIT:
            raise bridge_full(definition)

    def attach(self, sandbox: Sandbox, definition: Definition, name: str, spec: EndpointSpec) -> Attachment:
        """Reserve addresses and settle what the endpoint will be. Forbidden when an address is not to be had."""
        endpoint_id = secrets.token_hex(32)
        if definition.spec.driver in ("host", "null"):
            endpoint = Endpoint(
                id=endpoint_id,
                network_id=definition.id,
                network_name=definition.spec.name,
                container_id=sandbox.container_id,
                container_name=name,
                interface="",
                mac_address="",
            )
            return Attachment(endpoint=endpoint, spec=spec)
        addresses = self._take(definition, spec)
        internal = definition.spec.internal
        names = definitions.dns_names(sandbox.container_id, name, spec.aliases, sandbox.hostname)
        endpoint = Endpoint(
            id=endpoint_id,
            network_id=definition.id,
            network_name=definition.spec.name,
            container_id=sandbox.container_id,
            container_name=name,
            interface=sandbox.free_interface(BridgeOptions.parse(definition.spec.options).interface_prefix),
            mac_address=(spec.mac_address or definitions.mac_of(addresses[4])).lower().replace("-", ":"),
            ipv4_address=addresses[4],
            ipv4_prefix_len=_prefix_len(definition.subnet4),
            gateway="" if internal else definition.gateway4,
            ipv6_address=addresses.get(6, ""),
            ipv6_prefix_len=_prefix_len(definition.subnet6),
            ipv6_gateway="" if internal else definition.gateway6,
            dns_names=names if definition.user_defined else (),
        )
        return Attachment(
            endpoint=endpoint,
            spec=spec,
            host_link=f"{self._link_prefix}v{endpoint_id[:6]}" if definition.spec.driver == "bridge" else "",
            internal=internal,
            user_defined=definition.user_defined,
        )

    def _take(self, definition: Definition, spec: EndpointSpec) -> dict[int, str]:
        taken: dict[int, str] = {}
        try:
            for version, wanted in ((4, spec.ipv4_address), (6, spec.ipv6_address)):
                pool = self._networks.pool(definition.id, version)
                if pool is None:
                    continue
                address = ipam.parse_address(wanted)
                if address is not None:
                    pool.take_this(address)
                else:
                    address = pool.take(network=f"{definition.spec.name} ({definition.id})")
                taken[version] = str(address)
        except MooringError:
            self._give_back(definition.id, taken)
            raise
        return taken

    def _give_back(self, network_id: str, addresses: dict[int, str]) -> None:
        for version, text in addresses.items():
            pool, address = self._networks.pool(network_id, version), ipam.parse_address(text)
            if pool is not None and address is not None:
                pool.give_back(address)

    def retake(self, endpoint: Endpoint) -> None:
        """After a restart: the addresses of an endpoint that is there."""
        for version, text in ((4, endpoint.ipv4_address), (6, endpoint.ipv6_address)):
            pool, address = self._networks.pool(endpoint.network_id, version), ipam.parse_address(text)
            if pool is not None and address is not None and address not in pool:
                pool.take_this(address)

    def release(self, endpoint: Endpoint) -> None:
        """Free an endpoint's addresses; safe to repeat."""
        self._give_back(endpoint.network_id, {4: endpoint.ipv4_address, 6: endpoint.ipv6_address})


def _prefix_len(subnet: str) -> int:
    return int(subnet.rpartition("/")[2] or 0)
