"""`inspect`: one container, whole, in the order and JSON kinds of Docker Engine 26.1."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from agent.engine.clock import rfc3339_nano
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.endpoints import show_endpoint
from agent.engine.etc_files import files_of
from agent.engine.links import has_legacy_links, parse_link
from agent.engine.record import MountPoint
from agent.engine.security import parse_security_opt
from agent.engine.status import state_document
from agent.engine.validate_config import container_of
from agent.ports.network import Endpoint
from wire.engine.containers import EndpointSettings
from wire.errors import MooringError, NotFound

__all__ = ["inspect", "mount_documents", "network_documents", "port_document"]


async def inspect(ctx: Context, ref: str, *, size: bool = False) -> dict[str, Any]:
    """NotFound. With `size` the writable layer is measured."""
    container = ctx.containers.resolve(ref)
    record = container.record
    document: dict[str, Any] = {
        "Id": record.id,
        "Created": rfc3339_nano(record.created_at_ns),
        "Path": record.path,
        "Args": record.args,
        "State": state_document(container),
        "Image": record.image_id,
        **_paths(ctx, container),
        "Name": f"/{record.name}",
        "RestartCount": record.restart_count,
        "Driver": record.driver,
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": _apparmor(ctx, container),
        "ExecIDs": ctx.execs.unfinished_of(container.exec_ids) or None,
        "HostConfig": _host_config(container),
        "GraphDriver": _graph_driver(ctx, container),
    }
    if size:
        document["SizeRw"] = await ctx.images.writable_size_bytes(record.id)
        document["SizeRootFs"] = document["SizeRw"] + _image_size(ctx, record.image_id)
    document["Mounts"] = mount_documents(ctx, container)
    document["Config"] = _config(container)
    document["NetworkSettings"] = _network_settings(ctx, container)
    return document


def _config(container: Container) -> Any:
    """With the MAC address asked for on the main network, which was a member of Config once."""
    record = container.record
    main = next((item for item in record.attachments if item.network == record.host.network_mode), None)
    if main is None or not main.settings.mac_address:  # once it has left that network, the address asked for stays
        return record.config
    shown = copy.copy(record.config)
    shown.mac_address = main.settings.mac_address
    return shown


def _image_size(ctx: Context, image_id: str) -> int:
    try:
        return ctx.images.resolve(image_id).size_bytes if image_id else 0
    except NotFound:
        return 0


def _paths(ctx: Context, container: Container) -> dict[str, str]:
    record = container.record
    started = record.started_once
    try:
        directory = files_of(ctx, container)
    except MooringError:
        directory = ctx.config.container(record.id)
    log = record.host.log_config.type in ("json-file", "local") and started
    return {
        "ResolvConfPath": str(directory / "resolv.conf") if started else "",
        "HostnamePath": str(directory / "hostname") if started else "",
        "HostsPath": str(directory / "hosts") if started else "",
        "LogPath": str(ctx.config.container_log(record.id)) if log and record.host.log_config.type != "local" else "",
    }


def _apparmor(ctx: Context, container: Container) -> str:
    info = ctx.runtime.info()
    if not info.apparmor:
        return ""
    asked = parse_security_opt(container.record.host.security_opt or ()).apparmor
    if asked or not container.record.started_once:  # what nobody asked for is settled at the start
        return asked or ""
    return "unconfined" if container.record.host.privileged else info.apparmor_profile


def _host_config(container: Container) -> Any:
    """As it was asked for; links are shown as Docker keeps them (`/other:/me/alias`), those of a user's own network
    only with its endpoint."""
    host = container.record.host
    if not host.links:
        return host
    shown = msgspec.to_builtins(host)
    links = [f"/{name}:/{container.name}/{alias}" for name, alias in map(parse_link, host.links)]
    shown["Links"] = links if has_legacy_links(host) else None
    return shown


def _graph_driver(ctx: Context, container: Container) -> Any:
    try:
        return ctx.images.graph_driver(container.id)
    except NotFound:
        return {"Data": None, "Name": container.record.driver}


def mount_documents(ctx: Context, container: Container, *, listed: bool = False) -> list[dict[str, Any]]:
    """`Mounts`; a list leaves out the sources of volumes that only the configuration asks for, as Docker."""
    return [_mount(ctx, point, listed and not point.mode) for point in container.record.mounts]


def _mount(ctx: Context, point: MountPoint, without_source: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"Type": point.type}
    if point.name:
        document["Name"] = point.name
    source = point.source
    if point.type == "volume" and not without_source:
        try:
            source = str(ctx.volumes.get(point.name).mountpoint)
        except NotFound:
            source = ""
    document |= {"Source": source, "Destination": point.target}
    if point.driver:
        document["Driver"] = point.driver
    return document | {"Mode": point.mode, "RW": point.rw, "Propagation": point.propagation}


def network_documents(ctx: Context, container: Container) -> dict[str, EndpointSettings]:
    """`Networks`: what is asked, with what is so while it runs."""
    live = {endpoint.network_id: endpoint for endpoint in ctx.networking.sandbox_endpoints(container.id)}
    found: dict[str, EndpointSettings] = {}
    for attachment in container.record.attachments:
        endpoint = live.get(attachment.network_id)
        if endpoint is not None:
            shown = show_endpoint(attachment.settings, endpoint)
        else:
            shown = _asked(attachment.settings)
            if container.record.started_once:
                shown.mac_address = ""
        found[attachment.network] = shown
    return found


def _asked(settings: EndpointSettings) -> EndpointSettings:
    return EndpointSettings(
        ipam_config=settings.ipam_config,
        links=settings.links,
        aliases=settings.aliases,
        mac_address=settings.mac_address,
        network_id=settings.network_id,
        driver_opts=settings.driver_opts,
        dns_names=settings.dns_names,
    )


def port_document(ctx: Context, container: Container) -> dict[str, Any]:
    """`Ports`: every exposed port of a running container, null or its host bindings. Empty when it does not run."""
    if not container.has_process or container_of(container.record.host.network_mode) is not None:
        return {}
    if ctx.networking.gateway_endpoint(container.id) is None:  # the host's network, none, or only internal ones
        return {}
    ports: dict[str, Any] = {}
    for port in container.record.config.exposed_ports or ():
        number, _, protocol = port.partition("/")
        ports[f"{number}/{protocol or 'tcp'}"] = None
    for binding in ctx.networking.ports(container.id):
        key = f"{binding.container_port}/{binding.protocol}"
        bound = ports.get(key)
        if bound is None:
            bound = ports[key] = []
        bound.append({"HostIp": binding.host_ip, "HostPort": str(binding.host_port)})
    return dict(sorted(ports.items()))


def _network_settings(ctx: Context, container: Container) -> dict[str, Any]:
    record = container.record
    endpoints = ctx.networking.sandbox_endpoints(container.id)
    bridge = next((endpoint for endpoint in endpoints if endpoint.network_name == "bridge"), None)
    sandbox_key, sandbox_id = _sandbox(ctx, container)
    return {
        "Bridge": "",
        "SandboxID": sandbox_id,
        "SandboxKey": sandbox_key,
        "Ports": port_document(ctx, container),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **_legacy(bridge),
        "Networks": dict(sorted(network_documents(ctx, container).items())) if record.attachments else {},
    }


def _sandbox(ctx: Context, container: Container) -> tuple[str, str]:
    """(key, id). Those of the last run stay when it is over."""
    record = container.record
    if (
        container_of(record.host.network_mode) is not None
        or record.config.network_disabled
        or not (container.has_process or record.started_once or record.state.error)
    ):
        return "", ""
    if record.host.network_mode == "host":
        return "/proc/1/ns/net", container.id
    return str(ctx.config.netns / container.id), container.id


def _legacy(endpoint: Endpoint | None) -> dict[str, Any]:
    """The default bridge's endpoint, at the top level since long ago."""
    return {
        "EndpointID": endpoint.id if endpoint else "",
        "Gateway": endpoint.gateway if endpoint else "",
        "GlobalIPv6Address": endpoint.ipv6_address if endpoint else "",
        "GlobalIPv6PrefixLen": endpoint.ipv6_prefix_len if endpoint else 0,
        "IPAddress": endpoint.ipv4_address if endpoint else "",
        "IPPrefixLen": endpoint.ipv4_prefix_len if endpoint else 0,
        "IPv6Gateway": endpoint.ipv6_gateway if endpoint else "",
        "MacAddress": endpoint.mac_address if endpoint else "",
    }
