"""The registry of execs. They live in memory: an exec does not outlive the agent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.ports.runtime import ProcessSpec
from wire.errors import NotFound

__all__ = ["Exec", "Execs"]

_KEPT_S: Final = 300.0  # clients ask for the exit code after the end
_UNSTARTED_S: Final = 3600.0


@dataclass(slots=True, kw_only=True)
class Exec:
    """One exec. `exit_code` is set, and `running` false, before its stream ends."""

    id: str
    container_id: str
    process: ProcessSpec
    user: str
    privileged: bool
    tty: bool
    open_stdin: bool
    open_stdout: bool
    open_stderr: bool
    detach_keys: bytes
    keys_given: str = ""
    running: bool = False
    started: bool = False
    exit_code: int | None = None
    pid: int = 0
    can_remove: bool = False
    began: asyncio.Event = field(default_factory=asyncio.Event)  # the process exists
    done: asyncio.Event = field(default_factory=asyncio.Event)  # its exit code is known
    touched_s: float = field(default_factory=time.monotonic)  # made or ended
    size: tuple[int, int] | None = None  # a resize that came before the process

    @property
    def command(self) -> Sequence[str]:
        return self.process.args


class Execs:
    """All execs by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, Exec] = {}

    def add(self, item: Exec) -> None:
        self._by_id[item.id] = item

    def get(self, exec_id: str) -> Exec:
        """By id or unique prefix is not Docker's way: the whole id. NotFound: `No such exec instance: ID`."""
        found = self._by_id.get(exec_id)
        if found is None:
            raise NotFound(f"No such exec instance: {exec_id}")
        return found

    def unfinished_of(self, exec_ids: Iterable[str]) -> list[str]:
        """Those of the ids that run or are still to be started."""
        return [item for item in exec_ids if (found := self._by_id.get(item)) is not None and found.exit_code is None]

    def drop_finished(self, exec_ids: list[str], now_s: float) -> list[str]:
        """Forget those that ended some minutes ago, as Docker does, and those never started within an hour; returns
        the ids that are left."""
        left: list[str] = []
        for exec_id in exec_ids:
            found = self._by_id.get(exec_id)
            if found is None:
                continue
            kept_s = _KEPT_S if found.exit_code is not None else _UNSTARTED_S
            if not found.running and now_s - found.touched_s > kept_s:
                del self._by_id[exec_id]
            else:
                left.append(exec_id)
        return left

    def forget_unstarted(self, exec_ids: Iterable[str]) -> None:
        """Drop those that were never started: their container has ended, and they with it."""
        for exec_id in exec_ids:
            if (found := self._by_id.get(exec_id)) is not None and not found.started:
                del self._by_id[exec_id]

    def forget(self, exec_ids: Iterable[str]) -> None:
        """Drop them with their container."""
        for exec_id in exec_ids:
            self._by_id.pop(exec_id, None)
