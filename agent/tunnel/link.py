"""Keeps the link to the control plane: dial, serve until it breaks, wait with jitter, dial again; for ever.

While the plane drains (it announced its end) the old connection serves what runs on it and a new one is dialled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent.tunnel.backoff import Backoff
from wire import errors
from wire.net.answers import StreamServer
from wire.net.asgi import App
from wire.net.mux import Session, Stream
from wire.net.peers import Peer

__all__ = ["Dial", "Link"]

_log = logging.getLogger(__name__)

_STOOD_S = 20.0
_DRAIN_S = 600.0

Dial = Callable[[Callable[[Stream], None]], Awaitable[Session]]


class Link:
    """Its maker awaits `run` (which only ends by cancellation). `dial` is given where new streams go."""

    def __init__(self, app: App, dial: Dial, *, backoff: Backoff | None = None) -> None:
        self._dial = dial
        self._backoff = backoff or Backoff()
        self._server = StreamServer(app, state={"peer": Peer(kind="tunnel", listener="tunnel")})
        self._draining: set[asyncio.Task[None]] = set()
        self.session: Session | None = None
        self.problem = "not dialled yet"

    @property
    def is_up(self) -> bool:
        return self.session is not None and not self.session.closed

    async def run(self) -> None:
        """Hold the link until cancelled. Nothing that happens to it ends this."""
        try:
            while True:
                await self._hold_once()
        finally:
            if self.session is not None:
                self.session.close()
            for task in self._draining:
                task.cancel()
            await asyncio.gather(*self._draining, return_exceptions=True)
            await self._server.close()

    async def _hold_once(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            session = await self._dial(self._server.accept)
        except errors.MooringError as error:
            await self._pause(error.message)
            return
        began = loop.time()
        self.session, self.problem = session, ""
        _log.info("link.up")
        await session.wait_ending()
        self.session = None
        if loop.time() - began >= _STOOD_S:
            self._backoff.reset()
        if session.closed:
            await self._pause(session.error.message if session.error else "closed")
            return
        _log.info("link.draining streams=%d", session.stream_count)
        task = loop.create_task(_drain(session), name="link-drain")
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
        await self._pause("the control plane is restarting")

    async def _pause(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("link.down reason=%r", problem)
        self.problem = problem
        await asyncio.sleep(self._backoff.next_s())


async def _drain(session: Session) -> None:
    try:
        async with asyncio.timeout(_DRAIN_S):
            await session.wait_idle()
    except TimeoutError:
        pass
    finally:
        session.close()
