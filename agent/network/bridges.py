"""Networks made real: subnets settled against the host's routes, bridges, and their elements of the firewall."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from agent.config import Config
from agent.host import failpoints
from agent.host.threads import to_the_end
from agent.network import definition as definitions
from agent.network import firewall, ipam, nftables
from agent.network.definition import BridgeOptions, Definition
from agent.network.firewall import BridgeRules
from agent.network.kernel import Kernel
from agent.network.networks import Networks
from agent.network.worker import Worker
from agent.ports.network import NetworkSpec
from wire.errors import Forbidden, Internal

__all__ = ["Bridges", "rules_of"]

_log = logging.getLogger(__name__)


def rules_of(definition: Definition) -> BridgeRules:
    """What the firewall has to know of a bridge network."""
    options = BridgeOptions.parse(definition.spec.options)
    return BridgeRules(
        bridge=definition.link,
        subnet4=definition.subnet4,
        subnet6=definition.subnet6,
        internal=definition.spec.internal,
        icc=options.icc,
        masquerade=options.masquerade,
        source4=options.source4,
        source6=options.source6,
    )


class Bridges:
    """Creates and removes networks, one at a time. `in_use` tells whether a network has live endpoints."""

    def __init__(
        self, config: Config, worker: Worker, kernel: Kernel, networks: Networks, in_use: Callable[[str], bool]
    ) -> None:
        self._config = config
        self._worker = worker
        self._kernel = kernel
        self._networks = networks
        self._in_use = in_use
        self._lock = asyncio.Lock()
        self._defaults = ipam.DefaultSubnets()  # used on the worker thread only

    async def ensure_predefined(self) -> None:
        """Make `none`, `host` and the default bridge known when they are not; follow a changed `bridge_subnet` unless
        containers are on the bridge."""
        async with self._lock:
            default = self._networks.by_name("bridge")
            if default is not None and self._moved(default):
                if self._in_use(default.id):
                    _log.warning("bridge.subnet_kept subnet=%s reason=containers_on_it", default.subnet4)
                else:
                    await self._worker.run(self._kernel.remove_links, [default.link])
                    await self._networks.forget(default)
            for proposal in self._networks.predefined(self._config.bridge_subnet):
                await self._networks.keep(await self._settle(proposal))

    def _moved(self, default: Definition) -> bool:
        wanted = self._config.bridge_subnet
        return bool(wanted) and str(ipam.parse_subnet(wanted)) != default.subnet4

    def overlaps(self) -> list[tuple[str, str, str]]:
        """(network, its subnet, the host's route) of every network that hides, or is hidden by, something the host
        reaches elsewhere. Runs on the worker thread."""
        found: list[tuple[str, str, str]] = []
        for definition in self.all():
            for text in filter(None, (definition.subnet4, definition.subnet6)):
                subnet = ipam.parse_subnet(text)
                for route in self._kernel.host_subnets(beside=definition.link):
                    if subnet and route.version == subnet.version and route.overlaps(subnet):
                        found.append((definition.spec.name, text, str(route)))
        return found

    def bring_up(self) -> list[tuple[str, str]]:
        """Bring every kept bridge to what it shall be; return (network, reason) of those that cannot be. Runs on the
        worker thread: one broken network must not take the others down."""
        unusable: list[tuple[str, str]] = []
        bridges = self.all()
        self._kernel.enable_forwarding(ipv6=any(item.subnet6 for item in bridges))
        for item in bridges:
            try:
                self._kernel.ensure_bridge(item, BridgeOptions.parse(item.spec.options))
            except (OSError, Internal) as error:
                _log.error("bridge.unusable network=%s link=%s error=%s", item.spec.name, item.link, error)
                unusable.append((item.spec.name, str(error)))
        return unusable

    def all(self) -> Sequence[Definition]:
        return [item for item in self._networks.all() if item.spec.driver == "bridge"]

    async def create(self, spec: NetworkSpec) -> Definition:
        """See the port's `create_network`. What was begun is ended, as Docker does, also for a caller that has gone."""
        return await to_the_end(asyncio.ensure_future(self._create(spec)))

    async def _create(self, spec: NetworkSpec) -> Definition:
        async with self._lock:
            definition = await self._settle(self._networks.propose(spec))
            try:
                failpoints.hit("network.after_bridge")
                if definition.spec.driver == "bridge":
                    await self._worker.run(self._open, definition)
                await self._networks.keep(definition)
            except BaseException:
                if definition.link and definition.owns_link:
                    await self._worker.run(self._kernel.remove_links, [definition.link])
                raise
            return definition

    async def _settle(self, proposal: Definition) -> Definition:
        if proposal.spec.config_only or proposal.spec.driver in ("null", "host"):
            return proposal
        try:
            return await self._worker.run(self._settle_here, proposal, self._networks.all())
        except OSError as error:
            raise definitions.kernel_refusal(f"cannot create network {proposal.spec.name}", error) from error

    def _settle_here(self, proposal: Definition, known: Sequence[Definition]) -> Definition:
        """Choose the subnets and make the bridge, under the host-wide lock: no other agent takes the same subnet."""
        with _locked(self._config.subnets_lock):
            settled = definitions.resolve_pools(
                proposal,
                networks=known,
                host_subnets=self._kernel.host_subnets(),
                defaults=self._defaults,
                seed=self._config.instance,
            )
            settled = self._networks.plug(settled, known)
            if settled.predefined:
                settled = msgspec.structs.replace(settled, user_subnets=False)
            if settled.spec.driver == "macvlan":
                self._kernel.check_parent(settled.link)
                return settled
            owned = self._kernel.ensure_bridge(settled, BridgeOptions.parse(settled.spec.options))
        return msgspec.structs.replace(settled, owns_link=owned)

    def _open(self, definition: Definition) -> None:
        if definition.subnet6:
            self._kernel.enable_forwarding(ipv6=True)
        self._kernel.apply(firewall.bridge_elements(self._config.nft_table, rules_of(definition)))

    async def remove(self, network_id: str) -> None:
        """See the port's `remove_network`. Ended as a creation is."""
        await to_the_end(asyncio.ensure_future(self._remove(network_id)))

    async def _remove(self, network_id: str) -> None:
        async with self._lock:
            definition = self._networks.get(network_id)
            name = definition.spec.name
            if definition.predefined:
                raise Forbidden(f"{name} is a pre-defined network and cannot be removed")
            if self._in_use(network_id):
                raise Forbidden(f"error while removing network: network {name} id {network_id} has active endpoints")
            if definition.spec.config_only and any(item.spec.config_from == name for item in self._networks.all()):
                raise Forbidden(f'error while removing network: configuration network "{name}" is in use')
            if definition.spec.driver == "bridge":
                await self._worker.run(self._close, definition)
            failpoints.hit("network.after_bridge_removed")
            await self._networks.forget(definition)

    def _close(self, definition: Definition) -> None:
        commands = firewall.bridge_elements(self._config.nft_table, rules_of(definition), verb="delete")
        try:
            self._kernel.apply(commands)
        except nftables.NftError as error:  # somebody flushed our table: they are away already
            _log.warning("firewall.elements_missing error=%s", error.message.splitlines()[0])
        if definition.owns_link:
            self._kernel.remove_links([definition.link])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` meanwhile; waits for other agents (milliseconds)."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
