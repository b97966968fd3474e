"""What every browser socket shares: origin and session before accepting, one owned task, an end that says why.

Close codes: 4400 bad request, 4401 not signed in (any more), 4403 not allowed, 4404 no such thing, 4503 not reachable.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import logging
import uuid
from typing import Any, ClassVar
from urllib.parse import parse_qs

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer

from controlplane.accounts.access import Action, Target, authorise
from controlplane.accounts.actor import ANONYMOUS, Actor
from controlplane.accounts.revocation import hold
from controlplane.fleet.models import Host
from controlplane.fleet.selectors import get_host
from controlplane.kernel.database import in_thread
from controlplane.orchestrator.actions import host_target
from controlplane.streams.access import is_own_origin, session_actor
from wire.errors import Invalid, MooringError

__all__ = ["StreamConsumer"]

logger = logging.getLogger(__name__)
_CODES = {"invalid": 4400, "unauthenticated": 4401, "forbidden": 4403, "not_found": 4404, "unavailable": 4503}


class StreamConsumer(AsyncWebsocketConsumer, abc.ABC):
    """Base of all browser sockets. Subclasses name their `action` and write `prepare` and `stream`."""

    action: ClassVar[Action]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor: Actor = ANONYMOUS
        self._task: asyncio.Task[None] | None = None

    # what subclasses write
    async def prepare(self) -> None:
        """Find what the socket is about and authorise it; runs before accepting. Raise to refuse."""

    @abc.abstractmethod
    async def stream(self) -> None:
        """Send until the end. Return ends the socket normally; a MooringError ends it with its message."""

    async def on_text(self, message: dict[str, Any]) -> None:
        """Take a JSON message."""

    async def on_bytes(self, data: bytes) -> None:
        """Take a binary message."""

    # what they use
    def param(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        return str(parse_qs(self.scope["query_string"].decode("latin-1")).get(name, [default])[0])

    async def host_param(self) -> Host:
        """Return the host that the `host` parameter names. Raises NotFound."""
        return await in_thread(get_host, self.actor.organisation_id, self.param("host"))

    async def container_params(self) -> tuple[uuid.UUID, str]:
        """Return the host's id and the container that the parameters name, authorised. Raises Invalid, NotFound."""
        host, container = await self.host_param(), self.param("container")
        if not container:
            raise Invalid("container is missing")
        authorise(self.actor, self.action, host_target(host, "container", container, container))
        return host.pk, container

    async def send_json(self, value: Any) -> None:
        """Send a JSON message."""
        await self.send(text_data=orjson.dumps(value).decode())

    # Channels' interface
    async def connect(self) -> None:
        """Check origin, session and rights; accept and begin, or refuse with a close code."""
        try:
            if not is_own_origin(self.scope):
                raise Invalid("the page that opened this socket is not ours")
            peer = self.scope.get("state", {}).get("peer")
            source = peer.address.rpartition(":")[0] if peer is not None else ""
            self.actor = await in_thread(session_actor, self.scope, source)
            authorise(self.actor, self.action, Target("organisation", organisation_id=self.actor.organisation_id))
            await self.prepare()
        except MooringError as error:
            # Accepted first, so that the page learns the code and the reason; nothing else is ever sent.
            await self.accept()
            await self._end(error)
            return
        await self.accept()
        self._task = asyncio.create_task(self._run())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Hand a message to the subclass; nonsense ends the socket."""
        if self._task is None:
            return
        try:
            if bytes_data is not None:
                await self.on_bytes(bytes_data)
            elif text_data is not None:
                message = orjson.loads(text_data)
                if not isinstance(message, dict):
                    raise Invalid("a message is a JSON object")
                await self.on_text(message)
        except orjson.JSONDecodeError:
            await self._end(Invalid("a message is a JSON object"))
        except MooringError as error:
            await self._end(error)

    async def disconnect(self, code: int) -> None:
        """Stop the task and wait for it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.released()

    async def released(self) -> None:
        """Called once the socket has gone."""

    async def _run(self) -> None:
        try:
            async with hold(self.actor):
                await self.stream()
        except asyncio.CancelledError as cancelled:
            if "revoked" not in cancelled.args:
                raise
            with contextlib.suppress(Exception):
                await self.close(code=4401, reason="signed out")
        except MooringError as error:
            await self._end(error)
        except Exception:
            logger.exception("stream.failed consumer=%s", type(self).__name__)
            with contextlib.suppress(Exception):
                await self.close(code=1011)
        else:
            with contextlib.suppress(Exception):
                await self.close(code=1000)

    async def _end(self, error: MooringError) -> None:
        with contextlib.suppress(Exception):
            await self.send_json({"type": "error", "code": error.kind, "message": error.message})
            await self.close(code=_CODES.get(error.kind, 4400), reason=error.message[:100])
