"""Operation keys: what a caller asked for under a key is done once, and asked again it answers the same.

    engine.operations: key → {"verb": …, "at": s, "result": …} or {"verb": …, "at": s, "kind": …, "message": …}

A second call while the first is under way waits for it. A crash in the middle leaves no row: the caller repeats, and
the verbs themselves are safe to repeat (create finds its own container by the key in the record).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec

from agent.ports.storage import Delete, Store
from wire import errors
from wire.errors import Conflict, MooringError

__all__ = ["Operations"]

T = TypeVar("T")

_TABLE: Final = "engine.operations"
_KEEP: Final = 4096

_KINDS: Final = {kind.kind: kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), MooringError)}


class Operations:
    """The journal of operation keys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table = store.table(_TABLE)
        self._order = sorted((key for key, _ in self._table.items()), key=self._at)
        self._running: dict[str, asyncio.Future[Any]] = {}

    def _at(self, key: str) -> float:
        row = self._table.find(key)
        return float(msgspec.json.decode(row)["at"]) if row else 0.0

    async def once(self, key: str, verb: str, act: Callable[[], Awaitable[T]], shape: type[T]) -> T:
        """Do `act` under `key`, or answer what it answered before. Without a key just do it.

        Conflict when the key was used for another verb. Errors that cannot change by repeating are answers too;
        Unavailable, Timeout and Internal are not remembered, so the caller may try again.
        """
        if not key:
            return await act()
        if (row := self._table.find(key)) is not None:
            return self._replay(row, verb, shape)
        if (running := self._running.get(key)) is not None:
            return msgspec.convert(await asyncio.shield(running), type=shape)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._running[key] = answer
        try:
            result = await act()
        except MooringError as error:
            answer.set_exception(error)
            if error.kind not in ("unavailable", "timeout", "internal", "cancelled"):
                await self._remember(key, {"verb": verb, "kind": error.kind, "message": error.message})
            raise
        except BaseException:
            answer.cancel()
            raise
        else:
            answer.set_result(result)
            await self._remember(key, {"verb": verb, "result": result})
            return result
        finally:
            del self._running[key]

    def _replay(self, row: bytes, verb: str, shape: type[T]) -> T:
        document = msgspec.json.decode(row)
        if document["verb"] != verb:
            raise Conflict(f"operation key was used for {document['verb']}, not {verb}")
        if "kind" in document:
            raise _KINDS[document["kind"]](document["message"])
        return msgspec.convert(document["result"], type=shape)

    async def _remember(self, key: str, document: dict[str, Any]) -> None:
        self._order.append(key)
        if len(self._order) > _KEEP:
            _ = self._store.transaction((Delete(_TABLE, self._order.pop(0)),))
        await self._table.put(key, msgspec.json.encode({**document, "at": time.time()}))
