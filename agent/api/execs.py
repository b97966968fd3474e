"""Exec: further processes in a running container."""

from __future__ import annotations

from agent.api.backends import Backends
from agent.api.container_streams import stream_type
from agent.api.duplex import relay
from agent.api.request import Request
from agent.api.shapes import adapt_exec
from wire import errors
from wire.engine.execs import ExecCreateRequest, ExecStartRequest
from wire.stdcopy import STDOUT, frame

__all__ = ["create", "inspect", "resize", "start"]


async def create(backends: Backends, request: Request) -> None:
    body = adapt_exec(await request.decode(ExecCreateRequest), request.version)
    exec_id = await backends.engine.exec_create(request.name, body)
    await request.answer_json({"Id": exec_id}, 201)


async def start(backends: Backends, request: Request) -> None:
    """Answer 101 and the process's streams. A command that cannot be executed is told inside the stream, as Docker
    does; an exec or container that is not there or not running is an ordinary answer."""
    body = await request.find(ExecStartRequest) or ExecStartRequest()
    exec_ = backends.engine.exec_inspect(request.name)
    size = body.console_size if request.version >= (1, 42) else None
    if body.detach:
        await backends.engine.exec_start(request.name, detach=True, tty=body.tty, console_size=size)
        await request.answer_nothing(200)
        return
    duplex = request.duplex()
    headers = [(b"Content-Type", stream_type(request, body.tty))]
    try:
        session = await backends.engine.exec_start(request.name, detach=False, tty=body.tty, console_size=size)
    except (errors.NotFound, errors.Conflict):
        raise
    except errors.MooringError as error:
        text = f"{error.message}\r\n".encode()
        await duplex.accept(headers)
        await duplex.send(text if body.tty else frame(STDOUT, text))
        await duplex.close()
        return
    assert session is not None, "an exec that is not detached has streams"
    await duplex.accept(headers)
    await relay(duplex, session, stdin=bool(exec_.get("OpenStdin")), framed=not body.tty)


async def resize(backends: Backends, request: Request) -> None:
    rows, columns = request.number("h"), request.number("w")
    await backends.engine.exec_resize(request.name, rows, columns)
    await request.answer_nothing(200)


async def inspect(backends: Backends, request: Request) -> None:
    await request.answer_json(backends.engine.exec_inspect(request.name))
