"""Terminals that outlive their socket for a minute: output is kept by position, so a page can reconnect and go on.

A session belongs to this process. Its task reads the host's stream; when the page does not take what is there (or is
away), reading stops after a bounded amount and the program in the container waits, as on a slow line.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from controlplane.accounts.actor import Actor
from controlplane.accounts.revocation import hold
from controlplane.gateway.calls import client
from wire.errors import Exhausted, MooringError, NotFound
from wire.httpstatus import error_for_status
from wire.net.calls import Answer
from wire.net.mux import SessionClosed, StreamReset
from wire.stdcopy import Decoder

__all__ = ["TerminalSession", "find_session", "open_session"]

logger = logging.getLogger(__name__)
KEEP_S = 60.0
AHEAD_BYTES = 512 * 1024
HISTORY_BYTES = 256 * 1024
TYPED_LIMIT_BYTES = 1024 * 1024
API = "/v1.45"  # its content types say whether an attached stream is framed
_SHELL = ["sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"]


class TerminalSession:
    """One terminal. At most one viewer at a time; a newer one replaces the older."""

    def __init__(self, name: str, actor: Actor, host_id: uuid.UUID, container_id: str, params: dict[str, Any]) -> None:
        self.name = name
        self.actor = actor
        self._host_id = host_id
        self._container = quote(container_id, safe="")
        self._params = params
        self._base = 0  # position of the buffer's first byte
        self._buffer = bytearray()
        self._taken = 0  # position up to which a viewer has taken
        self._changed = asyncio.Condition()
        self._answer: Answer | None = None
        self._typed: asyncio.Queue[bytes] = asyncio.Queue()
        self._typed_bytes = 0
        self._ready = asyncio.Event()  # the program runs, or never will
        self._exec_id = ""
        self.viewer = 0
        self.ended: dict[str, Any] | None = None
        self._left_at: float | None = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._run(), name=f"terminal-{name[:8]}")

    # viewers
    def enter(self) -> int:
        """Become the viewer; return a number that is no longer current once somebody else entered."""
        self.viewer += 1
        self._left_at = None
        return self.viewer

    def leave(self, viewer: int) -> None:
        """Go away; the session is kept for a minute."""
        if viewer == self.viewer:
            self._left_at = asyncio.get_running_loop().time()

    async def read(self, position: int, viewer: int) -> tuple[bytes, int]:
        """Wait for output after `position`; return it with the position after it. Empty: the end, or replaced.

        A position that is no longer kept goes on at the oldest byte there is.
        """
        async with self._changed:
            await self._changed.wait_for(
                lambda: self.end_position > position or self.ended is not None or viewer != self.viewer
            )
            if viewer != self.viewer:
                return b"", position
            position = max(position, self._base)
            data = bytes(self._buffer[position - self._base :])
            self._taken = max(self._taken, position + len(data))
            excess = self._taken - HISTORY_BYTES - self._base
            if excess > 0:
                del self._buffer[:excess]
                self._base += excess
            self._changed.notify_all()
            return data, position + len(data)

    @property
    def end_position(self) -> int:
        """How many bytes the program has written so far, as far as we have read."""
        return self._base + len(self._buffer)

    def write(self, data: bytes) -> None:
        """Queue what was typed. It waits for the program to run and to read; raises Exhausted when it does neither."""
        self._typed_bytes += len(data)
        if self._typed_bytes > TYPED_LIMIT_BYTES:
            raise Exhausted("the program in the container does not read its input")
        self._typed.put_nowait(data)

    async def _type(self) -> None:
        await self._ready.wait()
        while (answer := self._answer) is not None:
            data = await self._typed.get()
            with contextlib.suppress(StreamReset, SessionClosed):
                await answer.stream.write(data)
            self._typed_bytes -= len(data)

    async def resize(self, rows: int, cols: int) -> None:
        """Tell the program its window's size, or keep it for when the program runs."""
        self._params |= {"rows": rows, "cols": cols}
        if self._answer is None:
            return
        what = f"/exec/{self._exec_id}" if self._exec_id else f"/containers/{self._container}"
        with contextlib.suppress(MooringError):
            await client().request(self._host_id, "POST", f"{API}{what}/resize?{urlencode({'h': rows, 'w': cols})}")

    async def close(self) -> None:
        """End the session."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # the session's own task
    async def _run(self) -> None:
        helpers = [asyncio.create_task(self._keep()), asyncio.create_task(self._type())]
        try:
            async with hold(self.actor):
                self.ended = await self._stream()
        except MooringError as error:
            self.ended = {"type": "error", "message": error.message}
        except asyncio.CancelledError:
            self.ended = {"type": "error", "message": "the terminal was closed"}
        except Exception:
            logger.exception("terminal.failed")
            self.ended = {"type": "error", "message": "internal error"}
        finally:
            self._answer = None
            self._ready.set()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            async with self._changed:
                self._changed.notify_all()
        await asyncio.sleep(KEEP_S)  # the end can be read by a page that reconnects
        _sessions.pop(self.name, None)

    async def _keep(self) -> None:
        loop, task = asyncio.get_running_loop(), self._task
        while True:
            await asyncio.sleep(KEEP_S / 12)
            if self._left_at is not None and loop.time() - self._left_at > KEEP_S:
                task.cancel()
                return

    async def _stream(self) -> dict[str, Any]:
        path, body = await self._begin()
        headers = [("Content-Type", "application/json"), ("Connection", "Upgrade"), ("Upgrade", "tcp")]
        call = client().call(self._host_id, "POST", path, headers=headers, body=body, hijack=True)
        async with call as answer:
            if answer.status != 101:
                raise error_for_status(answer.status, _message(await answer.read(64 * 1024)))
            self._answer = answer
            self._ready.set()
            decoder = Decoder() if "multiplexed" in (answer.find_header("content-type") or "") else None
            await self.resize(self._params["rows"], self._params["cols"])
            async for chunk in answer.chunks():
                await self._put(chunk if decoder is None else b"".join(part for _, part in decoder.feed(chunk)))
            self._answer = None
        return {"type": "exit", "code": await self._exit_code()}

    async def _begin(self) -> tuple[str, bytes]:
        if self._params.get("attach"):
            return f"{API}/containers/{self._container}/attach?stream=1&stdin=1&stdout=1&stderr=1", b""
        shell = self._params.get("shell")
        wanted = {
            "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": True,
            "User": self._params.get("user") or "", "Env": ["TERM=xterm-256color"],
            "Cmd": [shell] if shell else _SHELL,
        }  # fmt: skip
        answer = await client().request(
            self._host_id, "POST", f"{API}/containers/{self._container}/exec", body=orjson.dumps(wanted),
            headers=[("Content-Type", "application/json"), ("Content-Length", str(len(orjson.dumps(wanted))))],
        )  # fmt: skip
        if answer.status != 201:
            raise error_for_status(answer.status, _message(answer.body))
        self._exec_id = str(orjson.loads(answer.body)["Id"])
        size = [self._params["rows"], self._params["cols"]]
        return f"{API}/exec/{self._exec_id}/start", orjson.dumps({"Detach": False, "Tty": True, "ConsoleSize": size})

    async def _exit_code(self) -> int | None:
        path = f"{API}/exec/{self._exec_id}/json" if self._exec_id else f"{API}/containers/{self._container}/json"
        answer = await client().request(self._host_id, "GET", path)
        if answer.status != 200:
            return None
        told = orjson.loads(answer.body)
        code = told.get("ExitCode") if self._exec_id else (told.get("State") or {}).get("ExitCode")
        return int(code) if code is not None else None

    async def _put(self, data: bytes) -> None:
        async with self._changed:
            self._buffer += data
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self.end_position - self._taken < AHEAD_BYTES)


_sessions: dict[str, TerminalSession] = {}


def open_session(
    name: str, actor: Actor, host_id: uuid.UUID, container_id: str, params: dict[str, Any]
) -> TerminalSession:
    """Begin a terminal. The caller has redeemed a ticket."""
    session = TerminalSession(name, actor, host_id, container_id, params)
    _sessions[name] = session
    return session


def find_session(name: str, actor: Actor) -> TerminalSession:
    """Return the actor's own session. Raises NotFound."""
    session = _sessions.get(name)
    if session is None or session.actor.user_id != actor.user_id:
        raise NotFound("the terminal session has ended")
    return session


def _message(body: bytes) -> str:
    """What a host said when it refused: JSON, or plain text when an attach is refused."""
    try:
        return str(orjson.loads(body)["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return body.decode(errors="replace").strip() or "the host refused"
