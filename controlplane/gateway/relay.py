"""Splice a caller's stream (asgi process or worker) to a stream of a host's tunnel: bytes, half-closes, resets.

caller ──► "/host/<id>/rest" ──► host's tunnel
caller ◄── answer, byte for byte ◄── host
"""

from __future__ import annotations

import asyncio
import logging
import uuid

import msgspec

from controlplane.gateway.links import Links
from wire import errors
from wire.net.calls import AnswerHead, read_request, write_head
from wire.net.frames import Code
from wire.net.mux import SessionClosed, Stream, StreamReset

__all__ = ["Relay"]

logger = logging.getLogger(__name__)
GATEWAY_HEADER = "x-mooring-gateway"


class Relay:
    """Serves the callers' streams; owns one task per stream. `accept` is given to each caller's session."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, stream: Stream) -> None:
        """Take a stream a caller opened."""
        task = asyncio.get_running_loop().create_task(self._serve(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, stream: Stream) -> None:
        upstream: Stream | None = None
        try:
            head = await read_request(stream)
            host_id, path = _split(head.path)
            link = self._links.find(host_id)
            if link is None:
                await _refuse(stream, "the host is not connected")
                return
            try:
                upstream = link.session.open()
            except errors.Unavailable as error:
                await _refuse(stream, error.message)
                return
            await write_head(upstream, msgspec.structs.replace(head, path=path))
            if stream.read_out:
                await _pass_answer(stream, upstream)
            else:
                await _splice(stream, upstream)
        except (StreamReset, SessionClosed):
            pass  # one side has gone; `finally` tells the other
        except errors.Invalid as error:
            logger.warning("relay.refused reason=%s", error.message)
        except Exception:
            logger.exception("relay.failed")
        finally:
            stream.reset(Code.NORMAL if stream.closed else Code.INTERNAL)
            if upstream is not None:
                upstream.reset()


def _split(path: str) -> tuple[uuid.UUID, str]:
    """Return host id and the rest of `/host/<id>/rest`. Raises Invalid."""
    parts = path.split("/", 3)
    try:
        return uuid.UUID(parts[2]), "/" + parts[3]
    except (IndexError, ValueError):
        raise errors.Invalid(f"not a call to a host: {path[:100]}") from None


async def _refuse(stream: Stream, message: str) -> None:
    await write_head(stream, AnswerHead(status=503, headers=[(GATEWAY_HEADER, message)]))
    stream.finish()


async def _pass_answer(caller: Stream, host: Stream) -> None:
    """The usual request came whole: only its answer is to be moved, unless the caller goes away before it comes."""
    host.finish()
    leaving = asyncio.create_task(_reset_when_closed(caller, host))
    try:
        await _pump(host, caller, answer=True)
    finally:
        leaving.cancel()


async def _reset_when_closed(caller: Stream, host: Stream) -> None:
    await caller.wait_closed()
    host.reset()


async def _splice(caller: Stream, host: Stream) -> None:
    """Return when the host's answer is through and nobody wants the rest of the request, or when the caller has gone.

    A caller may go while the host has nothing to say, when nothing that is written would find it out.
    """
    up = asyncio.create_task(_pump(caller, host, answer=False))
    down = asyncio.create_task(_pump(host, caller, answer=True))
    ends = [asyncio.create_task(side.wait_closed()) for side in (caller, host)]
    caller_end, host_end = ends
    try:
        await asyncio.wait([down, caller_end], return_when=asyncio.FIRST_COMPLETED)
        if down.done() and not up.done():
            await asyncio.wait([up, caller_end, host_end], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down, *ends):
            task.cancel()
        await asyncio.gather(up, down, *ends, return_exceptions=True)


async def _pump(source: Stream, sink: Stream, *, answer: bool) -> None:
    try:
        while chunk := await source.read():
            try:
                await sink.write(chunk)
            except (StreamReset, SessionClosed):
                if answer:
                    source.reset()  # the caller has gone: the host need not go on
                return  # else: the host has answered without reading on
        sink.finish()
    except (StreamReset, SessionClosed):
        sink.reset(Code.INTERNAL)
