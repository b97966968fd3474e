"""A container's network at start: sandbox, endpoints, published ports; and the events that tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.endpoints import endpoint_spec
from agent.engine.record import Attachment
from agent.engine.validate_config import container_of
from agent.engine.validate_host import parse_port
from agent.ports.network import Network, PortRequest
from wire.engine.containers import HostPort
from wire.errors import Conflict, NotFound

__all__ = ["close_network", "network_attributes", "open_network", "port_requests"]

_UNPRIVILEGED = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}


async def open_network(ctx: Context, container: Container) -> Path | None:
    """Make the container's network; returns its namespace, None for the host's. On error what was made stays for
    `close_network`."""
    record = container.record
    host = record.host
    peer = container_of(host.network_mode)
    if peer is not None:
        if ctx.containers.resolve(peer) is container:
            raise Conflict("cannot join own network")
        return _peer_namespace(ctx, peer)
    on_host = host.network_mode == "host"
    asked = host.sysctls if isinstance(host.sysctls, dict) else {}
    sysctls = {**_UNPRIVILEGED, **{name: value for name, value in asked.items() if name.startswith("net.")}}
    sandbox = await ctx.networking.open_sandbox(
        container.id,
        hostname=record.config.hostname,
        host=on_host,
        dns=host.dns or (),
        dns_search=host.dns_search or (),
        dns_options=host.dns_options or (),
        sysctls={} if on_host else sysctls,
    )
    for attachment in sorted(record.attachments, key=lambda item: item.network != "bridge"):  # it comes first in Docker
        await connect(ctx, container, attachment)
    if not (on_host or record.config.network_disabled) and (
        requests := list(port_requests(host.port_bindings or {}, _exposed(container)))
    ):
        await ctx.networking.publish(container.id, requests)
    return sandbox.netns_path


async def connect(ctx: Context, container: Container, attachment: Attachment) -> None:
    """Join one network and tell of it. NotFound when it is gone."""
    network = _network_of(ctx, attachment)
    _check_mode(ctx, container.record.host.network_mode)
    attachment.network_id, attachment.network = network.id, network.spec.name
    endpoint = await ctx.networking.connect(
        container.id, container.name, network.id, endpoint_spec(attachment.settings, _links(container, attachment))
    )
    attachment.settings.network_id = network.id
    attachment.settings.dns_names = list(endpoint.dns_names) or None
    ctx.events.publish("network", "connect", network.id, network_attributes(container, attachment, network.spec.driver))


def _network_of(ctx: Context, attachment: Attachment) -> Network:
    """The network to join: once it was joined that very one, not another that has its name now, as in Docker."""
    if attachment.settings.network_id and attachment.network not in ("bridge", "host", "none"):
        return ctx.networking.get_network(attachment.settings.network_id)
    try:
        return ctx.networking.get_network(attachment.network_id or attachment.network)
    except NotFound:
        return ctx.networking.get_network(attachment.network)


def _check_mode(ctx: Context, mode: str) -> None:
    """NotFound when the network that the container was created for is gone, also when it is on others now."""
    if container_of(mode) is None:
        try:
            ctx.networking.get_network(mode)
        except NotFound as error:
            raise NotFound(f"could not find a network matching network mode {mode}: {error.message}") from error


def _links(container: Container, attachment: Attachment) -> dict[str, str]:
    """`--link` on a user-defined network is an alias known to this container alone: alias → container."""
    host = container.record.host
    if attachment.network == "bridge" or attachment.network != host.network_mode:
        return {}
    found: dict[str, str] = {}
    for link in host.links or ():
        name, _, alias = link.partition(":")
        found[alias.rpartition("/")[2] or name] = name.removeprefix("/")
    return found


def network_attributes(container: Container, attachment: Attachment, driver: str) -> dict[str, str]:
    return {"container": container.id, "name": attachment.network, "type": driver}


def _exposed(container: Container) -> list[str]:
    """Ports that `-P` publishes."""
    record = container.record
    return list(record.config.exposed_ports or ()) if record.host.publish_all_ports else []


def port_requests(bindings: dict[str, list[HostPort] | None], published: list[str]) -> Iterator[PortRequest]:
    """Port bindings as the network port takes them, in the order of container ports."""
    wanted: dict[str, list[HostPort]] = {port: list(hosts or [HostPort()]) for port, hosts in bindings.items()}
    for port in published:
        wanted.setdefault(port, [HostPort()])
    for port, hosts in sorted(wanted.items(), key=lambda item: (item[0].partition("/")[2], item[0])):
        number, _, protocol = port.partition("/")
        first, last = parse_port(number)
        for container_port in range(first, last + 1):
            for item in hosts:
                start, end = parse_port(item.host_port) if item.host_port else (0, 0)
                if last > first and end - start == last - first:
                    start = end = start + container_port - first
                yield PortRequest(
                    container_port=container_port,
                    protocol=protocol or "tcp",
                    host_ip=item.host_ip,
                    host_port_start=start,
                    host_port_end=end,
                )


async def close_network(ctx: Context, container: Container) -> None:
    """Leave everything; tells `disconnect` for each endpoint there was. Safe to repeat."""
    record = container.record
    if container_of(record.host.network_mode) is not None:
        return
    joined = {endpoint.network_id for endpoint in ctx.networking.sandbox_endpoints(container.id)}
    await ctx.networking.close_sandbox(container.id)
    for attachment in record.attachments:
        if attachment.network_id in joined:
            driver = _driver(ctx, attachment)
            ctx.events.publish(
                "network", "disconnect", attachment.network_id, network_attributes(container, attachment, driver)
            )


def _driver(ctx: Context, attachment: Attachment) -> str:
    try:
        return ctx.networking.get_network(attachment.network_id).spec.driver
    except NotFound:
        return "bridge"


def _peer_namespace(ctx: Context, ref: str) -> Path | None:
    other = ctx.containers.resolve(ref)
    if other.record.state.status == "restarting":
        raise Conflict(f"Container {other.id} is restarting, wait until the container is running")
    if not other.has_process:
        raise Conflict(f"cannot join network of a non running container: {other.id}")
    nested = container_of(other.record.host.network_mode)
    if nested is not None:
        return _peer_namespace(ctx, nested)
    return ctx.networking.sandbox(other.id).netns_path
