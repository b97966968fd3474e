"""The networks of this agent as they are kept in storage, with their pools of addresses."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from agent.network import definition as definitions
from agent.network import ipam
from agent.network.definition import BridgeOptions, Definition
from agent.ports.network import IpamPool, NetworkSpec
from agent.ports.storage import Store
from wire.errors import Conflict, Forbidden, Internal, Invalid, NotFound

__all__ = ["Networks"]


class Networks:
    """Known networks and what is free on each. Used on the event loop only, but for `plug`, which reads nothing that
    changes; `bridges` makes them real."""

    def __init__(self, store: Store, *, prefix: str) -> None:
        self._table = store.table("network.networks")
        self._prefix = prefix
        self._definitions: dict[str, Definition] = {}
        self._pools: dict[tuple[str, int], ipam.AddressPool] = {}
        for _, document in self._table.items():
            self._know(msgspec.json.decode(document, type=Definition))

    def all(self) -> list[Definition]:
        """Predefined first, then as they were made."""
        return sorted(self._definitions.values(), key=lambda item: (not item.predefined, item.created_at))

    def get(self, network_id: str) -> Definition:
        if network_id not in self._definitions:
            raise NotFound(f"network {network_id} not found")
        return self._definitions[network_id]

    def resolve(self, ref: str) -> Definition:
        return definitions.resolve(ref, self._definitions)

    def by_name(self, name: str) -> Definition | None:
        return next((item for item in self._definitions.values() if item.spec.name == name), None)

    # addresses

    def pool(self, network_id: str, version: int) -> ipam.AddressPool | None:
        return self._pools.get((network_id, version))

    def _know(self, definition: Definition) -> None:
        self._definitions[definition.id] = definition
        for version, subnet, ip_range, gateway in (
            (4, definition.subnet4, definition.range4, definition.gateway4),
            (6, definition.subnet6, definition.range6, definition.gateway6),
        ):
            parsed = ipam.parse_subnet(subnet)
            if parsed is not None:
                texts = [gateway, *definition.aux_addresses.values()]
                reserved = [address for text in texts if (address := ipam.parse_address(text))]
                self._pools[definition.id, version] = ipam.AddressPool(
                    parsed,
                    ip_range=ipam.parse_subnet(ip_range),
                    reserved=[address for address in reserved if address.version == version],
                )

    # life

    def predefined(self, bridge_subnet: str) -> list[Definition]:
        """What has to be there and is not yet: `none`, `host` and, last, the default bridge (still without a subnet
        unless one is configured)."""
        missing: list[Definition] = []
        for name, driver in (("none", "null"), ("host", "host")):
            if self.by_name(name) is None:
                missing.append(_new(NetworkSpec(name=name, driver=driver), predefined=True))
        if self.by_name("bridge") is None:
            options = {
                definitions.DEFAULT_BRIDGE: "true",
                "com.docker.network.bridge.enable_icc": "true",
                "com.docker.network.bridge.enable_ip_masquerade": "true",
                "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
                definitions.BRIDGE_NAME: f"{self._prefix}0",
                "com.docker.network.driver.mtu": "1500",
            }
            pools = (_configured_pool(bridge_subnet),) if bridge_subnet else ()
            spec = NetworkSpec(name="bridge", driver="bridge", options=options, pools=pools)
            missing.append(_new(spec, predefined=True, link=f"{self._prefix}0"))
        return missing

    def propose(self, spec: NetworkSpec) -> Definition:
        """The network that `spec` asks for, not yet settled. Raises Docker's refusals."""
        definitions.check_spec(spec)
        spec = _sorted(spec)
        if self.by_name(spec.name) is not None:
            raise Conflict(f"network with name {spec.name} already exists")
        if spec.config_only:
            if spec.config_from:
                raise Forbidden("a configuration network cannot depend on another configuration network")
            return _new(replace(spec, driver="null"))
        if spec.config_from:
            spec = self._with_config(spec)
        return _new(spec)

    def plug(self, definition: Definition, known: Sequence[Definition]) -> Definition:
        """A settled network with its link: the driver's part, after its subnets as in Docker, so that also a network
        that is refused here has had its turn of the default subnets. `known` are the networks there are."""
        options = BridgeOptions.parse(definition.spec.options)
        if definition.spec.driver == "macvlan":
            if not options.parent:
                raise Invalid("a macvlan network needs a parent interface: set the option parent")
            if options.parent == "lo":
                raise Internal("loopback interface is not a valid macvlan parent link")
            for other in known:
                if other.link == options.parent and other.spec.driver == "macvlan":
                    raise Internal(f"network dm-{other.id[:12]} is already using parent interface {options.parent}")
            return msgspec.structs.replace(definition, link=options.parent, owns_link=False)
        name = options.name or f"{self._prefix}b{definition.id[:6]}"
        for other in known:
            if other.link == name and other.spec.driver == "bridge":
                raise Forbidden(
                    f"cannot create network {definition.id} ({name}): conflicts with network {other.id} ({name}): "
                    "networks have same bridge name"
                )
        return msgspec.structs.replace(definition, link=name)

    def _with_config(self, spec: NetworkSpec) -> NetworkSpec:
        source = self.by_name(spec.config_from)
        if source is None or not source.spec.config_only:
            raise NotFound(f'configuration network "{spec.config_from}" does not exist')
        if spec.pools or spec.enable_ipv6 or spec.labels or spec.ipam_options:
            raise Forbidden(
                "user specified configurations are not supported if the network depends on a configuration network"
            )
        if spec.options:
            raise Forbidden(
                "network driver options are not supported if the network depends on a configuration network"
            )
        given = source.spec
        return replace(
            spec,
            enable_ipv6=given.enable_ipv6,
            ipam_driver=given.ipam_driver,
            ipam_options=given.ipam_options,
            pools=given.pools,
            options=given.options,
            labels=given.labels,
        )

    async def keep(self, definition: Definition) -> None:
        """Note a settled network; durable when this returns."""
        self._know(definition)
        await self._table.put(definition.id, msgspec.json.encode(definition))

    async def forget(self, definition: Definition) -> None:
        """Drop a network whose link is gone."""
        self._definitions.pop(definition.id, None)
        for version in (4, 6):
            self._pools.pop((definition.id, version), None)
        await self._table.delete(definition.id)


def _sorted(spec: NetworkSpec) -> NetworkSpec:
    """Maps in the order in which Go prints them, subnets by family."""
    pools = [replace(pool, aux_addresses=dict(sorted(pool.aux_addresses.items()))) for pool in spec.pools]
    pools.sort(key=lambda pool: ":" in pool.subnet)
    options, labels = dict(sorted(spec.options.items())), dict(sorted(spec.labels.items()))
    return replace(spec, pools=tuple(pools), options=options, labels=labels)


def _new(spec: NetworkSpec, *, predefined: bool = False, link: str = "") -> Definition:
    return Definition(id=secrets.token_hex(32), created_at=time.time(), spec=spec, predefined=predefined, link=link)


def _configured_pool(text: str) -> IpamPool:
    """`bridge_subnet` of the configuration: a subnet, or as Docker's `--bip` the gateway with its prefix length."""
    address, _, prefix = text.partition("/")
    subnet = ipam.parse_subnet(text)
    if subnet is None:
        raise Invalid(f"invalid bridge subnet {text}: invalid CIDR block notation")
    gateway = str(subnet.network_address + 1) if address == str(subnet.network_address) else address
    return IpamPool(subnet=f"{subnet.network_address}/{prefix}", gateway=gateway)
