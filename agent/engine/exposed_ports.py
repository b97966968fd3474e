"""EXPOSE's port words (`80`, `53/udp`, `8000-8002`, `127.0.0.1:80:80`) as the keys of an image's `ExposedPorts`."""

from __future__ import annotations

from wire.errors import Invalid

__all__ = ["parse_exposed_ports"]

_PROTOCOLS = ("tcp", "udp", "sctp")


def parse_exposed_ports(words: list[str]) -> list[str]:
    """Return `port/protocol` for every port named. Raises Invalid with Docker's texts."""
    found: list[str] = []
    for word in words:
        text, slash, protocol = word.partition("/")
        protocol = protocol if slash and protocol else "tcp"
        _, host, container = _parts(text)
        if not container:
            raise Invalid(f"No port specified: {word}<empty>")
        ports = _range(container)
        if ports is None:
            raise Invalid(f"Invalid containerPort: {container}")
        if host:
            host_ports = _range(host)
            if host_ports is None:
                raise Invalid(f"Invalid hostPort: {host}")
            # A single container port may be published on any of a range of host ports.
            if len(host_ports) != len(ports) and len(ports) != 1:
                raise Invalid(f"Invalid ranges specified for container and host Ports: {container} and {host}")
        if protocol.lower() not in _PROTOCOLS:
            raise Invalid(f"Invalid proto: {protocol}")
        found += [f"{port}/{protocol.lower()}" for port in ports]
    return found


def _parts(text: str) -> tuple[str, str, str]:
    """Address, host port, container port."""
    pieces = text.split(":")
    if len(pieces) == 1:
        return "", "", pieces[0]
    if len(pieces) == 2:
        return "", pieces[0], pieces[1]
    return ":".join(pieces[:-2]), pieces[-2], pieces[-1]


def _range(text: str) -> range | None:
    first, dash, last = text.partition("-")
    if not dash:
        last = first
    if not (first.isdecimal() and last.isdecimal()):
        return None
    begin, end = int(first), int(last)
    if begin > 65535 or end > 65535 or end < begin:
        return None
    return range(begin, end + 1)
