"""Exec: further processes in a running container."""

from __future__ import annotations

from agent.api.backends import Backends
from agent.api.container_streams import duplex_type
from agent.api.duplex import relay
from agent.api.request import Request
from agent.api.shapes import adapt_exec
from wire import errors
from wire.engine.execs import ExecCreateRequest, ExecStartRequest
from wire.stdcopy import STDOUT, frame

__all__ = ["create", "inspect", "resize", "start"]


async def create(backends: Backends, request: Request) -> None:
    body = adapt_exec(await request.find(ExecCreateRequest) or ExecCreateRequest(), request.version)
    exec_id = await backends.engine.exec_create(request.name, body)
    await request.answer_json({"Id": exec_id}, 201)


async def start(backends: Backends, request: Request) -> None:
    """Answer 101, then start the process and join its streams: clients that buffer what follows the head (docker-py)
    would lose output that comes with it. So a command that cannot be executed is told inside the stream, as Docker
    does; an exec or container that is not there or not running is an ordinary answer."""
    body = await request.find(ExecStartRequest) or ExecStartRequest()
    backends.engine.exec_check(request.name)
    size = body.console_size if request.version >= (1, 42) else None
    if body.detach:
        await backends.engine.exec_start(request.name, detach=True, tty=body.tty, console_size=size)
        await request.answer_nothing(200)
        return
    stdin = bool(backends.engine.exec_inspect(request.name).get("OpenStdin"))
    duplex = request.duplex()
    await duplex.accept([(b"Content-Type", duplex_type(request, body.tty))])
    try:
        session = await backends.engine.exec_start(request.name, detach=False, tty=body.tty, console_size=size)
    except errors.MooringError as error:
        text = f"{error.message}\r\n".encode()
        await duplex.send(text if body.tty else frame(STDOUT, text))
        await duplex.close()
        return
    assert session is not None, "an exec that is not detached has streams"
    await relay(duplex, session, stdin=stdin, framed=not body.tty)


async def resize(backends: Backends, request: Request) -> None:
    rows, columns = request.number("h"), request.number("w")
    await backends.engine.exec_resize(request.name, rows, columns)
    await request.answer_nothing(200)


async def inspect(backends: Backends, request: Request) -> None:
    await request.answer_json(backends.engine.exec_inspect(request.name))
