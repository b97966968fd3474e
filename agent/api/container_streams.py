"""Containers: attach, logs, wait, stats, resize. Headers leave at once; bodies come when they come."""

from __future__ import annotations

import asyncio

from agent.api.backends import Backends
from agent.api.duplex import MULTIPLEXED, RAW, relay
from agent.api.request import JSON, Request
from agent.ports.runtime import StdioSession
from wire import errors
from wire.engine.shape import encode
from wire.httpstatus import status_of

__all__ = ["attach", "attach_websocket", "duplex_type", "logs", "resize", "stats", "stream_type", "wait"]


def stream_type(request: Request, tty: bool) -> bytes:
    """Content type of a process's output: named for its framing since API 1.42."""
    return MULTIPLEXED if not tty and request.version >= (1, 42) else RAW


def duplex_type(request: Request, tty: bool) -> bytes:
    """The same of a connection taken over; a client that did not ask for the upgrade gets the old name."""
    return stream_type(request, tty) if request.upgrade else RAW


async def attach(backends: Backends, request: Request) -> None:
    """Docker tells an error of this one call as text: its handler has taken the connection over by then."""
    duplex = request.duplex()
    try:
        session = await _attach(backends, request)
    except errors.MooringError as error:
        await request.answer(status_of(error), f"{error.message}\r\n".encode(), [(b"content-type", RAW)])
        return
    await duplex.accept([(b"Content-Type", duplex_type(request, session.tty))])
    await relay(duplex, session, stdin=request.flag("stdin"), framed=not session.tty)


async def _attach(backends: Backends, request: Request) -> StdioSession:
    return await backends.engine.attach(
        request.name,
        stdin=request.flag("stdin"),
        stdout=request.flag("stdout"),
        stderr=request.flag("stderr"),
        stream=request.flag("stream"),
        logs=request.flag("logs"),
        detach_keys=request.text("detachKeys"),
    )


async def attach_websocket(backends: Backends, request: Request) -> None:
    """The same over a real WebSocket: binary messages, never framed."""
    if not request.is_websocket:
        backends.engine.require(request.name)
        await request.answer(400, b"not websocket protocol")
        return
    duplex = request.duplex()
    session = await _attach(backends, request)
    await duplex.accept()
    await relay(duplex, session, stdin=request.flag("stdin"), framed=False)


async def logs(backends: Backends, request: Request) -> None:
    stdout, stderr = request.flag("stdout"), request.flag("stderr")
    if not (stdout or stderr):
        raise errors.Invalid("Bad parameters: you must choose at least one stream")
    tty, chunks = await backends.engine.logs(
        request.name,
        stdout=stdout,
        stderr=stderr,
        follow=request.flag("follow"),
        since=request.text("since"),
        until=request.text("until"),
        timestamps=request.flag("timestamps"),
        details=request.flag("details"),
        tail=request.text("tail", "all"),
        # The CLI copies frames to its streams; the libraries hand each one out as a line.
        coalesce=request.header("user-agent").startswith("Docker-Client/"),
    )
    await request.stream(chunks, stream_type(request, tty).decode())


async def wait(backends: Backends, request: Request) -> None:
    condition = request.text("condition") if request.version >= (1, 30) else ""
    if condition not in ("", "not-running", "next-exit", "removed"):
        raise errors.Invalid(f'invalid condition: "{condition}"')
    if condition == "removed" and request.version < (1, 34):
        condition = "not-running"
    ending = asyncio.ensure_future(backends.engine.wait(request.name, condition))
    try:
        if request.version >= (1, 30):
            # The client starts the container when it has these headers: now it is sure not to miss the exit.
            await request.begin(JSON)

        async def answer() -> None:
            status, text = await ending
            document: dict[str, object] = {"StatusCode": status.code}
            if text:
                document = {"Error": {"Message": text}, **document}
            if request.version < (1, 30):
                await request.begin(JSON)
            await request.write(encode(document, escape_html=True) + b"\n")
            await request.end()

        await request.until_disconnect(answer())
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)


async def stats(backends: Backends, request: Request) -> None:
    stream = request.flag("stream", default=True)
    one_shot = request.version >= (1, 41) and request.flag("one-shot")
    if stream and one_shot:
        raise errors.Invalid("cannot have stream=true and one-shot=true")
    readings = await backends.engine.stats(request.name, stream=stream, one_shot=one_shot)
    await request.stream_json(readings)


async def resize(backends: Backends, request: Request) -> None:
    rows, columns = request.number("h"), request.number("w")
    await backends.engine.resize(request.name, rows, columns)
    await request.answer_nothing(200)
