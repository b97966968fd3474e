"""What a reverse proxy in front says of its client, believed only where the settings say that there is one."""

from __future__ import annotations

import dataclasses
import ipaddress

from django.conf import settings

from wire.net.asgi import Scope
from wire.net.peers import Peer

__all__ = ["believe_proxy"]


def believe_proxy(scope: Scope) -> None:
    """Put the address of the proxy's client in place of the proxy's own: in records, throttles and open streams.

    The last address of `X-Forwarded-For` is the one the nearest proxy saw itself; what stands before it anybody may
    have written. Without `MOORING_TRUST_PROXY` nothing is believed.
    """
    peer: Peer | None = scope.get("state", {}).get("peer")
    if not settings.MOORING_TRUST_PROXY or peer is None or peer.kind == "unix":
        return
    told = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    if not told:
        return
    try:
        address = str(ipaddress.ip_address(told[-1].decode("latin-1").rpartition(",")[2].strip()))
    except ValueError:
        return
    scope["state"]["peer"] = dataclasses.replace(peer, address=f"{address}:0")
    scope["client"] = (address, 0)
