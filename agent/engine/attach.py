"""`attach`: one client's view of a container's streams, with detach keys, stream choice and replay of the log.

A client may attach before the container is started (`docker run` does): its session waits, and is bound to the process
when that exists but does not run yet, so no byte is missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from agent.engine.container import Container, PendingAttachment
from agent.engine.context import Context
from agent.engine.detach import DetachKeys, parse_keys, until_detached
from agent.ports.logs import LogQuery
from wire.errors import Conflict

__all__ = ["Attachment", "attach", "bind_attachments", "drop_attachments"]


class Attachment:
    """Implements `ports.runtime.StdioSession` for one attach call."""

    def __init__(
        self, ctx: Context, container: Container, pending: PendingAttachment, *, stdin: bool, wanted: frozenset[int],
        replay: LogQuery | None, stream: bool, keys: bytes,
    ) -> None:  # fmt: skip
        self._ctx = ctx
        self._container = container
        self._pending = pending
        self._stdin = stdin
        self._wanted = wanted
        self._replay = replay
        self._stream = stream
        self._keys = DetachKeys(keys)
        self._detached = asyncio.Event()
        self._closed = False

    @property
    def tty(self) -> bool:
        return self._container.record.config.tty

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """The log first when asked for, then what comes; ends with the process, or when the client typed the keys."""
        if self._replay is not None:
            path = self._ctx.config.container_log(self._container.id)
            async for batch in self._ctx.logs.entries(path, self._replay):
                for entry in batch:
                    yield entry.stream, entry.data
        if not self._stream:
            return
        session = await self._pending.session
        if session is None:
            return
        async with aclosing(until_detached(session.output(), self._detached)) as output:
            async for item in output:
                if self.tty or item[0] in self._wanted:
                    yield item

    async def write(self, data: bytes) -> None:
        if not self._stdin or self._detached.is_set():
            return
        kept, found = self._keys.feed(data)
        session = await self._pending.session
        if kept and session is not None:
            await session.write(kept)
        if found:
            self._detached.set()
            self._ctx.events.publish("container", "detach", self._container.id, self._container.attributes())

    async def close_stdin(self) -> None:
        """End of the client's input. Without `stdin` it means nothing: the CLI closes its half at once then."""
        if not self._stdin or self._detached.is_set():
            return
        session = await self._pending.session
        config = self._container.record.config
        if session is not None and config.open_stdin and (config.stdin_once or not config.tty):
            await session.close_stdin()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._pending in self._container.attachments:
            self._container.attachments.remove(self._pending)
        if self._pending.session.done():
            session = self._pending.session.result()
            if session is not None:
                await session.close()
        else:
            self._pending.bind(None)


async def attach(
    ctx: Context, ref: str, *, stdin: bool = False, stdout: bool = False, stderr: bool = False, stream: bool = False,
    logs: bool = False, detach_keys: str = "",
) -> Attachment:  # fmt: skip
    """Attach to a container. Conflict when it is paused or restarting; an exited one gives an empty stream."""
    keys = parse_keys(detach_keys)
    container = ctx.containers.resolve(ref)
    state = container.record.state
    if state.status == "paused":
        raise Conflict(f"container {ref} is paused, unpause the container before attach")
    if state.status == "restarting":
        raise Conflict(f"container {ref} is restarting, wait until the container is running")
    wanted = frozenset(number for number, asked in ((1, stdout), (2, stderr)) if asked)
    pending = PendingAttachment()
    replay = None
    if logs and container.record.host.log_config.type != "none":
        replay = LogQuery(stdout=stdout, stderr=stderr)
    if stream:
        if container.has_process:
            pending.bind(await ctx.runtime.attach(container.id))
        elif state.status == "ending":
            pending.bind(None)  # still shown as running, but nothing more will come of this run
        else:
            container.attachments.append(pending)
    ctx.events.publish("container", "attach", container.id, container.attributes())
    return Attachment(
        ctx,
        container,
        pending,
        stdin=stdin and container.record.config.open_stdin,
        wanted=wanted,
        replay=replay,
        stream=stream,
        keys=keys,
    )


async def bind_attachments(ctx: Context, container: Container) -> None:
    """Give every waiting client its session. Called when the process exists and does not run yet."""
    waiting, container.attachments = container.attachments, []
    for pending in waiting:
        if not pending.session.done():
            pending.bind(await ctx.runtime.attach(container.id))


def drop_attachments(container: Container) -> None:
    """End every waiting client: the process will not come."""
    waiting, container.attachments = container.attachments, []
    for pending in waiting:
        pending.bind(None)
