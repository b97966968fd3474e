"""Network requests of the Engine API."""

from __future__ import annotations

from msgspec import field

from wire.engine.containers import EndpointSettings
from wire.engine.shape import Shape

__all__ = [
    "ConfigReference", "Ipam", "IpamConfig", "NetworkConnectRequest", "NetworkCreateRequest",
    "NetworkDisconnectRequest",
]  # fmt: skip


class IpamConfig(Shape):
    """One subnet."""

    subnet: str = ""
    ip_range: str = field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] | None = None


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


class NetworkConnectRequest(Shape):
    """`POST /networks/{id}/connect`."""

    container: str = ""
    endpoint_config: EndpointSettings | None = None


class NetworkDisconnectRequest(Shape):
    """`POST /networks/{id}/disconnect`."""

    container: str = ""
    force: bool = False
