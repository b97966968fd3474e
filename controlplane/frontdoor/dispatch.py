"""Which application a request belongs to. On the unix socket there is the Engine API and nothing else.

On TCP the Engine API lives below `/host/<name>/` and `/env/<name>/`, and for the caller's default environment at
versioned paths, `/_ping` and `/version`; other unversioned Engine paths there would collide with the dashboard's pages.
"""

from __future__ import annotations

import re

import orjson
from django.conf import settings
from django.db import OperationalError

from controlplane.engine_api.application import EngineApi
from controlplane.engine_api.request import COMMON_HEADERS
from controlplane.frontdoor.authentication import engine_actor
from controlplane.frontdoor.bodies import read_whole
from controlplane.frontdoor.proxies import believe_proxy
from controlplane.frontdoor.tunnels import relay_tunnel
from controlplane.kernel.requests import new_request_id
from controlplane.web_api.errors import error_body
from wire.errors import MooringError, Unavailable
from wire.httpstatus import status_of
from wire.net.asgi import App, Receive, Scope, Send

__all__ = ["Dispatch"]

_ENGINE_PATH = re.compile(r"/(?:host|env)/[^/]+/|/v\d+\.\d+/|/(?:_ping|version)$")
TUNNEL_PATH = "/agent/tunnel"


class Dispatch:
    """The plane's outermost ASGI application. `dashboard` serves pages and `/api`, `sockets` the browser sockets."""

    def __init__(self, *, dashboard: App, sockets: App) -> None:
        self._dashboard = dashboard
        self._sockets = sockets
        self._engine = EngineApi()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        believe_proxy(scope)
        path = scope["path"]
        peer = scope.get("state", {}).get("peer")
        if (peer is not None and peer.kind == "unix") or _ENGINE_PATH.match(path):
            await self._serve_engine(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve_dashboard(scope, receive, send)
        elif path == TUNNEL_PATH:
            await relay_tunnel(scope, receive, send)
        elif scope.get("extensions", {}).get("hijack") is not None:
            await receive()
            await _answer_error(send, "websocket.http.response", 404, "page not found")
        else:
            await self._sockets(scope, receive, send)

    async def _serve_dashboard(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            receive = await read_whole(scope, receive, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        except MooringError as error:
            body = orjson.dumps(error_body(error, new_request_id()))
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            headers.append((b"connection", b"close"))
            await send({"type": "http.response.start", "status": status_of(error), "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        await self._dashboard(scope, receive, send)

    async def _serve_engine(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            actor = await engine_actor(scope)
        except (MooringError, OperationalError) as problem:
            error = (
                problem if isinstance(problem, MooringError) else Unavailable("the control plane's database is away")
            )
            if scope["type"] == "websocket":
                await receive()
            kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
            await _answer_error(send, kind, status_of(error), error.message)
            return
        await self._engine(scope, receive, send, actor)


async def _answer_error(send: Send, kind: str, status: int, message: str) -> None:
    body = orjson.dumps({"message": message}) + b"\n"
    headers = [*COMMON_HEADERS, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body, "more_body": False})
