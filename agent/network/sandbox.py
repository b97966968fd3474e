"""A container's place in the network: its namespace, endpoints and published ports, and the file that says so.

The file (`Config.sandboxes`/<container id>.json) is written when a step is complete. What a killed agent leaves on the
host and no file names is removed by the next one: a namespace, a link or a translation is never guessed to be good. It
is not synchronised to disk: it lives and dies with the kernel objects.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.host import files
from agent.network.firewall import Translation
from agent.network.publishing import Reservation
from agent.ports.network import Endpoint, EndpointSpec, PortBinding

__all__ = ["Attachment", "Record", "Sandbox", "load_records"]

_log = logging.getLogger(__name__)


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint with what it was made from. `host_link` is our end of the veth, "" when there is none."""

    endpoint: Endpoint
    spec: EndpointSpec
    host_link: str = ""
    internal: bool = False
    user_defined: bool = False

    def renamed(self, name: str, dns_names: tuple[str, ...]) -> Attachment:
        """The same under a new container name."""
        names = dns_names if self.user_defined else ()
        endpoint = dataclasses.replace(self.endpoint, container_name=name, dns_names=names)
        return msgspec.structs.replace(self, endpoint=endpoint)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a sandbox's file."""

    container_id: str
    hostname: str = ""
    host: bool = False
    dns: list[str] = []
    dns_search: list[str] = []
    dns_options: list[str] = []
    attachments: list[Attachment] = []
    bindings: list[PortBinding] = []
    resolver_port: int = 0
    interface_counts: dict[str, int] = {}


@dataclass(eq=False)
class Sandbox:
    """One open sandbox. Changed on the event loop only, under `lock`."""

    container_id: str
    netns: Path
    file: Path
    hostname: str = ""
    host: bool = False
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    attachments: dict[str, Attachment] = field(default_factory=dict)  # network id -> attachment, in order of joining
    reservations: list[Reservation] = field(default_factory=list)
    resolver_port: int = 0
    interface_counts: dict[str, int] = field(default_factory=dict)  # prefix -> interfaces there have been
    counters_fd: int = -1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def save(self) -> None:
        """Write the file, so that a next agent finds this state."""
        record = Record(
            container_id=self.container_id,
            hostname=self.hostname,
            host=self.host,
            dns=list(self.dns),
            dns_search=list(self.dns_search),
            dns_options=list(self.dns_options),
            attachments=list(self.attachments.values()),
            bindings=[reservation.binding for reservation in self.reservations],
            resolver_port=self.resolver_port,
            interface_counts=self.interface_counts,
        )
        files.write_atomic(self.file, msgspec.json.encode(record), durable=False)

    @classmethod
    def restored(cls, record: Record, netns: Path, file: Path) -> Sandbox:
        """The sandbox that `record` describes; its published ports are not taken yet."""
        return cls(
            container_id=record.container_id,
            netns=netns,
            file=file,
            hostname=record.hostname,
            host=record.host,
            dns=tuple(record.dns),
            dns_search=tuple(record.dns_search),
            dns_options=tuple(record.dns_options),
            attachments={item.endpoint.network_id: item for item in record.attachments},
            resolver_port=record.resolver_port,
            interface_counts=dict(record.interface_counts),
        )

    def close_counters(self) -> None:
        """Let go of the namespace's counters; safe to repeat."""
        if self.counters_fd >= 0:
            os.close(self.counters_fd)
            self.counters_fd = -1

    def free_interface(self, prefix: str = "eth") -> str:
        """The next `ethN`: as in Docker none that this namespace has had before."""
        used = {item.endpoint.interface for item in self.attachments.values()}
        number = self.interface_counts.get(prefix, 0)
        while f"{prefix}{number}" in used:  # of an agent that did not count
            number += 1
        self.interface_counts[prefix] = number + 1
        return f"{prefix}{number}"

    def by_priority(self) -> list[Attachment]:
        """Attachments from the one that should have the default route down: not internal, highest `gw_priority`, both
        families, network name."""
        return sorted(
            self.attachments.values(),
            key=lambda item: (
                item.internal,
                -item.spec.gw_priority,
                not (item.endpoint.ipv4_address and item.endpoint.ipv6_address),
                item.endpoint.network_name,
            ),
        )

    def gateway(self, version: int) -> Attachment | None:
        """The attachment with the default route of an address family, None when there is none."""
        for item in self.by_priority():
            if item.endpoint.gateway if version == 4 else item.endpoint.ipv6_gateway:
                return item
        return None

    @property
    def needs_resolver(self) -> bool:
        return any(item.user_defined for item in self.attachments.values())

    def translations(self) -> Iterator[Translation]:
        """What the firewall has to translate for the published ports as the default routes are now."""
        gateways = {4: self.gateway(4), 6: self.gateway(6)}
        for reservation in self.reservations:
            binding = reservation.binding
            item = gateways[6 if ":" in binding.host_ip else 4]
            if item is None:
                continue
            address = item.endpoint.ipv6_address if ":" in binding.host_ip else item.endpoint.ipv4_address
            if address:
                yield Translation(
                    protocol=binding.protocol,
                    host_ip=binding.host_ip,
                    host_port=binding.host_port,
                    address=address,
                    port=binding.container_port,
                )

    def relay(self) -> None:
        """Point the held sockets at where the container is now."""
        four, six = self.gateway(4), self.gateway(6)
        address = four.endpoint.ipv4_address if four else six.endpoint.ipv6_address if six else ""
        for reservation in self.reservations:
            if reservation.held is not None and address:
                reservation.held.relay(address, reservation.binding.container_port)


def load_records(directory: Path) -> list[Record]:
    """Every sandbox file that can be read; a broken one (torn by a power cut) is logged and dropped."""
    records: list[Record] = []
    with suppress(FileNotFoundError):
        for path in sorted(directory.iterdir()):
            if path.name.startswith("."):
                path.unlink(missing_ok=True)
                continue
            try:
                records.append(msgspec.json.decode(path.read_bytes(), type=Record))
            except (msgspec.DecodeError, OSError) as error:
                _log.warning("sandbox.unreadable path=%s error=%s", path, error)
                path.unlink(missing_ok=True)
    return records
