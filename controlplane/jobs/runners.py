"""What carries a job out. Rooms above register a runner per kind in their `apps.py`; this room calls it by name.

A runner blocks in its worker thread. It may be called again for the same job after a crash, with the same operation
keys; it must leave the deciding to the agent's journal.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from controlplane.jobs import actions
from wire.errors import Unsupported

__all__ = ["Run", "Runner", "register", "runner_for"]


@dataclass(slots=True)
class Run:
    """One claim of one job, as its runner sees it."""

    uid: uuid.UUID
    epoch: int
    kind: str
    title: str
    host_id: uuid.UUID | None
    request: dict[str, Any]
    lost: threading.Event = field(default_factory=threading.Event)

    def operation_key(self, step: str = "") -> str:
        """Return the key under which the agent does this (step of the) job at most once."""
        return f"{self.uid}:{step}" if step else str(self.uid)

    def write(self, lines: Sequence[str], stream: str = "stdout") -> None:
        """Append to the job's output."""
        actions.append_lines(self.uid, [(stream, line) for line in lines])

    def set_progress(self, progress: float | None) -> None:
        """Store how far it is, 0 to 1."""
        actions.set_progress(self.uid, self.epoch, progress)

    def is_cancelled(self) -> bool:
        """Return whether somebody asked to stop, or another worker took over."""
        return self.lost.is_set() or actions.is_cancel_requested(self.uid, self.epoch)


Runner = Callable[[Run], dict[str, Any] | None]
_runners: dict[str, Runner] = {}


def register(kind: str, runner: Runner) -> None:
    """Carry out jobs whose kind is `kind` (or begins with `kind` and a dot) with `runner`."""
    _runners[kind] = runner


def runner_for(kind: str) -> Runner:
    """Return the runner of the longest registered prefix. Raises Unsupported."""
    parts = kind.split(".")
    for length in range(len(parts), 0, -1):
        if (runner := _runners.get(".".join(parts[:length]))) is not None:
            return runner
    raise Unsupported(f"no runner for jobs of kind {kind}")
