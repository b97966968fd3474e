"""`logs`: a container's log as Docker streams it, and as JSON lines with cursors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final
from urllib.parse import quote_plus

from agent.engine.clock import now_ns, parse_timestamp, rfc3339
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.log_attributes import log_attributes
from agent.ports.logs import LogQuery
from wire.errors import Internal, Invalid, Unsupported
from wire.stdcopy import frame

__all__ = ["log_lines", "logs", "parse_tail"]

_SETTLE_S: Final = 0.1


def parse_tail(text: str) -> int | None:
    """`all`, empty, negative or not a number is everything, as in Docker."""
    return int(text) if text.isdigit() else None


def _instant(text: str) -> int | None:
    try:
        return parse_timestamp(text)
    except Invalid as error:  # Docker answers 500 here
        raise Internal(error.message) from error


def _require_log(container: Container) -> None:
    if container.record.host.log_config.type == "none":
        raise Unsupported("configured logging driver does not support reading")


async def _settle(container: Container) -> None:
    """Give a container that has only just started the time Docker's slower start gives it.

    Clients start a short command and read its log at once, without waiting for its end.
    """
    left_s = _SETTLE_S - (now_ns() - container.record.state.started_at_ns) / 1e9
    if container.running and left_s > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await container.ended.wait()


async def logs(
    ctx: Context, ref: str, *, stdout: bool, stderr: bool, follow: bool = False, since: str = "", until: str = "",
    timestamps: bool = False, details: bool = False, tail: str = "all", coalesce: bool = False,
) -> tuple[bool, AsyncIterator[bytes]]:  # fmt: skip
    """(tty, chunks ready to send). Invalid when neither stream is asked for."""
    container = ctx.containers.resolve(ref)
    if not (stdout or stderr):
        raise Invalid("Bad parameters: you must choose at least one stream")
    _require_log(container)
    if not follow and until == "":
        await _settle(container)
    query = LogQuery(
        stdout=stdout,
        stderr=stderr,
        tail=parse_tail(tail),
        since_ns=_instant(since),
        until_ns=_instant(until),
        follow=follow and (container.running or container.record.state.status == "starting"),
        ended=container.ended,
    )
    tty = container.record.config.tty
    if details:
        return tty, _with_details(ctx, container, query, timestamps=timestamps)
    chunks = ctx.logs.frames(
        ctx.config.container_log(container.id), query, multiplexed=not tty, timestamps=timestamps, coalesce=coalesce
    )
    return tty, chunks


async def _with_details(
    ctx: Context, container: Container, query: LogQuery, *, timestamps: bool
) -> AsyncIterator[bytes]:
    """Each message led by the labels, variables and tag that the log options name, as Docker does."""
    record = container.record
    attributes = log_attributes(record)
    lead = ",".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in sorted(attributes.items())) + " "
    async for batch in ctx.logs.entries(ctx.config.container_log(container.id), query):
        for entry in batch:
            stamp = f"{_nano(entry.time_ns)} " if timestamps else ""
            message = f"{stamp}{lead}".encode() + entry.data
            yield message if record.config.tty else frame(entry.stream, message)


def _nano(at_ns: int) -> str:
    """All nine decimals, as log times have them."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{rfc3339(seconds * 1_000_000_000).removesuffix('Z')}.{rest:09d}Z"


async def log_lines(
    ctx: Context, ref: str, *, cursor: str = "", tail: str = "all", follow: bool = False
) -> AsyncIterator[bytes]:
    """Both streams as JSON lines with cursors."""
    container = ctx.containers.resolve(ref)
    _require_log(container)
    query = LogQuery(
        tail=None if cursor else parse_tail(tail),
        cursor=cursor or None,
        follow=follow and container.running,
        ended=container.ended,
    )
    return ctx.logs.json_lines(ctx.config.container_log(container.id), query)
