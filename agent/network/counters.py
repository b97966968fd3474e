"""Interface counters of a container, read from an fd of its namespace's `/proc/net/dev`: no thread, no netlink."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

__all__ = ["parse_counters", "read_counters"]

# The columns of /proc/net/dev (proc(5)) that Docker's stats show.
_COLUMNS: Final = (
    ("rx_bytes", 0), ("rx_packets", 1), ("rx_errors", 2), ("rx_dropped", 3),
    ("tx_bytes", 8), ("tx_packets", 9), ("tx_errors", 10), ("tx_dropped", 11),
)  # fmt: skip


def parse_counters(text: str) -> dict[str, dict[str, int]]:
    """Interface → counters, without the loopback."""
    found: dict[str, dict[str, int]] = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        values = rest.split()
        if name.strip() != "lo" and len(values) >= 12:
            found[name.strip()] = {field: int(values[column]) for field, column in _COLUMNS}
    return found


def read_counters(descriptor: int) -> Mapping[str, Mapping[str, int]]:
    """Counters now; empty when the descriptor is not open."""
    if descriptor < 0:
        return {}
    return parse_counters(os.pread(descriptor, 1 << 16, 0).decode())
