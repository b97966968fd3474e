"""The networks of a host where they cannot be made: none, and every wish refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from agent.ports.network import (
    Endpoint,
    EndpointSpec,
    Network,
    NetworkSpec,
    PortBinding,
    PortRequest,
    SandboxNetwork,
)  # fmt: skip
from wire.errors import NotFound, Unavailable

__all__ = ["AbsentNetworking"]


class AbsentNetworking:
    """See `agent.ports.network.Networking`."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def _refuse(self) -> NoReturn:
        raise Unavailable(f"this host cannot make networks: {self._reason}")

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return

    async def create_network(self, spec: NetworkSpec) -> Network:
        self._refuse()

    async def remove_network(self, network_id: str) -> None:
        self._refuse()

    def networks(self) -> Sequence[Network]:
        return ()

    def get_network(self, ref: str) -> Network:
        raise NotFound(f"network {ref} not found")

    def check_endpoint(self, network_id: str, spec: EndpointSpec) -> None:
        return

    def endpoints(self, network_id: str) -> Sequence[Endpoint]:
        return ()

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
        self._refuse()

    async def connect(
        self,
        container_id: str,
        container_name: str,
        network_id: str,
        spec: EndpointSpec,
    ) -> Endpoint:
        self._refuse()

    async def disconnect(self, container_id: str, network_id: str) -> None:
        self._refuse()

    async def publish(self, container_id: str, ports: Sequence[PortRequest]) -> list[PortBinding]:
        self._refuse()

    def ports(self, container_id: str) -> Sequence[PortBinding]:
        return ()

    async def rename(self, container_id: str, name: str) -> None:
        return

    async def close_sandbox(self, container_id: str) -> None:
        return

    async def recover(self, container_ids: Sequence[str]) -> None:
        return

    def sandbox(self, container_id: str) -> SandboxNetwork:
        raise NotFound(f"no network sandbox of {container_id}")

    def sandbox_endpoints(self, container_id: str) -> Sequence[Endpoint]:
        return ()

    def gateway_endpoint(self, container_id: str) -> Endpoint | None:
        return None

    def resolv_conf(self, container_id: str) -> str:
        return ""

    def interface_counters(self, container_id: str) -> Mapping[str, Mapping[str, int]]:
        return {}

    def findings(self) -> Sequence[Mapping[str, str]]:
        return (
            {
                "code": "no-networking",
                "severity": "error",
                "title": "Networks cannot be made on this host",
                "detail": self._reason,
                "next": "",
            },
        )
