"""`/ws/logs`: a container's log lines with cursors, under the page's own credit.

Each viewer has a stream of its own from the host: one that does not acknowledge stops the reading of its own stream,
costs no memory, and loses nothing, since the agent reads the file by offset. A page that reconnects with its last
cursor goes on exactly there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import orjson

from controlplane.accounts.access import Action
from controlplane.gateway.calls import client
from controlplane.streams.consumer import StreamConsumer
from wire.httpstatus import error_for_status
from wire.net.calls import Answer

__all__ = ["LogsConsumer"]

IN_FLIGHT_LINES = 2000
BATCH_LINES = 500
BATCH_WAIT_S = 0.05


class LogsConsumer(StreamConsumer):
    """See the module docstring."""

    action: ClassVar[Action] = Action.CONTAINER_READ

    async def prepare(self) -> None:
        """Find the host and authorise."""
        self._host_id, self._container = await self.container_params()
        self._in_flight: deque[tuple[str, int]] = deque()  # (last cursor of a batch, its lines)
        self._unacknowledged = 0
        self._credit = asyncio.Event()
        self._credit.set()

    async def on_text(self, message: dict[str, Any]) -> None:
        """Take `{"ack": cursor}`: everything up to and with it has been shown."""
        cursor = str(message.get("ack", ""))
        if not any(last == cursor for last, _ in self._in_flight):
            return
        while self._in_flight:
            last, lines = self._in_flight.popleft()
            self._unacknowledged -= lines
            if last == cursor:
                break
        if self._unacknowledged < IN_FLIGHT_LINES:
            self._credit.set()

    async def stream(self) -> None:
        """Relay lines in batches until the log ends."""
        query = {"follow": "1", "tail": self.param("tail", "500")}
        if cursor := self.param("cursor"):
            query["cursor"] = cursor
        path = f"/mooring/v1/containers/{quote(self._container, safe='')}/logs?{urlencode(query)}"
        stamped = self.param("timestamps", "1") != "0"
        async with client().call(self._host_id, "GET", path) as answer:
            if answer.status != 200:
                await _raise_refusal(answer)
            # A host that is lost on the way raises Unavailable: the page is told, and comes back with its cursor.
            async for lines in _batches(answer.chunks()):
                await self._send_batch(lines, stamped)
        await self.send_json({"end": "ended"})

    async def _send_batch(self, lines: list[dict[str, Any]], stamped: bool) -> None:
        if self._unacknowledged >= IN_FLIGHT_LINES:
            self._credit.clear()
        await self._credit.wait()
        for line in lines:
            line["l"] = str(line["l"]).removesuffix("\n").removesuffix("\r")
            if stamped:
                line["t"] = rfc3339_nano(int(line["t"]))
            else:
                line.pop("t", None)
        self._in_flight.append((str(lines[-1]["c"]), len(lines)))
        self._unacknowledged += len(lines)
        await self.send_json({"lines": lines, "skipped": 0})


def rfc3339_nano(time_ns: int) -> str:
    """Return nanoseconds since the epoch as `2026-01-02T03:04:05.678901234Z`."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


async def _raise_refusal(answer: Answer) -> None:
    body = await answer.read(64 * 1024)
    message = f"the host answered {answer.status}"
    with contextlib.suppress(orjson.JSONDecodeError, AttributeError):
        message = orjson.loads(body).get("message", message)
    raise error_for_status(answer.status, message)


async def _batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the lines of a JSON-lines stream, those of 50 ms together, at most 500 at once.

    Reading is only one chunk ahead of sending: the viewer's credit reaches back to the host.
    """
    pending: asyncio.Task[bytes] | None = None
    buffer = b""
    loop = asyncio.get_running_loop()
    try:
        ended = False
        while not ended:
            lines: list[dict[str, Any]] = []
            deadline: float | None = None
            while len(lines) < BATCH_LINES:
                pending = pending or asyncio.ensure_future(_next(chunks))
                timeout = None if deadline is None else max(0.0, deadline - loop.time())
                done, _ = await asyncio.wait((pending,), timeout=timeout)
                if not done:
                    break
                chunk, pending = pending.result(), None
                if not chunk:
                    ended = True
                    break
                whole, newline, rest = (buffer + chunk).rpartition(b"\n")
                buffer = rest
                if newline:
                    lines += [orjson.loads(line) for line in whole.split(b"\n")]
                    deadline = deadline or loop.time() + BATCH_WAIT_S
            for at in range(0, len(lines), BATCH_LINES):
                yield lines[at : at + BATCH_LINES]
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    async for chunk in chunks:
        if chunk:
            return chunk
    return b""
