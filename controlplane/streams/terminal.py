"""`/ws/terminal`: bytes both ways in binary frames, control in JSON text frames. Needs a ticket issued over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from controlplane.accounts.access import Action, authorise
from controlplane.kernel.database import in_thread
from controlplane.orchestrator.actions import host_target
from controlplane.streams.consumer import StreamConsumer
from controlplane.streams.terminal_sessions import TerminalSession, find_session, open_session
from controlplane.workloads.terminals import redeem_ticket
from wire.errors import Invalid

__all__ = ["TerminalConsumer"]


class TerminalConsumer(StreamConsumer):
    """See the module docstring."""

    action: ClassVar[Action] = Action.CONTAINER_EXEC
    _session: TerminalSession | None = None
    _viewer = 0
    _position = 0

    async def prepare(self) -> None:
        """Redeem the ticket, or find the session to go on with."""
        if ticket := self.param("ticket"):
            redeemed = await in_thread(redeem_ticket, self.actor, ticket)
            target = host_target(redeemed.host, "container", redeemed.container_id)
            authorise(self.actor, self.action, target)
            self._session = open_session(
                redeemed.session, self.actor, redeemed.host.pk, redeemed.container_id, dict(redeemed.params)
            )
        else:
            self._session = find_session(self.param("session"), self.actor)
            resume = self.param("resume", "0")
            if not resume.isdecimal() or len(resume) > 15:
                raise Invalid("resume must be a number of bytes")
            self._position = int(resume)
        self._viewer = self._session.enter()

    async def stream(self) -> None:
        """Send output until the program ends or another page takes the session over."""
        session = self._session
        if session is None:
            return
        while True:
            data, self._position = await session.read(self._position, self._viewer)
            if data:
                await self.send(bytes_data=data)
            elif self._viewer != session.viewer:
                await self.send_json({"type": "error", "message": "the terminal was opened elsewhere"})
                return
            elif session.ended is not None:
                await self.send_json(session.ended)
                return

    async def on_bytes(self, data: bytes) -> None:
        """Take what was typed."""
        if self._session is not None and self._viewer == self._session.viewer:
            self._session.write(data)

    async def on_text(self, message: dict[str, Any]) -> None:
        """Take a control message."""
        if message.get("type") != "resize" or self._session is None:
            raise Invalid("unknown control message")
        rows, cols = message.get("rows"), message.get("cols")
        if not (isinstance(rows, int) and isinstance(cols, int) and 0 < rows <= 1000 and 0 < cols <= 1000):
            raise Invalid("rows and cols must be between 1 and 1000")
        await self._session.resize(rows, cols)

    async def released(self) -> None:
        """Leave the session; it is kept for a minute."""
        if self._session is not None:
            self._session.leave(self._viewer)
