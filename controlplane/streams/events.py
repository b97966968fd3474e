"""`/ws/events`: hints which objects changed. The page fetches them again; a lost hint costs a moment, not the truth."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from controlplane.accounts.access import Action
from controlplane.streams.consumer import StreamConsumer
from controlplane.streams.hints import hub

__all__ = ["EventsConsumer"]

PING_EVERY_S = 15.0
GATHER_S = 0.05


class EventsConsumer(StreamConsumer):
    """See the module docstring."""

    action: ClassVar[Action] = Action.OVERVIEW_READ

    async def stream(self) -> None:
        """Say hello, then send hints as they come and a ping every 15 s."""
        subscription = hub().subscribe()
        try:
            await self.send_json({"type": "hello"})
            while True:
                try:
                    async with asyncio.timeout(PING_EVERY_S):
                        hints = await subscription.take()
                except TimeoutError:
                    await self.send_json({"type": "ping"})
                    continue
                for hint in hints:
                    await self.send_json(hint)
                await asyncio.sleep(GATHER_S)  # hints that come meanwhile collapse
        finally:
            hub().unsubscribe(subscription)
