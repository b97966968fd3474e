"""Hints between processes over Redis pub/sub: "this changed, read it again".

A hint carries no data that matters and may be lost: whoever waits also reads the row now and then. Publishing never
raises and never waits long; with Redis away hints are dropped. `memory://` (tests) delivers within the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
import redis
import redis.asyncio
from django.conf import settings

__all__ = ["Hint", "Listener", "publish", "redis_client"]

logger = logging.getLogger(__name__)
CHANNEL = "mooring:news"
SILENCE_S = 2.0
Hint = dict[str, Any]

_local_listeners: set[Listener] = set()
_client: redis.Redis | None = None
_silent_until = 0.0
_client_lock = threading.Lock()


def redis_client() -> redis.Redis:
    """Return the process's blocking client (thread-safe; short time-outs)."""
    global _client
    with _client_lock:
        if _client is None:
            _client = redis.Redis.from_url(
                settings.MOORING_REDIS_URL, socket_timeout=2, socket_connect_timeout=1, health_check_interval=30
            )
        return _client


def publish(hint: Hint) -> None:
    """Tell every process. Blocking for at most the client's time-outs; call it off the event loop."""
    if settings.MOORING_REDIS_URL == "memory://":
        for listener in list(_local_listeners):
            listener.deliver_threadsafe(hint)
        return
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        redis_client().publish(CHANNEL, orjson.dumps(hint))
    except (redis.RedisError, OSError) as error:
        # A Redis that hangs must not cost every request the client's time-out.
        _silent_until = time.monotonic() + SILENCE_S
        logger.warning("news.not_published type=%s error=%s", hint.get("type"), error)


class Listener:
    """One per process that wants hints. `run` is owned by whoever awaits it; it reconnects by itself.

    `callback(None)` is called after each (re)connection: hints may have been missed, so everything is stale.
    """

    def __init__(self, callback: Callable[[Hint | None], None]) -> None:
        self._callback = callback
        self._loop: asyncio.AbstractEventLoop | None = None

    def deliver_threadsafe(self, hint: Hint) -> None:
        """Hand over a hint from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._callback, hint)

    async def run(self) -> None:
        """Listen until cancelled."""
        self._loop = asyncio.get_running_loop()
        if settings.MOORING_REDIS_URL == "memory://":
            _local_listeners.add(self)
            try:
                self._callback(None)
                await asyncio.Event().wait()
            finally:
                _local_listeners.discard(self)
        while True:
            try:
                await self._listen()
            except (redis.RedisError, OSError) as error:
                logger.warning("news.connection_lost error=%s", error)
            await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.MOORING_REDIS_URL, socket_connect_timeout=2)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(client.aclose)
            pubsub = client.pubsub(ignore_subscribe_messages=True)
            stack.push_async_callback(pubsub.aclose)
            await pubsub.subscribe(CHANNEL)
            self._callback(None)
            async for message in pubsub.listen():
                try:
                    hint = orjson.loads(message["data"])
                except orjson.JSONDecodeError:
                    continue
                self._callback(hint)
