"""The networking of one agent: implements `agent.ports.network.Networking` on this host's kernel."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from agent.config import Config
from agent.host import failpoints, namespaces
from agent.host.findings import Finding
from agent.network import definition as definitions
from agent.network import firewall, nftables, report, resolv_conf
from agent.network.bridges import Bridges, rules_of
from agent.network.counters import read_counters
from agent.network.definition import BridgeOptions, Definition
from agent.network.joining import NOT_HOST, Joining, bridge_full
from agent.network.kernel import Defaults, Kernel, Plug
from agent.network.networks import Networks
from agent.network.publisher import Publisher
from agent.network.resolver import Resolvers
from agent.network.sandbox import Attachment, Sandbox, load_records
from agent.network.sweeping import Sweeper
from agent.network.worker import Worker
from agent.network.zone import Zone
from agent.ports.network import (
    Endpoint,
    EndpointSpec,
    Network,
    NetworkSpec,
    PortBinding,
    PortRequest,
    SandboxNetwork,
)
from agent.ports.storage import Store
from wire.errors import Conflict, Internal, Invalid, MooringError, NotFound

__all__ = ["LinuxNetworking"]

_log = logging.getLogger(__name__)

# What Docker sets in every private namespace: a container's root may use low ports and ping without capabilities.
_DEFAULT_SYSCTLS = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}


class LinuxNetworking:
    """See `agent.ports.network.Networking`. Made and used on one event loop; the kernel is asked on one thread."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._worker = Worker("netlink")
        self._kernel = Kernel(self._worker, prefix=config.link_prefix, instance=config.instance)
        self._networks = Networks(store, prefix=config.link_prefix)
        self._bridges = Bridges(
            config, self._worker, self._kernel, self._networks, lambda network_id: bool(self.endpoints(network_id))
        )
        self._joining = Joining(
            self._networks, lambda network_id: len(self.endpoints(network_id)), link_prefix=config.link_prefix
        )
        self._publisher = Publisher(self._worker, self._kernel, table=config.nft_table)
        self._zone = Zone()
        self._resolvers = Resolvers(self._zone, self._worker)
        self._sandboxes: dict[str, Sandbox] = {}
        self._sweeper = Sweeper(self._worker, self._kernel)
        self._findings: list[Finding] = []
        self._unusable: list[Finding] = []
        self._started = False

    # start and stop

    async def start(self) -> None:
        if self._started:
            return
        if problem := nftables.available():
            raise Internal(f"networking needs libnftables: {problem}")
        await self._worker.run(self._worker.nft)  # before sockets of many containers take the low descriptors
        for directory in (self._config.netns, self._config.sandboxes):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._restore_sandboxes()
        for sandbox in self._sandboxes.values():  # first of all: without it their names do not resolve
            if sandbox.needs_resolver:
                await self._resolvers.open(sandbox)
        await self._bridges.ensure_predefined()
        await self._worker.run(self._bring_up)
        for sandbox in self._sandboxes.values():
            sandbox.relay()
        self._findings = await self._worker.run(self._examine)
        self._started = True

    def _examine(self) -> list[Finding]:
        overlaps = [report.overlap(*item) for item in self._bridges.overlaps()]
        prefix, table = self._config.link_prefix, self._config.nft_table
        return [*overlaps, *report.examine(self._worker.nft(), link_prefix=prefix, own_table=table)]

    def _restore_sandboxes(self) -> None:
        """Take up what an earlier agent left: addresses, ports. Files whose namespace is gone are dropped."""
        for record in load_records(self._config.sandboxes):
            netns = self._config.netns / record.container_id
            file = self._config.sandboxes / f"{record.container_id}.json"
            if not record.host and not namespaces.is_pinned(netns):
                file.unlink(missing_ok=True)
                continue
            sandbox = Sandbox.restored(record, netns, file)
            self._sandboxes[record.container_id] = sandbox
            for item in sandbox.attachments.values():
                self._joining.retake(item.endpoint)
                self._zone.add(item.endpoint)
            self._publisher.restore(sandbox, record.bindings)

    def _bring_up(self) -> None:
        self._unusable = [report.unusable_network(*item) for item in self._bridges.bring_up()]
        translations = [entry for sandbox in self._sandboxes.values() for entry in sandbox.translations()]
        rules = [rules_of(item) for item in self._bridges.all()]
        self._kernel.apply([firewall.table(self._config.nft_table, rules, translations)])
        for sandbox in self._sandboxes.values():
            if not sandbox.host:
                sandbox.counters_fd = self._kernel.open_counters(sandbox.netns)

    async def close(self) -> None:
        await self._publisher.close(self._sandboxes.values())
        for sandbox in self._sandboxes.values():
            sandbox.close_counters()
        await self._sweeper.close()
        await self._resolvers.close()
        await self._worker.close()

    # networks

    async def create_network(self, spec: NetworkSpec) -> Network:
        return (await self._bridges.create(spec)).public

    async def remove_network(self, network_id: str) -> None:
        await self._bridges.remove(network_id)

    def networks(self) -> Sequence[Network]:
        return [item.public for item in self._networks.all()]

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

    # sandboxes

    def _sandbox(self, container_id: str) -> Sandbox:
        if container_id not in self._sandboxes:
            raise NotFound(f"no network sandbox of container {container_id}")
        return self._sandboxes[container_id]

    @asynccontextmanager
    async def _held(self, container_id: str) -> AsyncIterator[Sandbox]:
        """Be alone with an open sandbox. NotFound also when it was closed while we waited."""
        sandbox = self._sandbox(container_id)
        async with sandbox.lock:
            if self._sandboxes.get(container_id) is not sandbox:
                raise NotFound(f"no network sandbox of container {container_id}")
            yield sandbox

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
        sandbox = Sandbox(
            container_id=container_id,
            netns=self._config.netns / container_id,
            file=self._config.sandboxes / f"{container_id}.json",
            hostname=hostname,
            host=host,
            dns=tuple(dns),
            dns_search=tuple(dns_search),
            dns_options=tuple(dns_options),
        )
        self._sandboxes[container_id] = sandbox
        try:
            if not host:
                wanted = {key: value for key, value in (sysctls or {}).items() if key.startswith("net.")}
                sandbox.counters_fd = await self._worker.acquire(
                    os.close, self._kernel.open_sandbox, sandbox.netns, {**_DEFAULT_SYSCTLS, **wanted}
                )
        except BaseException as error:
            await self.close_sandbox(container_id)
            if isinstance(error, OSError):
                raise definitions.sandbox_refusal(error) from error
            raise
        return self.sandbox(container_id)

    def sandbox(self, container_id: str) -> SandboxNetwork:
        sandbox = self._sandbox(container_id)
        return SandboxNetwork(netns_path=None if sandbox.host else sandbox.netns)

    async def connect(self, container_id: str, container_name: str, network_id: str, spec: EndpointSpec) -> Endpoint:
        async with self._held(container_id) as sandbox:
            definition = self._networks.get(network_id)
            self._joining.check(sandbox, definition, container_name, spec)
            attachment = self._joining.attach(sandbox, definition, container_name, spec)
            before = set(sandbox.translations())
            sandbox.attachments[network_id] = attachment
            try:
                if attachment.endpoint.interface:
                    await self._plug(sandbox, definition, attachment)
                if attachment.user_defined:
                    await self._resolvers.open(sandbox)
                    self._zone.add(attachment.endpoint)
                await self._publisher.move(sandbox, before)
                failpoints.hit("network.before_sandbox_file")
                sandbox.save()
            except BaseException as error:
                await self._detach(sandbox, attachment)
                if isinstance(error, OSError):
                    raise self._plug_refused(definition, error) from error
                raise
        return attachment.endpoint

    @staticmethod
    def _plug_refused(definition: Definition, error: OSError) -> MooringError:
        if error.errno == errno.EXFULL:  # br_add_if: no port number is left
            return bridge_full(definition)
        return definitions.kernel_refusal(f"cannot join network {definition.spec.name} ({error.filename})", error)

    async def _plug(self, sandbox: Sandbox, definition: Definition, attachment: Attachment) -> None:
        options = BridgeOptions.parse(definition.spec.options)
        endpoint = attachment.endpoint
        plug = Plug(
            netns=sandbox.netns,
            link=definition.link,
            kind=definition.spec.driver,
            host_link=attachment.host_link,
            interface=endpoint.interface,
            mac_address=endpoint.mac_address,
            mtu=options.mtu,
            ipv4_address=endpoint.ipv4_address,
            ipv4_prefix_len=endpoint.ipv4_prefix_len,
            ipv6_address=endpoint.ipv6_address,
            ipv6_prefix_len=endpoint.ipv6_prefix_len,
            isolated=not options.icc,
            announce=bool(attachment.spec.mac_address),
            macvlan_mode=options.macvlan_mode,
        )
        await self._worker.run(self._kernel.plug, plug, _defaults(sandbox))

    async def disconnect(self, container_id: str, network_id: str) -> None:
        sandbox = self._sandboxes.get(container_id)
        if sandbox is None:
            return
        async with sandbox.lock:
            attachment = sandbox.attachments.get(network_id)
            if attachment is None:
                return
            if sandbox.host:
                raise Invalid(NOT_HOST)
            await self._detach(sandbox, attachment)

    async def _detach(self, sandbox: Sandbox, attachment: Attachment) -> None:
        """Undo a connect, however far it came."""
        endpoint = attachment.endpoint
        before = set(sandbox.translations())
        sandbox.attachments.pop(endpoint.network_id, None)
        self._zone.remove(sandbox.container_id, endpoint.network_id)
        await self._publisher.move(sandbox, before)
        if endpoint.interface:
            await self._worker.run(self._kernel.unplug, sandbox.netns, endpoint.interface, _defaults(sandbox))
        self._joining.release(endpoint)
        sandbox.save()

    async def rename(self, container_id: str, name: str) -> None:
        sandbox = self._sandboxes.get(container_id)
        if sandbox is None:
            return
        async with sandbox.lock:
            for network_id, item in sandbox.attachments.items():
                names = definitions.dns_names(container_id, name, item.spec.aliases, sandbox.hostname)
                sandbox.attachments[network_id] = renamed = item.renamed(name, names)
                self._zone.add(renamed.endpoint)
            sandbox.save()

    async def close_sandbox(self, container_id: str) -> None:
        sandbox = self._sandboxes.get(container_id)
        if sandbox is None:
            return
        async with sandbox.lock:
            if self._sandboxes.get(container_id) is not sandbox:
                return
            translations = self._publisher.release(sandbox)
            sandbox.close_counters()
            await self._resolvers.close_sandbox(container_id)
            await self._worker.run(self._tear_down, sandbox, translations)
            failpoints.hit("network.after_netns_dropped")
            for network_id, item in sandbox.attachments.items():
                self._zone.remove(container_id, network_id)
                self._joining.release(item.endpoint)
                if item.host_link:
                    self._sweeper.expect(item.host_link)
            sandbox.file.unlink(missing_ok=True)
            del self._sandboxes[container_id]

    def _tear_down(self, sandbox: Sandbox, translations: Sequence[firewall.Translation]) -> None:
        self._publisher.withdraw(translations)
        if not sandbox.host:
            links = {item.endpoint.interface: item.host_link for item in sandbox.attachments.values()}
            self._kernel.close_sandbox(
                sandbox.netns,
                host_links=[host_link for host_link in links.values() if host_link],
                others=[interface for interface, host_link in links.items() if interface and not host_link],
            )

    # ports

    async def publish(self, container_id: str, ports: Sequence[PortRequest]) -> list[PortBinding]:
        async with self._held(container_id) as sandbox:
            gateway = sandbox.gateway(4) or sandbox.gateway(6)
            if gateway is None or not gateway.host_link or not ports:
                return []
            options = BridgeOptions.parse(self._networks.get(gateway.endpoint.network_id).spec.options)
            return await self._publisher.publish(sandbox, ports, default_ip=options.host_binding)

    def ports(self, container_id: str) -> Sequence[PortBinding]:
        sandbox = self._sandboxes.get(container_id)
        if sandbox is None or not (sandbox.gateway(4) or sandbox.gateway(6)):
            return []
        return [item.binding for item in sandbox.reservations]

    # recovery

    async def recover(self, container_ids: Sequence[str]) -> None:
        # What was just dropped vanishes by itself a moment later; deleting it takes 15 to 40 ms each.
        dying = {
            item.host_link
            for container_id in set(self._sandboxes) - set(container_ids)
            for item in self._sandboxes[container_id].attachments.values()
        }
        for container_id in set(self._sandboxes) - set(container_ids):
            await self.close_sandbox(container_id)
        for container_id in container_ids:
            if container_id not in self._sandboxes:
                _log.error("sandbox.lost container=%s", container_id)
        removed = await self._worker.run(
            self._kernel.collect,
            netns_directory=self._config.netns,
            sandboxes=set(self._sandboxes),
            host_links=dying
            | {item.host_link for sandbox in self._sandboxes.values() for item in sandbox.attachments.values()},
            bridges={item.link for item in self._networks.all()},
        )
        if removed:
            _log.info("network.collected things=%s", ", ".join(removed))

    # what is known without asking the kernel

    def sandbox_endpoints(self, container_id: str) -> Sequence[Endpoint]:
        sandbox = self._sandboxes.get(container_id)
        return [item.endpoint for item in sandbox.attachments.values()] if sandbox else []

    def gateway_endpoint(self, container_id: str) -> Endpoint | None:
        sandbox = self._sandboxes.get(container_id)
        item = (sandbox.gateway(4) or sandbox.gateway(6)) if sandbox else None
        return item.endpoint if item else None

    def resolv_conf(self, container_id: str) -> str:
        sandbox = self._sandbox(container_id)
        host = resolv_conf.host_resolv_conf(behind_stub=not sandbox.host)
        conf = host.replaced(sandbox.dns, sandbox.dns_search, sandbox.dns_options)
        asked = resolv_conf.ResolvConf(tuple(sandbox.dns), tuple(sandbox.dns_search), tuple(sandbox.dns_options))
        if sandbox.needs_resolver:
            notes = resolv_conf.notes(asked, host, kind="internal resolver", servers=conf.servers)
            return resolv_conf.resolved_here(conf).text(notes)
        if sandbox.host:
            return conf.text(resolv_conf.notes(asked, host, kind=""))
        conf = resolv_conf.legacy(conf, own_servers=bool(sandbox.dns), ipv6=sandbox.gateway(6) is not None)
        return conf.text(resolv_conf.notes(asked, host, kind="legacy"))

    def interface_counters(self, container_id: str) -> Mapping[str, Mapping[str, int]]:
        sandbox = self._sandboxes.get(container_id)
        return read_counters(sandbox.counters_fd) if sandbox else {}

    def findings(self) -> Sequence[Mapping[str, str]]:
        reservations = [entry for sandbox in self._sandboxes.values() for entry in sandbox.reservations]
        lost = report.lost_ports([entry.binding for entry in reservations if entry.held is None])
        return [msgspec.structs.asdict(finding) for finding in (*self._unusable, *lost, *self._findings)]


def _defaults(sandbox: Sandbox) -> Defaults:
    four, six = sandbox.gateway(4), sandbox.gateway(6)
    return Defaults(
        ipv4=(four.endpoint.interface, four.endpoint.gateway) if four else None,
        ipv6=(six.endpoint.interface, six.endpoint.ipv6_gateway) if six else None,
    )
