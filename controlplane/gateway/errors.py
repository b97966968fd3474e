"""Why a host cannot be asked."""

from __future__ import annotations

from wire.errors import Unavailable

__all__ = ["GatewayGone", "HostUnreachable"]


class GatewayGone(Unavailable):
    """The gateway process does not answer; nothing was sent. It comes back by itself."""


class HostUnreachable(Unavailable):
    """The host has no tunnel now; nothing was sent."""
