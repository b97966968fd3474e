"""The ASGI types that both programs use, and the extra messages of an upgraded ("hijacked") connection.

Docker's upgrade requests (attach, exec start, session, grpc, our tunnel) reach an application as a `websocket` scope
with `extensions["hijack"] = {"upgrade": "tcp" | "h2c" | … | None, "body": bytes}`. Beyond the ASGI WebSocket messages:

- receive `{"type": "websocket.eof"}`: the peer will send no more; writing goes on;
- send `{"type": "websocket.eof"}`: we will send no more; receiving goes on;
- `websocket.accept` answers `101` when the client sent `Upgrade`, else `200`, and the raw stream begins. Its headers
  are sent as they are. `websocket.http.response.start` and `.body` answer as ordinary HTTP instead;
- `websocket.send` carries `bytes`, raw, with no message boundaries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["App", "Message", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
