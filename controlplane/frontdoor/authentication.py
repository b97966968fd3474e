"""Who is at the other end of an Engine API connection: root on the unix socket, or the holder of a bearer token."""

from __future__ import annotations

import time

from controlplane.accounts.actions import touch_token
from controlplane.accounts.actor import Actor
from controlplane.accounts.selectors import actor_for_peer, actor_for_token
from controlplane.kernel.database import in_thread
from controlplane.kernel.secrets import digest_of
from wire.errors import Forbidden, Unauthenticated
from wire.net.asgi import Scope
from wire.net.peers import Peer

__all__ = ["engine_actor", "peer_address"]

REMEMBER_S = 1.0  # well within the time a revocation may take
_remembered: dict[str, tuple[float, Actor]] = {}


def peer_address(peer: Peer | None) -> str:
    """Return the peer's address without its port; `unix` on a unix socket."""
    if peer is None or peer.kind == "unix":
        return "unix"
    return peer.address.rpartition(":")[0]


async def engine_actor(scope: Scope) -> Actor:
    """Return the actor of an Engine API request. Raises Unauthenticated, Forbidden for a peer who is not root."""
    peer: Peer | None = scope.get("state", {}).get("peer")
    if peer is not None and peer.kind == "unix":
        return await _peer_actor(peer)
    secret = _bearer(scope)
    if not secret:
        raise Unauthenticated("authentication required: send a bearer token (HttpHeaders in the client's config.json)")
    address = peer_address(peer)
    key = f"{digest_of(secret)} {address}"  # the actor carries the address into records
    found = _remembered.get(key)
    if found is not None and time.monotonic() - found[0] < REMEMBER_S:
        return found[1]
    actor = await in_thread(_token_actor, secret, address)
    if len(_remembered) > 10_000:
        _remembered.clear()
    _remembered[key] = (time.monotonic(), actor)
    return actor


async def _peer_actor(peer: Peer) -> Actor:
    key = f"uid {peer.uid}"
    if (found := _remembered.get(key)) is not None:
        return found[1]
    actor = await in_thread(actor_for_peer, -1 if peer.uid is None else peer.uid)
    if actor is None:
        raise Forbidden("permission denied: only root may use this socket")
    _remembered[key] = (0.0, actor)
    return actor


def _bearer(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, secret = value.decode("latin-1").partition(" ")
            return str(secret.strip()) if scheme.lower() == "bearer" else ""
    return ""


def _token_actor(secret: str, address: str) -> Actor:
    actor = actor_for_token(secret, source=address)
    if actor is None or actor.token_id is None:
        raise Unauthenticated("the bearer token is not valid")
    touch_token(actor.token_id)
    return actor
