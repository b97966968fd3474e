"""An engine that answers what a test put into it and remembers what it was asked. It has the real one's verbs only."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

from agent.engine.engine import Engine
from wire import errors

__all__ = ["FakeEngine", "FakeSession"]


class FakeSession:
    """A process's streams: gives `chunks`, then (with `echo`) what it is sent, until stdin closes."""

    def __init__(self, chunks: list[tuple[int, bytes]], *, tty: bool = False, echo: bool = False) -> None:
        self.tty = tty
        self.written = b""
        self.stdin_closed = asyncio.Event()
        self.closed = asyncio.Event()
        self._chunks = chunks
        self._echo = echo
        self._input: asyncio.Queue[bytes] = asyncio.Queue()

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        for chunk in self._chunks:
            yield chunk
        while self._echo:
            data = await self._input.get()
            if not data:
                return
            yield 1, data

    async def write(self, data: bytes) -> None:
        self.written += data
        self._input.put_nowait(data)

    async def close_stdin(self) -> None:
        self.stdin_closed.set()
        self._input.put_nowait(b"")

    async def close(self) -> None:
        self.closed.set()


class FakeEngine:
    """`answers[verb]` is returned, raised (an exception) or called; `calls` has (verb, args, kwargs)."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.sequence = 7

    def __getattr__(self, verb: str) -> Any:
        def answer(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((verb, args, kwargs))
            if verb not in self.answers:
                raise errors.Internal(f"the test gave no answer for {verb}")
            result = self.answers[verb]
            if isinstance(result, BaseException):
                raise result
            return result(*args, **kwargs) if callable(result) else result

        async def answer_later(*args: Any, **kwargs: Any) -> Any:
            return answer(*args, **kwargs)

        if verb.startswith("_"):
            raise AttributeError(verb)
        return answer_later if inspect.iscoroutinefunction(getattr(Engine, verb)) else answer
