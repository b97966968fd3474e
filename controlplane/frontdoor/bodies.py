"""Bodies of the dashboard's side are small and read whole, within a limit and a time, before Django sees the request.

Django would spool a body of any length to disk before anybody has asked who sends it.
"""

from __future__ import annotations

import asyncio

from wire.errors import Exhausted, MooringError, Timeout
from wire.net.asgi import Message, Receive, Scope

__all__ = ["read_whole"]

BODY_S = 60.0
DRAIN_BYTES, DRAIN_S = 8 * 1024 * 1024, 2.0


async def read_whole(scope: Scope, receive: Receive, limit_bytes: int) -> Receive:
    """Return a `receive` that gives the whole body in one message.

    Raises Exhausted past the limit, Timeout when the body does not come, after throwing away a little of what follows:
    closing on unread bytes would make the client's kernel drop our answer.
    """
    fields = dict(scope["headers"])
    length = fields.get(b"content-length", b"0")
    if b"transfer-encoding" not in fields and length == b"0":
        return receive
    try:
        if length.isdigit() and int(length) > limit_bytes:
            raise Exhausted(f"the body is larger than {limit_bytes} bytes")
        async with asyncio.timeout(BODY_S):
            body = await _read(receive, limit_bytes)
    except TimeoutError:
        raise Timeout(f"the body did not come within {BODY_S:g} s") from None
    except MooringError:
        await _drain(receive)
        raise
    pending = [body]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def _read(receive: Receive, limit_bytes: int) -> Message:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message  # the client went away: Django is told so
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit_bytes:
            raise Exhausted(f"the body is larger than {limit_bytes} bytes")
        if not message.get("more_body", False):
            return {"type": "http.request", "body": b"".join(parts), "more_body": False}


async def _drain(receive: Receive) -> None:
    size = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while size < DRAIN_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
