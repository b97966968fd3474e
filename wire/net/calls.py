"""Requests over a mux stream, seen from the caller: header, body, answer header, answer body.

On the wire, each way: 4-byte big-endian length, that much JSON, then body bytes until FIN.

    request  {"kind": "http" | "hijack", "method": …, "path": … with query, "headers": [[name, value], …],
              "body_length": only for hijack: so many bytes of request body precede the raw stream}
    answer   {"status": …, "headers": [[name, value], …]}

A hijack whose answer is 101 or 200 goes on as raw bytes both ways, FIN being the half-close; any other status is an
ordinary answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Literal

import msgspec

from wire import errors
from wire.net.frames import Code
from wire.net.mux import Session, Stream, StreamReset

__all__ = ["MAX_HEAD_BYTES", "Answer", "AnswerHead", "Headers", "RequestHead", "call", "read_head", "write_head"]

MAX_HEAD_BYTES = 256 * 1024

Headers = Sequence[tuple[str, str]]


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is, without its body. `path` begins with `/` and includes the query."""

    method: str
    path: str
    headers: list[tuple[str, str]] = []
    kind: Literal["http", "hijack"] = "http"
    body_length: int = 0


class AnswerHead(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: list[tuple[str, str]] = []


_encoder = msgspec.json.Encoder()
_request_decoder = msgspec.json.Decoder(RequestHead)
_answer_decoder = msgspec.json.Decoder(AnswerHead)


async def write_head(stream: Stream, head: RequestHead | AnswerHead, body: bytes = b"") -> None:
    """Send `head`, and `body` with it in the same frame when it is small."""
    encoded = _encoder.encode(head)
    if len(encoded) > MAX_HEAD_BYTES:
        raise errors.Exhausted(f"request headers of {len(encoded)} bytes; the limit is {MAX_HEAD_BYTES}")
    await stream.write(len(encoded).to_bytes(4, "big") + encoded + body)


async def read_head(stream: Stream) -> bytes:
    """Return the head's JSON. Raises Invalid when it is too long or cut short."""
    length = int.from_bytes(await stream.read_exactly(4), "big")
    if length > MAX_HEAD_BYTES:
        raise errors.Invalid(f"a head of {length} bytes; the limit is {MAX_HEAD_BYTES}")
    return await stream.read_exactly(length)


async def read_request(stream: Stream) -> RequestHead:
    """Return the request at the start of `stream`. Raises Invalid when it is not one."""
    try:
        return _request_decoder.decode(await read_head(stream))
    except msgspec.MsgspecError as error:
        raise errors.Invalid(f"not a request head: {error}") from error


class Answer:
    """A peer's answer. Valid inside the `call` block that gave it.

    `stream` is for hijacked calls: read and write it raw, `finish` it for end-of-input.
    """

    def __init__(self, head: AnswerHead, stream: Stream) -> None:
        self.status = head.status
        self.headers = head.headers
        self.stream = stream

    def find_header(self, name: str) -> str | None:
        """Return the first header of that name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises StreamReset or SessionClosed when it is cut."""
        async for chunk in self.stream:
            yield chunk

    async def read(self, limit_bytes: int = 64 * 1024 * 1024) -> bytes:
        """Return the whole body. Raises Exhausted past the limit."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.stream:
            size += len(chunk)
            if size > limit_bytes:
                raise errors.Exhausted(f"an answer of more than {limit_bytes} bytes")
            parts.append(chunk)
        return b"".join(parts)


@contextlib.asynccontextmanager
async def call(
    session: Session,
    method: str,
    path: str,
    *,
    headers: Headers = (),
    body: bytes | AsyncIterable[bytes] = b"",
    hijack: bool = False,
    answer_timeout_s: float | None = None,
) -> AsyncIterator[Answer]:
    """Send a request over `session` and give its answer as soon as the answer's head is there.

    A streamed `body` is sent while the answer is awaited and read; an error it raises ends the call with that error.
    At the end of the block what is unfinished is given up. Raises SessionClosed, StreamReset, Unavailable (draining),
    Timeout when the answer's head does not come in time.
    """
    stream = session.open()
    pump: asyncio.Task[None] | None = None
    try:
        whole = body if isinstance(body, bytes) else b""
        head = RequestHead(
            method=method,
            path=path,
            headers=list(headers),
            kind="hijack" if hijack else "http",
            body_length=len(whole) if hijack else 0,
        )
        if isinstance(body, bytes) and len(body) <= session.limits.frame_bytes // 2:
            await write_head(stream, head, body)
            if not hijack:
                stream.finish()
        else:
            if hijack and not isinstance(body, bytes):
                raise ValueError("the request body of a hijacked call must be bytes")
            pump = asyncio.create_task(_send(stream, head, body, finish=not hijack))
        answer = await _read_answer(stream, pump, answer_timeout_s)
        yield answer
    finally:
        if pump is not None and not pump.done():
            pump.cancel()
        stream.reset()
        if pump is not None:
            await asyncio.gather(pump, return_exceptions=True)


async def _send(stream: Stream, head: RequestHead, body: bytes | AsyncIterable[bytes], *, finish: bool) -> None:
    try:
        await write_head(stream, head)
        if isinstance(body, bytes):
            await stream.write(body)
        else:
            async for chunk in body:
                await stream.write(chunk)
        if finish:
            stream.finish()
    except StreamReset as reset:
        if reset.code != Code.NORMAL:
            raise  # else: the peer has answered without reading on, as a refusal does
    except Exception:
        stream.reset(Code.INTERNAL)  # the body could not be made: the peer must not take what came for all of it
        raise


async def _read_answer(stream: Stream, pump: asyncio.Task[None] | None, timeout_s: float | None) -> Answer:
    try:
        async with asyncio.timeout(timeout_s):
            head = _answer_decoder.decode(await read_head(stream))
    except TimeoutError:
        raise errors.Timeout(f"no answer within {timeout_s:g} s") from None
    except msgspec.MsgspecError as error:
        raise errors.Internal(f"the peer's answer is not one: {error}") from error
    except StreamReset:
        if pump is not None and pump.done() and (cause := pump.exception()) is not None:
            raise cause from None
        raise
    return Answer(head, stream)
