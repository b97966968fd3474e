"""/etc/hosts, /etc/hostname and /etc/resolv.conf of a container: durable files of ours, bound over the root."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.links import linked_containers
from agent.engine.validate_config import container_of
from agent.host.files import write_file
from agent.ports.network import Endpoint

__all__ = ["NAMES", "files_of", "write_etc_files", "write_hosts"]

NAMES = ("resolv.conf", "hostname", "hosts")

_LOCAL = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::0", "ip6-localnet"),
    ("ff00::0", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)


def files_of(ctx: Context, container: Container) -> Path:
    """The directory that holds the three files: the peer's when the network is another container's."""
    peer = container_of(container.record.host.network_mode)
    if peer is not None:
        return ctx.config.container(ctx.containers.resolve(peer).id)
    return ctx.config.container(container.id)


def write_etc_files(ctx: Context, container: Container) -> None:
    """Write all three from what is known now; call when the container's networks are up."""
    record = container.record
    if container_of(record.host.network_mode) is not None:
        return
    directory = ctx.config.container(container.id)
    directory.mkdir(mode=0o710, parents=True, exist_ok=True)
    write_file(directory / "hostname", f"{record.config.hostname}\n", mode=0o644)
    write_file(directory / "resolv.conf", _resolv_conf(ctx, container), mode=0o644)
    write_hosts(ctx, container)


def _resolv_conf(ctx: Context, container: Container) -> str:
    return ctx.networking.resolv_conf(container.id)


def write_hosts(ctx: Context, container: Container) -> None:
    """Write /etc/hosts in place (the file is bound by inode), as networks come and go."""
    record = container.record
    host = record.host
    path = ctx.config.container(container.id) / "hosts"
    if host.network_mode == "host":
        content = ""
        with suppress(OSError):
            content = Path("/etc/hosts").read_text()
        if content and not content.endswith("\n"):
            content += "\n"
        write_file(path, content + _lines(_extra(ctx, container)), mode=0o644)
        return
    entries = [*_LOCAL, *_extra(ctx, container)]
    names = _own_names(record.config.hostname, record.config.domainname)
    endpoints = ctx.networking.sandbox_endpoints(container.id)
    entries += _links(ctx, container)
    for endpoint in endpoints:
        for address in (endpoint.ipv4_address, endpoint.ipv6_address):
            if address:
                entries.append((address, names))
    write_file(path, _lines(entries), mode=0o644)


def _lines(entries: Sequence[tuple[str, str]]) -> str:
    return "".join(f"{address}\t{names}\n" for address, names in entries)


def _own_names(hostname: str, domainname: str) -> str:
    if domainname:
        return f"{hostname}.{domainname} {hostname}"
    short = hostname.partition(".")[0]
    return f"{hostname} {short}" if short != hostname else hostname


def _extra(ctx: Context, container: Container) -> list[tuple[str, str]]:
    entries: list[tuple[str, str]] = []
    for item in container.record.host.extra_hosts or ():
        name, _, address = item.partition(":")
        if address == "host-gateway":
            address = _host_gateway(ctx, ctx.networking.sandbox_endpoints(container.id))
        entries.append((address.removeprefix("[").removesuffix("]"), name))
    return entries


def _host_gateway(ctx: Context, endpoints: Sequence[Endpoint]) -> str:
    """The host's address on the default bridge, as Docker; else the container's own gateway."""
    for network in ctx.networking.networks():
        if (
            network.predefined
            and network.spec.name == "bridge"
            and network.spec.pools
            and network.spec.pools[0].gateway
        ):
            return network.spec.pools[0].gateway
    return next((endpoint.gateway for endpoint in endpoints if endpoint.gateway), "127.0.0.1")


def _links(ctx: Context, container: Container) -> list[tuple[str, str]]:
    """Legacy links live in the hosts file of containers on the default bridge."""
    if container.record.host.network_mode != "bridge":
        return []
    entries: list[tuple[str, str]] = []
    for other, alias in linked_containers(ctx, container.record.host):
        for endpoint in ctx.networking.sandbox_endpoints(other.id):
            if endpoint.network_name == "bridge" and endpoint.ipv4_address:
                names = dict.fromkeys((alias, other.record.config.hostname, other.name))
                entries.append((endpoint.ipv4_address, " ".join(names)))
    return entries
