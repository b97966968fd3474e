"""A container's networks: from what create or connect asked to `Attachment`s, and to what the network port takes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from agent.engine.record import Attachment
from agent.ports.network import Endpoint, EndpointSpec, Network, Networking
from wire.engine.containers import (
    ContainerConfig,
    EndpointIpamConfig,
    EndpointSettings,
    HostConfig,
    NetworkingConfig,
)
from wire.errors import Invalid, MooringError, NotFound

__all__ = ["attachments_for", "endpoint_spec", "forget_endpoint", "migrate_mac_address", "show_endpoint"]

_MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
_PREDEFINED = ("bridge", "default", "host", "none")
MAC_DEPRECATED = (
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
)


def migrate_mac_address(config: ContainerConfig, host: HostConfig, networking: NetworkingConfig) -> str:
    """Move Config.MacAddress to the endpoint of the network mode; returns the warning Docker gives, or ""."""
    wanted = config.mac_address or ""
    if not wanted:
        return ""
    mode = host.network_mode or "default"
    if mode not in ("host", "none") and not mode.startswith("container:"):
        name = "bridge" if mode == "default" else mode
        if not networking.endpoints_config:
            networking.endpoints_config = {name: EndpointSettings(mac_address=wanted)}
        else:
            settings = networking.endpoints_config.get(name) or networking.endpoints_config.get(mode)
            if settings is None:
                raise Invalid(
                    "unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must "
                    "match the identity of a network in NetworkSettings.Networks"
                )
            if settings.mac_address and settings.mac_address != wanted:
                raise Invalid(
                    "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
                    "or be left empty"
                )
            settings.mac_address = wanted
    config.mac_address = ""
    return MAC_DEPRECATED


def attachments_for(host: HostConfig, networking: NetworkingConfig, port: Networking) -> list[Attachment]:
    """The networks a new container will be on, checked. Invalid with Docker's `invalid config for network` texts."""
    asked = dict(networking.endpoints_config or {})
    for name, settings in asked.items():
        try:
            _check(name, settings, port)
        except MooringError as error:
            shown = "bridge" if name == "default" else name
            raise Invalid(f"invalid config for network {shown}: {error.message}") from error
    mode = host.network_mode
    if mode.startswith("container:"):
        return []
    if not asked:
        asked = {mode: EndpointSettings()}
    elif "default" in asked:
        asked["bridge"] = asked.pop("default")
    found: list[Attachment] = []
    for name, settings in sorted(asked.items(), key=lambda item: item[0] != mode):
        network = _find(name, port)
        kept = settings or EndpointSettings()
        forget_endpoint(kept)
        found.append(
            Attachment(
                network=network.spec.name if network else name,
                network_id=network.id if network else "",
                settings=kept,
            )
        )
    return found


def _find(name: str, port: Networking) -> Network | None:
    try:
        return port.get_network(name)
    except NotFound:
        return None


def _check(name: str, settings: EndpointSettings | None, port: Networking) -> None:
    if settings is None:
        raise Invalid("EndpointsConfig is nil")
    network = _find("bridge" if name == "default" else name, port)
    if network is not None:
        port.check_endpoint(network.id, endpoint_spec(settings))
        problems = _link_local(settings)
    else:
        problems = _addresses(settings) + _link_local(settings)
    if problems:
        shown = problems[0] if len(problems) == 1 else "\n".join(f"* {text}" for text in problems)
        raise Invalid(f"invalid endpoint settings:\n{shown}")
    if settings.mac_address and not _MAC.fullmatch(settings.mac_address):
        raise Invalid(f"invalid MAC address {settings.mac_address}")


def _addresses(settings: EndpointSettings) -> list[str]:
    ipam = settings.ipam_config
    problems: list[str] = []
    for version, text in ((4, ipam.ipv4_address if ipam else ""), (6, ipam.ipv6_address if ipam else "")):
        if text and not _is_address(text, version):
            problems.append(f"invalid IPv{version} address: {text}")
    return problems


def _link_local(settings: EndpointSettings) -> list[str]:
    addresses = settings.ipam_config.link_local_ips if settings.ipam_config else ()
    return [f"invalid link-local IP address: {text}" for text in addresses or () if not _is_address(text, None)]


def _is_address(text: str, version: int | None) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version is None or found.version == version


def endpoint_spec(settings: EndpointSettings, links: Mapping[str, str] | None = None) -> EndpointSpec:
    """What the network port is asked for. `links` are alias → container name, beyond the settings' own."""
    ipam = settings.ipam_config or EndpointIpamConfig()
    return EndpointSpec(
        ipv4_address=ipam.ipv4_address or "",
        ipv6_address=ipam.ipv6_address or "",
        mac_address=settings.mac_address,
        aliases=tuple(settings.aliases or ()),
        links=(*(settings.links or ()), *(f"{name}:{alias}" for alias, name in (links or {}).items())),
        driver_opts=settings.driver_opts or {},
    )


def show_endpoint(asked: EndpointSettings, endpoint: Endpoint) -> EndpointSettings:
    """The settings Docker shows of a live endpoint."""
    return EndpointSettings(
        ipam_config=asked.ipam_config,
        links=asked.links,
        aliases=asked.aliases,
        mac_address=endpoint.mac_address,
        network_id=endpoint.network_id,
        endpoint_id=endpoint.id,
        gateway=endpoint.gateway,
        ip_address=endpoint.ipv4_address,
        ip_prefix_len=endpoint.ipv4_prefix_len,
        ipv6_gateway=endpoint.ipv6_gateway,
        global_ipv6_address=endpoint.ipv6_address,
        global_ipv6_prefix_len=endpoint.ipv6_prefix_len,
        driver_opts=asked.driver_opts,
        dns_names=list(endpoint.dns_names) or None,
    )


def forget_endpoint(settings: EndpointSettings) -> None:
    """Clear, in place, what only a live endpoint has (a client may have sent back what inspect showed it)."""
    settings.network_id = settings.endpoint_id = settings.gateway = settings.ip_address = ""
    settings.ipv6_gateway = settings.global_ipv6_address = ""
    settings.ip_prefix_len = settings.global_ipv6_prefix_len = 0
    settings.dns_names = None
