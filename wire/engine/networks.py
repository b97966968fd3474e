"""Network shapes of the Engine API, in Docker's order of fields."""

from __future__ import annotations

from msgspec import UNSET, UnsetType, field

from wire.engine.containers import EndpointSettings
from wire.engine.shape import Shape

__all__ = [
    "ConfigReference", "EndpointResource", "Ipam", "IpamConfig", "NetworkConnectRequest", "NetworkCreateRequest",
    "NetworkCreateResponse", "NetworkDisconnectRequest", "NetworkPruneReport", "NetworkResource",
]  # fmt: skip


class IpamConfig(Shape):
    """One subnet. What is empty is left out."""

    subnet: str | UnsetType = UNSET
    ip_range: str | UnsetType = field(default=UNSET, name="IPRange")
    gateway: str | UnsetType = UNSET
    auxiliary_addresses: dict[str, str] | UnsetType | None = UNSET


class Ipam(Shape):
    driver: str = "default"
    options: dict[str, str] | None = None
    config: list[IpamConfig] | None = None


class ConfigReference(Shape):
    network: str = ""


class NetworkCreateRequest(Shape):
    """`POST /networks/create`. `check_duplicate` is accepted and means nothing since API 1.44."""

    name: str = ""
    check_duplicate: bool | None = None
    driver: str = ""
    scope: str = ""
    enable_ipv4: bool | None = field(default=None, name="EnableIPv4")
    enable_ipv6: bool | None = field(default=None, name="EnableIPv6")
    ipam: Ipam | None = field(default=None, name="IPAM")
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    options: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class NetworkCreateResponse(Shape):
    id: str
    warning: str = ""


class NetworkConnectRequest(Shape):
    """`POST /networks/{id}/connect`."""

    container: str = ""
    endpoint_config: EndpointSettings | None = None


class NetworkDisconnectRequest(Shape):
    """`POST /networks/{id}/disconnect`."""

    container: str = ""
    force: bool = False


class EndpointResource(Shape):
    """A container as its network's inspect shows it; addresses carry their prefix length."""

    name: str
    endpoint_id: str = field(name="EndpointID")
    mac_address: str
    ipv4_address: str = field(name="IPv4Address")
    ipv6_address: str = field(name="IPv6Address")


class NetworkResource(Shape):
    """`GET /networks` and `GET /networks/{id}`; the list leaves `containers` empty."""

    name: str
    id: str
    created: str
    scope: str = "local"
    driver: str = "bridge"
    enable_ipv6: bool = field(default=False, name="EnableIPv6")
    ipam: Ipam = field(default_factory=Ipam, name="IPAM")
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_from: ConfigReference = field(default_factory=ConfigReference)
    config_only: bool = False
    containers: dict[str, EndpointResource] = field(default_factory=dict)
    options: dict[str, str] | None = field(default_factory=dict)
    labels: dict[str, str] | None = field(default_factory=dict)


class NetworkPruneReport(Shape):
    networks_deleted: list[str] | None = None
