"""The storage port: small durable tables of JSON documents, read from memory, written by one thread.

Every room that keeps state is given a `Store` and opens its own tables (`network.networks`, `volumes.volumes`). A
document is bytes; the room owns its shape. Reads never block and see every write that was asked for, durable or not
yet. A write is durable (survives power loss) when its awaitable has returned; writes asked for one after another
become durable in that order, several at once share one disk synchronisation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Delete", "Put", "Store", "Table", "Write"]


@dataclass(frozen=True, slots=True)
class Put:
    """Set `key` of `table` to `document`."""

    table: str
    key: str
    document: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove `key` from `table`; nothing when absent."""

    table: str
    key: str


Write = Put | Delete


class Table(Protocol):
    """One named table, key → document."""

    def find(self, key: str) -> bytes | None: ...
    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every row as of now, in order of key; safe to change the table meanwhile."""
        ...

    def __len__(self) -> int: ...
    def __contains__(self, key: str) -> bool: ...
    def put(self, key: str, document: bytes) -> Awaitable[None]:
        """Ask for the write now; await the answer to know that it is durable (not awaiting it is allowed)."""
        ...

    def delete(self, key: str) -> Awaitable[None]:
        """As `put`; safe when absent."""
        ...


class Store(Protocol):
    """All tables of one agent."""

    def table(self, name: str) -> Table:
        """The table of this name, made when first asked for. By custom `<room>.<plural noun>`."""
        ...

    def transaction(self, writes: Sequence[Write]) -> Awaitable[None]:
        """All of them or none. Seen by readers at once; durable when the answer has been awaited."""
        ...

    async def close(self) -> None:
        """Write what was asked for, then close the file."""
        ...
