"""The gateway process: accepts tunnels on one private socket, callers on another, and keeps the lease.

Tunnels reach the private socket directly (agents of this machine) or through the asgi process, which relays an
upgraded connection's bytes, so that agents need no other address than the dashboard's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid

import orjson
from django.conf import settings
from django.db import DatabaseError

from controlplane.accounts.access import Action, Target, authorise
from controlplane.accounts.actor import ANONYMOUS, Actor, Principal
from controlplane.fleet.actions import begin_gateway_epoch, renew_gateway_lease
from controlplane.fleet.models import Host
from controlplane.fleet.selectors import find_host_by_credential
from controlplane.gateway.links import Link, Links
from controlplane.gateway.observation import observe
from controlplane.gateway.relay import Relay
from controlplane.kernel import news
from controlplane.kernel.database import in_thread
from wire.errors import MooringError, NotFound
from wire.httpstatus import status_of
from wire.net.asgi import Message, Receive, Scope, Send
from wire.net.carrier import MuxProtocol, carry_over_asgi
from wire.net.mux import Session, Stream
from wire.net.server import serve, unix_listener

__all__ = ["Gateway"]

logger = logging.getLogger(__name__)
LEASE_EVERY_S = 3.0


class Gateway:
    """See the module docstring. `run` returns when `stop` is set, another gateway took over, or it is cancelled."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()
        self._links = Links(0)
        self._relay = Relay(self._links)
        self._callers: set[Session] = set()

    async def run(self) -> None:
        """Serve."""
        self._links.epoch = await in_thread(begin_gateway_epoch)
        settings.MOORING_RUN.mkdir(parents=True, exist_ok=True, mode=0o750)
        loop = asyncio.get_running_loop()
        listener = news.Listener(self._on_hint)
        background = [
            asyncio.create_task(self._keep_lease(), name="gateway-lease"),
            asyncio.create_task(listener.run(), name="gateway-news"),
        ]
        calls_listener = unix_listener(settings.MOORING_GATEWAY_CALLS_SOCKET, mode=0o600, name="calls")
        tunnels_listener = unix_listener(settings.MOORING_GATEWAY_SOCKET, mode=0o600, name="tunnels")
        calls = await loop.create_unix_server(self._caller, sock=calls_listener.socket)
        try:
            async with serve(self._app, [tunnels_listener], grace_s=1.0):
                logger.info("gateway.ready epoch=%d pid=%d", self._links.epoch, os.getpid())
                self.ready.set()
                await self.stop.wait()
                self._links.close()
        finally:
            calls.close()
            await self._relay.close()
            for session in list(self._callers):
                session.close()
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)

    def _caller(self) -> MuxProtocol:
        protocol = MuxProtocol(dialer=False, on_stream=self._relay.accept)
        self._callers.add(protocol.session)
        self._callers -= {session for session in self._callers if session.closed}
        return protocol

    def _on_hint(self, hint: news.Hint | None) -> None:
        if hint is not None and hint.get("type") == "host_removed":
            for host_id in self._links.hosts():
                if str(host_id) == hint.get("host"):
                    self._links.cut(host_id, "the host was removed from the fleet")

    async def _keep_lease(self) -> None:
        while True:
            live = self._links.hosts()
            try:
                if not await in_thread(renew_gateway_lease, self._links.epoch, self._links.known()):
                    logger.error("gateway.fenced epoch=%d: another gateway has taken over", self._links.epoch)
                    self.stop.set()
                    return
                for host_id in await in_thread(_removed_among, live):
                    self._links.cut(host_id, "the host was removed from the fleet")
            except DatabaseError as error:
                logger.warning("gateway.lease_not_renewed error=%s", error)
            await asyncio.sleep(LEASE_EVERY_S)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: one tunnel per connection; anything else is not found."""
        if scope["type"] != "websocket" or scope["path"] != "/agent/tunnel":
            await _answer(send, scope["type"], NotFound("page not found"))
            return
        await receive()
        try:
            host = await self._authenticate(scope)
        except MooringError as error:
            await _answer(send, "websocket", error)
            return
        await send({"type": "websocket.accept"})
        opened: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        carrier = asyncio.create_task(
            carry_over_asgi(receive, send, on_stream=_refuse_stream, on_session=opened.set_result)
        )
        try:
            session = await opened
            link = Link(host.pk, host.name, session, _source(scope))
            async with self._links.attached(link):
                observer = asyncio.create_task(observe(link))
                try:
                    await carrier
                finally:
                    observer.cancel()
                    await asyncio.gather(observer, return_exceptions=True)
        finally:
            carrier.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await carrier

    @staticmethod
    async def _authenticate(scope: Scope) -> Host:
        headers = dict(scope["headers"])
        scheme, _, credential = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        host = None
        if scheme.lower() == "bearer" and credential:
            host = await in_thread(find_host_by_credential, credential.strip())
        if host is None:
            authorise(ANONYMOUS, Action.TUNNEL_OPEN, Target("host"))
            raise NotFound("page not found")
        actor = Actor(Principal.HOST, host.organisation_id, name=host.name, method="credential", source=_source(scope))
        authorise(actor, Action.TUNNEL_OPEN, Target("host", str(host.pk), host.name, host.organisation_id, host.pk))
        return host


def _removed_among(host_ids: list[uuid.UUID]) -> list[uuid.UUID]:
    alive = set(Host.objects.filter(pk__in=host_ids, removed_at=None).values_list("pk", flat=True))
    return [host_id for host_id in host_ids if host_id not in alive]


def _source(scope: Scope) -> str:
    headers = dict(scope["headers"])
    forwarded = headers.get(b"x-mooring-source", b"").decode("latin-1")  # only our own asgi reaches this socket
    return forwarded or "unix"


def _refuse_stream(stream: Stream) -> None:
    """Agents ask nothing of the plane over the tunnel today."""
    stream.reset()


async def _answer(send: Send, kind: str, error: MooringError) -> None:
    body = orjson.dumps({"message": error.message}) + b"\n"
    prefix = "websocket.http.response" if kind == "websocket" else "http.response"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    start: Message = {"type": f"{prefix}.start", "status": status_of(error), "headers": headers}
    await send(start)
    await send({"type": f"{prefix}.body", "body": body, "more_body": False})
