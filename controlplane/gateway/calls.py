"""How the other processes ask a host: one multiplexed connection to the gateway per process, dialled when needed.

The connection belongs to one event loop. Coroutines of that loop use `call`; threads (Celery workers, sync views) use
`ask`, which runs on the same loop. A request for host H to path P travels as a call to `/host/<H><P>`; the gateway
splices it onto H's tunnel.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from django.conf import settings

from controlplane.gateway.errors import GatewayGone, HostUnreachable
from wire.errors import MooringError
from wire.net import calls
from wire.net.carrier import MuxProtocol
from wire.net.mux import Session

__all__ = ["GATEWAY_HEADER", "OPERATION_HEADER", "EngineAnswer", "GatewayClient", "client", "start_client_thread"]

GATEWAY_HEADER = "x-mooring-gateway"  # set on answers that the gateway itself gives
OPERATION_HEADER = "X-Mooring-Operation"
CONNECT_TIMEOUT_S = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """A whole answer of a host."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class GatewayClient:
    """See the module docstring. `close` ends the connection; it is dialled again when next needed."""

    def __init__(self, socket: Path | None = None) -> None:
        self._socket = socket
        self._session: Session | None = None
        self._dialling = asyncio.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def session(self) -> Session:
        """Return the live connection. Raises GatewayGone."""
        session = self._session
        if session is not None and not session.closed:
            return session
        async with self._dialling:
            if self._session is not None and not self._session.closed:
                return self._session
            self.loop = asyncio.get_running_loop()
            path = self._socket or settings.MOORING_GATEWAY_CALLS_SOCKET
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    _, protocol = await self.loop.create_unix_connection(lambda: MuxProtocol(dialer=True), str(path))
            except (OSError, TimeoutError) as error:
                raise GatewayGone("the gateway is not running; it is restarted by itself, try again") from error
            self._session = protocol.session
            return protocol.session

    @contextlib.asynccontextmanager
    async def call(
        self,
        host_id: uuid.UUID,
        method: str,
        path: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | AsyncIterable[bytes] = b"",
        hijack: bool = False,
        answer_timeout_s: float | None = None,
    ) -> AsyncIterator[calls.Answer]:
        """Ask the host; see `wire.net.calls.call`. Raises GatewayGone and HostUnreachable before anything is sent."""
        session = await self.session()
        asked = calls.call(
            session,
            method,
            f"/host/{host_id}{path}",
            headers=headers,
            body=body,
            hijack=hijack,
            answer_timeout_s=answer_timeout_s,
        )
        async with asked as answer:
            reason = answer.find_header(GATEWAY_HEADER)
            if reason is not None:
                raise HostUnreachable(reason)
            yield answer

    async def request(
        self,
        host_id: uuid.UUID,
        method: str,
        path: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_s: float | None = 60.0,
        limit_bytes: int = 64 * 1024 * 1024,
    ) -> EngineAnswer:
        """Ask and read the whole answer."""
        try:
            async with asyncio.timeout(timeout_s):
                async with self.call(host_id, method, path, headers=headers, body=body) as answer:
                    return EngineAnswer(answer.status, list(answer.headers), await answer.read(limit_bytes))
        except TimeoutError:
            raise HostUnreachable(f"the host did not answer within {timeout_s:g} s") from None

    def ask(self, host_id: uuid.UUID, method: str, path: str, **options: Any) -> EngineAnswer:
        """`request` for threads: blocks until the answer is there. Never call it on the client's own loop."""
        return self.run(self.request(host_id, method, path, **options))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the client's loop from another thread and return its result."""
        if self.loop is None or not self.loop.is_running():
            work.close()
            raise GatewayGone("this process has no connection to the gateway")
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def close(self) -> None:
        """End the connection."""
        if self._session is not None:
            self._session.close(MooringError("closed"))
            self._session = None


_client: GatewayClient | None = None
_lock = threading.Lock()


def client() -> GatewayClient:
    """Return this process's client."""
    global _client
    with _lock:
        if _client is None:
            _client = GatewayClient()
        return _client


def start_client_thread() -> GatewayClient:
    """Give a process without an event loop of its own (a worker) a loop in a thread for its client. Safe to repeat."""
    found = client()
    with _lock:
        if found.loop is None or not found.loop.is_running():
            loop = uvloop.new_event_loop()
            found.loop = loop
            started = threading.Event()
            loop.call_soon(started.set)
            threading.Thread(target=loop.run_forever, name="gateway-client", daemon=True).start()
            started.wait(5)
    return found
