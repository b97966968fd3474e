"""Which host ports are whose: allocation and reservation. The sockets are `proxy`'s, the translation is `firewall`'s.

Docker's rules: a fixed port must be free; a range is tried in order; no port means the next of the host's ephemeral
range (`ip_local_port_range`) after the last one given, per address and protocol. A request for every address takes
`0.0.0.0` and `::` under one number.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.network.proxy import HeldPort, PortTaken, hold_port
from agent.ports.network import PortBinding, PortRequest
from wire.errors import Internal, Invalid

__all__ = ["HostPorts", "Reservation"]

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True)
class Reservation:
    """A published port as it is, and the socket that holds it (None: it could not be taken again after a restart)."""

    binding: PortBinding
    held: HeldPort | None


class HostPorts:
    """Every published port of this agent. Used on the event loop only."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str, int]] = set()
        self._last: dict[tuple[str, str], int] = {}

    def take(self, request: PortRequest, *, default_ip: str = "0.0.0.0") -> list[Reservation]:
        """Reserve what is asked: one binding, or two for every address. All or none.

        Internal with Docker's texts: `Bind for IP:PORT failed: port is already allocated` when it is ours, `Error
        starting userland proxy: …` when it is somebody else's.
        """
        if request.protocol not in ("tcp", "udp", "sctp"):
            raise Invalid(f"invalid proto: {request.protocol}")
        addresses = self._addresses(request.host_ip, default_ip)
        failure: PortTaken | None = None
        for port in self._candidates(request, addresses[0]):
            try:
                return self._take_all(addresses, request, port)
            except PortTaken as error:
                failure = failure or error
        assert failure is not None  # there is always a candidate
        raise failure

    def take_again(self, binding: PortBinding) -> Reservation:
        """After a restart: hold a port that is in use by a running container. Never fails: if somebody took it
        meanwhile the translation still works, only the reservation is lost."""
        self._taken.add((binding.host_ip, binding.protocol, binding.host_port))
        held: HeldPort | None = None
        with contextlib.suppress(Internal):
            held = hold_port(binding.protocol, binding.host_ip, binding.host_port)
        return Reservation(binding, held)

    def give_back(self, reservations: Iterable[Reservation]) -> None:
        """Close the sockets and free the numbers; safe to repeat."""
        for reservation in reservations:
            if reservation.held is not None:
                reservation.held.close()
            binding = reservation.binding
            self._taken.discard((binding.host_ip, binding.protocol, binding.host_port))

    def _addresses(self, host_ip: str, default_ip: str) -> Sequence[str]:
        with contextlib.suppress(ValueError):
            return (str(ipaddress.ip_address(host_ip)),)
        # Docker treats an address that is none as every address.
        if default_ip != "0.0.0.0":
            return (default_ip,)
        return ("0.0.0.0", "::") if _has_ipv6() else ("0.0.0.0",)

    def _candidates(self, request: PortRequest, address: str) -> Iterator[int]:
        if request.host_port_start:
            yield from range(request.host_port_start, max(request.host_port_end, request.host_port_start) + 1)
            return
        first, last = (int(word) for word in _EPHEMERAL.read_text().split())
        size = last - first + 1
        begin = self._last.get((address, request.protocol), first - 1) + 1 - first
        for offset in range(size):
            yield first + (begin + offset) % size

    def _take_all(self, addresses: Sequence[str], request: PortRequest, port: int) -> list[Reservation]:
        made: list[Reservation] = []
        try:
            for address in addresses:
                key = (address, request.protocol, port)
                if key in self._taken:
                    raise PortTaken(f"Bind for {address}:{port} failed: port is already allocated")
                held = hold_port(request.protocol, address, port)
                self._taken.add(key)
                binding = PortBinding(
                    container_port=request.container_port, protocol=request.protocol, host_ip=address, host_port=port
                )
                made.append(Reservation(binding, held))
        except Internal:
            self.give_back(made)
            raise
        if not request.host_port_start:
            self._last[addresses[0], request.protocol] = port
        return made


@functools.cache
def _has_ipv6() -> bool:
    """Whether the kernel binds IPv6 sockets at all."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True
