"""The HTTP server of both programs: uvicorn's protocol machinery on our listeners.

uvicorn's own `Server` has one TLS setting for all sockets, catches signals and wakes ten times a second; here each
listener has its own TLS, signals belong to the composition root, and an idle server wakes once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import socket
import ssl
import stat
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from wire import errors
from wire.net.asgi import App
from wire.net.hijack import HijackProtocol
from wire.net.tls import TlsLayer

__all__ = ["Listener", "Server", "serve", "tcp_listener", "unix_listener"]

_BACKLOG = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A bound socket, not yet listening. `name` reaches the application as `scope["state"]["peer"].listener`."""

    socket: socket.socket
    name: str = ""
    tls: ssl.SSLContext | None = None


def unix_listener(path: Path, *, mode: int = 0o660, group: str = "", name: str = "unix") -> Listener:
    """Bind `path` with these rights from its first moment; an old socket file there is replaced.

    Raises Conflict when `path` is something else or another process still listens on it, Invalid for an unknown group.
    """
    gid = -1
    if group:
        try:
            gid = grp.getgrnam(group).gr_gid
        except KeyError:
            raise errors.Invalid(f"no such group: {group}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o777 & ~mode)
    try:
        listener.bind(str(path))
        os.chown(path, -1, gid)
        os.chmod(path, mode)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(umask)
    listener.setblocking(False)
    return Listener(socket=listener, name=name)


def _remove_stale(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise errors.Conflict(f"{path} exists and is not a socket")
    except FileNotFoundError:
        return
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise errors.Conflict(f"{path} cannot be taken over: {error}") from error
    raise errors.Conflict(f"another process listens on {path}")


def tcp_listener(host: str, port: int, *, tls: ssl.SSLContext | None = None, name: str = "tcp") -> Listener:
    """Bind a TCP address; port 0 takes a free one. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit these: a client whose machine went away must not hold an idle stream for ever.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return Listener(socket=listener, name=name, tls=tls)


class Server:
    """Serve one application on several listeners until `stop`. Its maker awaits `start` once and `stop` once."""

    def __init__(
        self,
        app: App,
        listeners: Sequence[Listener],
        *,
        state: dict[str, Any] | None = None,
        keep_alive_s: int = 300,
        websockets: bool = True,
        max_message_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self._listeners = list(listeners)
        self._state = state or {}
        self._config = Config(
            cast(Any, app),
            interface="asgi3",
            http=HijackProtocol,
            ws="websockets-sansio" if websockets else "none",
            ws_max_size=max_message_bytes,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=keep_alive_s,
        )
        self._servers: list[asyncio.Server] = []
        self._date: asyncio.Task[None] | None = None
        self.state = ServerState()

    async def start(self) -> None:
        """Begin to accept connections."""
        self._config.load()
        self._date = asyncio.create_task(self._keep_date(), name="http-date")
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            server = await loop.create_server(self._factory(listener), sock=listener.socket, backlog=_BACKLOG)
            self._servers.append(server)

    async def stop(self, grace_s: float = 5.0) -> None:
        """Accept nothing new, tell open connections, give requests `grace_s`, then cancel what is left."""
        for server in self._servers:
            server.close()
        for connection in list(self.state.connections):
            connection.shutdown()
        tasks = set(self.state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for connection in list(self.state.connections):
            connection.transport.abort()
        if self._date is not None:
            self._date.cancel()
            await asyncio.gather(self._date, return_exceptions=True)
        for listener in self._listeners:
            listener.socket.close()

    def _factory(self, listener: Listener) -> Any:
        def make() -> asyncio.Protocol:
            protocol = HijackProtocol(self._config, self.state, self._state, listener=listener.name)
            return protocol if listener.tls is None else TlsLayer(listener.tls, protocol)

        return make

    async def _keep_date(self) -> None:
        while True:
            now = time.time()
            self.state.default_headers = [(b"Date", formatdate(now, usegmt=True).encode())]
            await asyncio.sleep(1 - now % 1)


@contextlib.asynccontextmanager
async def serve(
    app: App, listeners: Sequence[Listener], *, grace_s: float = 5.0, **options: Any
) -> AsyncIterator[Server]:
    """Serve inside the block; options are `Server`'s."""
    server = Server(app, listeners, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(grace_s)
