"""One process's streams, shared by any number of clients.

`Hub` is fed by whoever reads the process (the monitor's attach socket, an exec's pipes, the fake) and copies each
chunk to its sessions. A *patient* session, one that was there before the process ran, as with `docker run`, makes the
hub wait when it is behind: the process then blocks on its own output, as under Docker, and nothing is lost. Every other
session is ended with an error once it is `LIMIT_BYTES` behind: a forgotten viewer must not stop a service.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from wire.errors import Exhausted

__all__ = ["Hub", "Session"]

LIMIT_BYTES: Final = 8 << 20
PATIENT_BYTES: Final = 1 << 20

Write = Callable[[bytes], Awaitable[None]]
CloseStdin = Callable[[], Awaitable[None]]


class Session:
    """Implements `ports.runtime.StdioSession` on a hub. Made by `Hub.open`."""

    def __init__(self, hub: Hub, *, patient: bool) -> None:
        self._hub = hub
        self.patient = patient
        self.pending_bytes = 0
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._changed = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    @property
    def tty(self) -> bool:
        return self._hub.tty

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """See the port. Raises Exhausted when this session was cut for being too slow."""
        while True:
            while self._chunks:
                stream, data = self._chunks.popleft()
                yield stream, data
                # Counted as read only once the consumer has come back for more.
                self.pending_bytes -= len(data)
                self._hub.on_progress()
            if self._error is not None:
                raise self._error
            if self._ended:
                return
            self._changed.clear()
            await self._changed.wait()

    async def write(self, data: bytes) -> None:
        """See the port."""
        if not self._ended:
            await self._hub.write(data)

    async def close_stdin(self) -> None:
        """See the port."""
        await self._hub.close_stdin()

    async def close(self) -> None:
        """See the port."""
        self._hub.leave(self)
        self.finish()

    def push(self, stream: int, data: bytes) -> None:
        """Add a chunk; called by the hub."""
        if self._ended:
            return
        self._chunks.append((stream, data))
        self.pending_bytes += len(data)
        self._changed.set()

    def finish(self, error: Exception | None = None) -> None:
        """No more chunks will come; what is queued is still delivered, unless `error` cuts it."""
        if error is not None and not self._ended:
            self._error = error
            self._chunks.clear()
        self._ended = True
        self._changed.set()


class Hub:
    """The fan-out. Its feeder awaits `room()` before reading on and calls `feed`; at the process's end, `finish`."""

    def __init__(self, *, tty: bool, write: Write, close_stdin: CloseStdin) -> None:
        self.tty = tty
        self.write = write
        self.close_stdin = close_stdin
        self.on_empty: Callable[[], None] | None = None
        self._sessions: list[Session] = []
        self._progress = asyncio.Event()
        self._finished = False
        self._hurried = False

    @property
    def sessions(self) -> int:
        """How many clients there are."""
        return len(self._sessions)

    def open(self, *, patient: bool = False) -> Session:
        """A new session; on a finished hub one that ends at once."""
        session = Session(self, patient=patient)
        if self._finished:
            session.finish()
        else:
            self._sessions.append(session)
        return session

    def leave(self, session: Session) -> None:
        """Drop a session; safe to repeat."""
        if session in self._sessions:
            self._sessions.remove(session)
            self._progress.set()
            if not self._sessions and self.on_empty is not None:
                self.on_empty()

    def on_progress(self) -> None:
        """A session has read something."""
        self._progress.set()

    def feed(self, stream: int, data: bytes) -> None:
        """Copy a chunk to everyone, cutting who is too far behind."""
        for session in tuple(self._sessions):
            session.push(stream, data)
            if not session.patient and session.pending_bytes > LIMIT_BYTES:
                session.finish(Exhausted(f"client too slow: more than {LIMIT_BYTES} bytes behind"))
                self.leave(session)

    def has_room(self) -> bool:
        """Whether the feeder may read on without waiting."""
        return self._hurried or all(s.pending_bytes < PATIENT_BYTES for s in self._sessions if s.patient)

    async def room(self) -> None:
        """Wait until every patient session is near enough."""
        while not self.has_room():
            self._progress.clear()
            await self._progress.wait()

    def hurry(self) -> None:
        """The process has ended: take what is left without waiting (it is bounded by the pipes' size)."""
        self._hurried = True
        self._progress.set()

    def finish(self) -> None:
        """The process has closed its output; sessions end after what they still hold. Safe to repeat."""
        self._finished = True
        for session in self._sessions:
            session.finish()
        self._sessions.clear()
        self._progress.set()
