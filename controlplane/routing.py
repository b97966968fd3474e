"""All WebSocket routes; an unknown one is refused before it is accepted."""

from __future__ import annotations

from channels.routing import URLRouter

from controlplane.streams.routes import SOCKETS
from wire.net.asgi import Receive, Scope, Send

__all__ = ["sockets"]

_router = URLRouter(SOCKETS)


async def sockets(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a browser socket."""
    try:
        await _router(scope, receive, send)
    except ValueError:  # URLRouter's way to say that no route matches
        await receive()
        await send({"type": "websocket.close", "code": 4404})
