"""The room's HTTP session, made when first needed and closed with the room."""

from __future__ import annotations

import aiohttp

from agent.images.registry.client import new_session

__all__ = ["Sessions"]


class Sessions:
    """Owns the one session; belongs to one event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def get(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = new_session()
        return self._session

    async def close(self) -> None:
        """Safe to repeat."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
