"""What is done to the host's and the containers' network stacks. Every method runs on the worker thread.

Everything is named so that it can be found again: links start with the instance's prefix, and a bridge also carries
the alias `mooring:INSTANCE:NETWORK`, since a user may choose its name.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.host import failpoints, namespaces
from agent.network import conntrack, links
from agent.network.definition import BridgeOptions, Definition
from agent.network.firewall import Translation
from agent.network.ipam import Subnet
from agent.network.netlink import Message, NetlinkSocket
from agent.network.worker import Worker
from wire.errors import Internal

__all__ = ["Defaults", "Kernel", "Plug"]

_log = logging.getLogger(__name__)
_SYSCTL = Path("/proc/sys/net")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """An interface to make inside a namespace: a veth to bridge `link`, or a macvlan on it."""

    netns: Path
    link: str
    kind: str  # bridge or macvlan
    host_link: str
    interface: str
    mac_address: str
    mtu: int
    ipv4_address: str = ""
    ipv4_prefix_len: int = 0
    ipv6_address: str = ""
    ipv6_prefix_len: int = 0
    isolated: bool = False
    announce: bool = False  # tell the neighbours of a MAC address that the IP address does not imply
    macvlan_mode: str = "bridge"


@dataclass(frozen=True, slots=True)
class Defaults:
    """The default routes a namespace shall have: (interface, gateway) or None for each family."""

    ipv4: tuple[str, str] | None = None
    ipv6: tuple[str, str] | None = None


def _write_sysctl(path: str, value: str) -> None:
    (_SYSCTL / path).write_text(value)


def _read_sysctl(path: str) -> str:
    """The value, "" where the kernel has none (no IPv6, no bridge netfilter)."""
    try:
        return (_SYSCTL / path).read_text().strip()
    except OSError:
        return ""


class Kernel:
    """See the module docstring. OSErrors name what was asked of the kernel."""

    def __init__(self, worker: Worker, *, prefix: str, instance: str) -> None:
        self._worker = worker
        self._own_name = re.compile(re.escape(prefix) + "(0|[bv][0-9a-f]{6})")
        self._alias = f"mooring:{instance}:"

    # bridges

    def ensure_bridge(self, definition: Definition, options: BridgeOptions) -> bool:
        """Make the network's bridge what it shall be; return whether the link is ours. Safe to repeat.

        A link of that name that was there before us is used and not owned.
        """
        route = self._worker.route()
        name = definition.link
        alias = self._alias + definition.id
        known = links.find_link(route, name)
        if known is not None:
            if known.kind != "bridge":
                raise Internal(f"existing interface {name} is not a bridge")
            owned = known.alias == alias or bool(self._own_name.fullmatch(name))
            self._set_up(known.index, definition, options, alias if owned else None)
            return owned
        mac = "02:42:" + secrets.token_bytes(4).hex(":")
        route.request(links.add_bridge(name, mac_address=mac, mtu=options.mtu))
        try:
            made = links.find_link(route, name)
            assert made is not None
            self._set_up(made.index, definition, options, alias)
        except BaseException:
            self.remove_links([name])
            raise
        return True

    def check_parent(self, name: str) -> None:
        """Internal with Docker's text when a macvlan's parent is not there."""
        if links.find_link(self._worker.route(), name) is None:
            raise Internal(f"invalid subinterface vlan name {name}, example formatting is eth0.10")

    def _set_up(self, index: int, definition: Definition, options: BridgeOptions, alias: str | None) -> None:
        name = definition.link
        wanted: list[Message] = [links.set_link(index, up=True, alias=alias)]
        with contextlib.suppress(OSError):
            _write_sysctl(f"ipv6/conf/{name}/accept_ra", "0")
        if definition.gateway4 and not options.inhibit_ipv4:
            wanted.append(links.add_address(index, definition.gateway4, _prefix_len(definition.subnet4)))
        if definition.gateway6:
            with contextlib.suppress(OSError):
                _write_sysctl(f"ipv6/conf/{name}/disable_ipv6", "0")
            wanted.append(links.add_address(index, definition.gateway6, _prefix_len(definition.subnet6)))
        self._worker.route().request(*wanted)
        _write_sysctl(f"ipv4/conf/{name}/route_localnet", "1")

    def remove_links(self, names: Collection[str]) -> list[str]:
        """Delete those of these links that are there; return which were."""
        route = self._worker.route()
        found = [link for name in names if (link := links.find_link(route, name)) is not None]
        for link in found:
            _request_gone(route, links.delete_link(link.index, link.name))
        return [link.name for link in found]

    def enable_forwarding(self, *, ipv6: bool) -> None:
        """Let the host forward, as Docker does; left alone when it already does.

        A host that forwards IPv6 no longer believes router advertisements unless `accept_ra` is 2: links that listened
        to them go on doing so, or the host would lose its own default route.
        """
        if _read_sysctl("ipv4/ip_forward") == "0":
            _write_sysctl("ipv4/ip_forward", "1")
        if not ipv6 or _read_sysctl("ipv6/conf/all/forwarding") != "0":
            return
        for directory in (_SYSCTL / "ipv6/conf").iterdir():
            with contextlib.suppress(OSError):  # a link may vanish meanwhile
                if directory.name != "all" and (directory / "accept_ra").read_text().strip() == "1":
                    (directory / "accept_ra").write_text("2")
        _write_sysctl("ipv6/conf/default/forwarding", "1")
        _write_sysctl("ipv6/conf/all/forwarding", "1")

    def host_subnets(self, *, beside: str = "") -> list[Subnet]:
        """Subnets the host has routes to, but for those by the link `beside`."""
        route = self._worker.route()
        known = links.find_link(route, beside) if beside else None
        return links.routed_subnets(route, except_links=frozenset((known.index,) if known else ()))

    # sandboxes

    def open_sandbox(self, netns: Path, sysctls: Mapping[str, str]) -> int:
        """Make and pin a namespace with its loopback up; return an fd of its interface counters, for the caller to
        close."""
        with namespaces.make_netns(netns):
            with NetlinkSocket() as inside:
                inside.request(links.loopback_up())
            self.set_sysctls(sysctls)
            failpoints.hit("network.after_netns")
            return os.open("/proc/thread-self/net/dev", os.O_RDONLY | os.O_CLOEXEC)

    @staticmethod
    def set_sysctls(sysctls: Mapping[str, str]) -> None:
        """Set `net.*` values of the namespace the thread is in. OSError names the key."""
        for key, value in sysctls.items():
            try:
                (_SYSCTL.parent / key.replace(".", "/")).write_text(value)
            except OSError as error:
                raise OSError(error.errno, error.strerror, key) from error

    def open_counters(self, netns: Path) -> int:
        """An fd of a namespace's interface counters."""
        with namespaces.inside_netns(netns):
            return os.open("/proc/thread-self/net/dev", os.O_RDONLY | os.O_CLOEXEC)

    def plug(self, plug: Plug, defaults: Defaults) -> None:
        """Make the interface, its addresses and the default routes. Nothing is left when it fails."""
        route = self._worker.route()
        parent = links.find_link(route, plug.link)
        if parent is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), plug.link)
        netns = os.open(plug.netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if plug.kind == "macvlan":
                made = links.add_macvlan(
                    plug.interface,
                    parent=parent.index,
                    mode=plug.macvlan_mode,
                    mtu=plug.mtu,
                    netns_fd=netns,
                    mac_address=plug.mac_address,
                )
            else:
                made = links.add_veth(
                    plug.host_link,
                    master=parent.index,
                    mtu=plug.mtu,
                    peer_name=plug.interface,
                    peer_netns_fd=netns,
                    peer_mac_address=plug.mac_address,
                )
            route.request(made)
            failpoints.hit("network.after_veth")
        finally:
            os.close(netns)
        try:
            # With bridge netfilter the forward chain keeps the ports apart, and isolation would also stop translated
            # packets, which it turns round inside the bridge.
            if plug.isolated and plug.host_link and _read_sysctl("bridge/bridge-nf-call-iptables") != "1":
                self._set_port(plug.host_link, isolated=True)
            with namespaces.inside_netns(plug.netns), NetlinkSocket() as inside:
                self._configure(inside, plug)
                self._set_defaults(inside, defaults)
        except BaseException:
            with contextlib.suppress(OSError):
                self.unplug(plug.netns, plug.interface, Defaults())
            raise

    @staticmethod
    def _configure(inside: NetlinkSocket, plug: Plug) -> None:
        link = links.find_link(inside, plug.interface)
        if link is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), plug.interface)
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            _write_sysctl(f"ipv6/conf/{plug.interface}/disable_ipv6", "0" if plug.ipv6_address else "1")
        if plug.announce:
            _write_sysctl(f"ipv4/conf/{plug.interface}/arp_notify", "1")
        wanted = []
        if plug.ipv4_address:
            wanted.append(links.add_address(link.index, plug.ipv4_address, plug.ipv4_prefix_len))
        if plug.ipv6_address:
            wanted.append(links.add_address(link.index, plug.ipv6_address, plug.ipv6_prefix_len))
        inside.request(*wanted, links.set_link(link.index, up=True))

    @staticmethod
    def _set_defaults(inside: NetlinkSocket, defaults: Defaults) -> None:
        wanted = []
        for version, default in ((4, defaults.ipv4), (6, defaults.ipv6)):
            if default is not None:
                link = links.find_link(inside, default[0])
                if link is not None:
                    wanted.append(links.add_default_route(version, link.index, gateway=default[1]))
        if wanted:
            inside.request(*wanted)

    def unplug(self, netns: Path, interface: str, defaults: Defaults) -> None:
        """Delete an interface of a namespace and set its default routes; safe to repeat."""
        with contextlib.suppress(FileNotFoundError), namespaces.inside_netns(netns), NetlinkSocket() as inside:
            link = links.find_link(inside, interface)
            if link is not None:
                _request_gone(inside, links.delete_link(link.index, interface))
            self._set_defaults(inside, defaults)

    def close_sandbox(self, netns: Path, *, host_links: Iterable[str], others: Iterable[str]) -> None:
        """Drop the namespace's pin; its interfaces vanish with it, a moment later. Safe to repeat.

        Until then nothing may answer for its addresses, which the next container gets at once: the bridge ports
        `host_links` are silenced, and the interfaces `others`, which are no bridge ports, are deleted.
        """
        route = self._worker.route()
        for name in host_links:
            with contextlib.suppress(OSError):  # it has gone already, or its bridge runs a spanning tree
                link = links.find_link(route, name)
                if link is not None:
                    route.request(links.silence_port(link.index))
        for interface in others:
            self.unplug(netns, interface, Defaults())
        namespaces.remove_netns(netns)

    def _set_port(self, host_link: str, *, hairpin: bool | None = None, isolated: bool | None = None) -> None:
        route = self._worker.route()
        link = links.find_link(route, host_link)
        if link is not None:
            route.request(links.set_port(link.index, hairpin=hairpin, isolated=isolated))

    # firewall

    def apply(self, commands: Iterable[str]) -> None:
        """Run nftables commands as one transaction."""
        script = "\n".join(commands)
        if script:
            self._worker.nft().run(script)

    def publish(self, commands: Iterable[str], host_links: Iterable[str], translations: Iterable[Translation]) -> None:
        """Change translations; ports of the bridge get hairpin mode (a container reaching itself through its published
        port, with bridge netfilter on); UDP flows that went elsewhere are forgotten."""
        self.apply(commands)
        for host_link in host_links:
            self._set_port(host_link, hairpin=True)
        self.forget_flows(translations, keep=True)

    def forget_flows(self, translations: Iterable[Translation], *, keep: bool = False) -> None:
        """Forget UDP flows to these host ports; with `keep` only those that other addresses answer."""
        udp = [item for item in translations if item.protocol == "udp"]
        if not udp:
            return
        local = links.local_addresses(self._worker.route())
        for item in udp:
            conntrack.forget_udp_flows(
                item.host_port,
                version=6 if ":" in item.host_ip else 4,
                local_addresses=local,
                keep_address=item.address if keep else "",
            )

    # recovery

    def collect(
        self,
        *,
        netns_directory: Path,
        sandboxes: Collection[str],
        host_links: Collection[str],
        bridges: Collection[str],
    ) -> list[str]:
        """Remove every namespace and link of ours that is not named; return what was removed."""
        removed: list[str] = []
        for path in netns_directory.iterdir() if netns_directory.is_dir() else ():
            if path.name not in sandboxes:
                namespaces.remove_netns(path)
                removed.append(str(path))
        route = self._worker.route()
        keep = {*host_links, *bridges}
        for link in links.iter_links(route):
            ours = self._own_name.fullmatch(link.name) or link.alias.startswith(self._alias)
            if ours and link.name not in keep:
                _request_gone(route, links.delete_link(link.index, link.name))
                removed.append(link.name)
        return removed


def _prefix_len(subnet: str) -> int:
    return int(subnet.rpartition("/")[2])


def _request_gone(netlink: NetlinkSocket, message: Message) -> None:
    """Delete; that it is gone already (its namespace was just dropped) is as good."""
    try:
        netlink.request(message)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
