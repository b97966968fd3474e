"""Networks in Docker's shapes, and joining and leaving them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from agent.engine.clock import rfc3339_nano
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.endpoints import endpoint_spec, forget_endpoint
from agent.engine.etc_files import write_etc_files
from agent.engine.prune import labels_allow, parse_until
from agent.engine.record import Attachment
from agent.engine.sandbox import connect, network_attributes
from agent.engine.validate_config import container_of
from agent.ports.network import Endpoint, IpamPool, Network, NetworkSpec
from wire.engine.containers import EndpointSettings
from wire.engine.networks import NetworkCreateRequest
from wire.errors import Conflict, Forbidden, Internal, Invalid, MooringError, NotFound
from wire.filters import check_names, flag, match_labels

__all__ = [
    "network_connect", "network_create", "network_disconnect", "network_inspect", "network_list", "network_prune",
    "network_remove",
]  # fmt: skip

Filters = Mapping[str, Sequence[str]]

_KNOWN: Final = ("dangling", "driver", "id", "label", "name", "scope", "type")


async def network_list(ctx: Context, filters: Filters | None = None) -> list[dict[str, Any]]:
    """All networks that fit; a list shows no containers."""
    asked = filters or {}
    check_names(asked, _KNOWN)
    for value in asked.get("type", ()):
        if value not in ("builtin", "custom"):
            raise Internal(f"invalid filter: 'type'='{value}'")
    dangling = _dangling(asked)
    used = _used(ctx)
    found: list[dict[str, Any]] = []
    for network in ctx.networking.networks():
        spec = network.spec
        if not all(test(network, values) for name, test in _TESTS if (values := asked.get(name))):
            continue
        if not match_labels(asked, "label", spec.labels):
            continue
        if dangling is not None and dangling == (network.predefined or network.id in used):
            continue
        found.append(_document(network))
    return found


_TESTS: Final[tuple[tuple[str, Callable[[Network, Sequence[str]], bool]], ...]] = (
    ("name", lambda network, values: any(_matches(value, network.spec.name) for value in values)),
    ("id", lambda network, values: any(network.id.startswith(value) for value in values)),
    ("driver", lambda network, values: network.spec.driver in values),
    ("scope", lambda network, values: (network.spec.scope or "local") in values),
    ("type", lambda network, values: ("builtin" if network.predefined else "custom") in values),
)


def _dangling(asked: Filters) -> bool | None:
    if not asked.get("dangling"):
        return None
    try:
        return flag(asked, "dangling", False)
    except Invalid as error:
        raise Invalid('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")') from error


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return pattern in name


def _used(ctx: Context) -> set[str]:
    """Ids of networks that a container is or will be on."""
    return {attachment.network_id for container in ctx.containers for attachment in container.record.attachments}


def _document(network: Network, containers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    spec = network.spec
    return {
        "Name": spec.name,
        "Id": network.id,
        "Created": rfc3339_nano(int(network.created_at * 1e9)),
        "Scope": spec.scope or "local",
        "Driver": spec.driver,
        "EnableIPv6": spec.enable_ipv6,
        "IPAM": {
            "Driver": spec.ipam_driver,
            "Options": None if spec.ipam_options is None else dict(spec.ipam_options),
            "Config": [_pool(pool) for pool in spec.pools] if spec.pools or spec.driver == "bridge" else None,
        },
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "Ingress": spec.ingress,
        "ConfigFrom": {"Network": spec.config_from},
        "ConfigOnly": spec.config_only,
        "Containers": dict(containers or {}),
        "Options": dict(spec.options),
        "Labels": dict(spec.labels),
    }


def _pool(pool: IpamPool) -> dict[str, Any]:
    document: dict[str, Any] = {"Subnet": pool.subnet}
    if pool.ip_range:
        document["IPRange"] = pool.ip_range
    if pool.gateway:
        document["Gateway"] = pool.gateway
    if pool.aux_addresses:
        document["AuxiliaryAddresses"] = dict(pool.aux_addresses)
    return document


async def network_inspect(ctx: Context, ref: str, *, verbose: bool = False, scope: str = "") -> dict[str, Any]:
    """NotFound: `network REF not found`."""
    network = ctx.networking.get_network(ref)
    if scope and scope != (network.spec.scope or "local"):
        raise NotFound(f"network {ref} not found")
    return _document(
        network, {endpoint.container_id: _member(endpoint) for endpoint in ctx.networking.endpoints(network.id)}
    )


def _member(endpoint: Endpoint) -> dict[str, Any]:
    def cidr(address: str, length: int) -> str:
        return f"{address}/{length}" if address else ""

    return {
        "Name": endpoint.container_name,
        "EndpointID": endpoint.id,
        "MacAddress": endpoint.mac_address,
        "IPv4Address": cidr(endpoint.ipv4_address, endpoint.ipv4_prefix_len),
        "IPv6Address": cidr(endpoint.ipv6_address, endpoint.ipv6_prefix_len),
    }


async def network_create(ctx: Context, body: NetworkCreateRequest) -> dict[str, Any]:
    """Id and Warning."""
    ipam = body.ipam
    spec = NetworkSpec(
        name=body.name,
        driver=body.driver or "bridge",
        scope=body.scope,
        internal=body.internal,
        attachable=body.attachable,
        ingress=body.ingress,
        config_only=body.config_only,
        config_from=body.config_from.network if body.config_from else "",
        enable_ipv6=bool(body.enable_ipv6),
        ipam_driver=(ipam.driver if ipam else "") or "default",
        ipam_options=ipam.options if ipam else None,
        pools=tuple(
            IpamPool(
                subnet=item.subnet,
                ip_range=item.ip_range,
                gateway=item.gateway,
                aux_addresses=item.auxiliary_addresses or {},
            )
            for item in (ipam.config if ipam else None) or ()
        ),
        options=body.options or {},
        labels=body.labels or {},
    )
    network = await ctx.networking.create_network(spec)
    _tell(ctx, "create", network)
    return {"Id": network.id, "Warning": ""}


def _tell(ctx: Context, action: str, network: Network) -> None:
    ctx.events.publish("network", action, network.id, {"name": network.spec.name, "type": network.spec.driver})


async def network_remove(ctx: Context, ref: str) -> None:
    """Forbidden for a predefined one or while a container is on it."""
    network = ctx.networking.get_network(ref)
    await ctx.networking.remove_network(network.id)
    _tell(ctx, "destroy", network)


async def network_connect(ctx: Context, ref: str, container_ref: str, settings: EndpointSettings | None = None) -> None:
    """Join a network; of a container that does not run, from its next start on."""
    container = ctx.containers.resolve(container_ref)
    network = ctx.networking.get_network(ref)
    asked = settings or EndpointSettings()
    forget_endpoint(asked)
    async with container.lock:
        record = container.record
        if record.state.status == "removing" or record.state.dead:
            raise Conflict(f"Container {container.id} is marked for removal and cannot be connected to the network.")
        if container_of(record.host.network_mode) is not None and container.has_process:  # at rest nothing comes of it
            raise Invalid(_SHARED)
        ctx.networking.check_endpoint(network.id, endpoint_spec(asked))
        _check_modes(container, network)
        if any(item.network_id == network.id for item in record.attachments):
            if container.has_process:
                raise Forbidden(f"endpoint with name {container.name} already exists in network {network.spec.name}")
            record.attachments = [item for item in record.attachments if item.network_id != network.id]
        attachment = Attachment(network=network.spec.name, network_id=network.id, settings=asked)
        if container.has_process:
            await connect(ctx, container, attachment)
        elif not network.predefined:
            names = (container.name, *(asked.aliases or ()), container.id[:12], record.config.hostname)
            asked.dns_names = list(dict.fromkeys(name for name in names if name))
        record.attachments.append(attachment)
        if container.has_process:
            write_etc_files(ctx, container)
        await ctx.containers.save(container)
    if not container.has_process:
        ctx.events.publish(
            "network", "connect", network.id, network_attributes(container, attachment, network.spec.driver)
        )


_SHARED: Final = (
    "container sharing network namespace with another container or host cannot be connected to any other network"
)


def _check_modes(container: Container, network: Network) -> None:
    """The network a container has decides which others it may have. In Docker's order."""
    if container.record.host.network_mode != "host" and network.spec.driver == "host":
        raise Invalid("container cannot be disconnected from host network or connected to host network")
    joined = [item.network for item in container.record.attachments]
    if "host" in joined and network.spec.driver != "host":
        raise Invalid(_SHARED)
    if "none" in joined or (network.spec.driver == "null" and joined and joined != ["none"]):
        raise Invalid(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )


async def network_disconnect(ctx: Context, ref: str, container_ref: str, *, force: bool = False) -> None:
    """Leave a network."""
    try:
        container = ctx.containers.resolve(container_ref)
        network = ctx.networking.get_network(ref)
    except NotFound:
        if not force:
            raise
        network = ctx.networking.get_network(ref)
        endpoint = next(
            (item for item in ctx.networking.endpoints(network.id) if item.container_name == container_ref), None
        )
        if endpoint is None:
            raise NotFound(f"endpoint {container_ref} not found") from None
        await ctx.networking.disconnect(endpoint.container_id, network.id)
        return
    network = ctx.networking.get_network(ref)
    async with container.lock:
        record = container.record
        attachment = next((item for item in record.attachments if item.network_id == network.id), None)
        attachment = attachment or next(
            (item for item in record.attachments if item.network == network.spec.name), None
        )
        if attachment is None:
            which = "network" if container.has_process else "the network"  # Docker has two words for it
            raise Internal(f"container {container.id} is not connected to {which} {network.spec.name}")
        if network.spec.driver == "host" and container.has_process:
            raise Invalid("container cannot be disconnected from host network or connected to host network")
        attributes = network_attributes(container, attachment, network.spec.driver)
        if container.has_process:
            await ctx.networking.disconnect(container.id, network.id)
            ctx.events.publish("network", "disconnect", network.id, attributes)  # Docker tells a live one twice
        record.attachments.remove(attachment)
        if attachment.network == record.host.network_mode and attachment.settings.mac_address:
            record.config.mac_address = attachment.settings.mac_address  # Docker goes on showing it
        if container.has_process:
            write_etc_files(ctx, container)
        await ctx.containers.save(container)
    ctx.events.publish("network", "disconnect", network.id, attributes)


async def network_prune(ctx: Context, filters: Filters) -> dict[str, Any]:
    """Remove every user network that no container is on."""
    check_names(filters, ("label", "label!", "until"))
    until = parse_until(filters)
    deleted: list[str] = []
    used = {
        attachment.network_id
        for container in ctx.containers
        if container.has_process
        for attachment in container.record.attachments
    }
    for network in ctx.networking.networks():
        if network.predefined or network.id in used or not labels_allow(filters, network.spec.labels):
            continue
        if until is not None and network.created_at > until:
            continue
        try:
            await network_remove(ctx, network.id)
        except MooringError:
            continue
        deleted.append(network.spec.name)
    ctx.events.publish("network", "prune", "", {"reclaimed": "0"})
    return {"NetworksDeleted": deleted or None}
