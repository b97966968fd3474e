"""What every verb needs: the ports, the containers, the events, and the owner of background tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config import Config
from agent.engine.container import Container, Containers
from agent.engine.events import EventBus
from agent.engine.execs import Execs
from agent.engine.image_holds import ImageHolds
from agent.engine.operations import Operations
from agent.ports.images import Images
from agent.ports.logs import Logs
from agent.ports.network import Networking
from agent.ports.runtime import Runtime
from agent.ports.storage import Store
from agent.ports.volumes import Volumes
from wire.engine.containers import ContainerConfig

__all__ = ["ApplyChanges", "Context", "Tasks"]

_log = logging.getLogger(__name__)


ApplyChanges = Callable[[ContainerConfig, Sequence[str]], None]
"""Applies the Dockerfile instructions of `--change` to a configuration in place. Invalid with Docker's texts."""


class Tasks:
    """Owns background tasks: keeps them, logs what escapes them, ends them at `close`."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self.closing = False

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work`; the returned task may be cancelled by the caller at any time."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task.failed name=%s", task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel everything and wait for it."""
        self.closing = True
        while self._running:
            for task in tuple(self._running):
                task.cancel()
            await asyncio.wait(tuple(self._running))


@dataclass(slots=True, kw_only=True)
class Context:
    """Made once by `Engine`; verbs take it as their first argument."""

    config: Config
    store: Store
    runtime: Runtime
    images: Images
    networking: Networking
    volumes: Volumes
    logs: Logs
    containers: Containers
    operations: Operations
    apply_changes: ApplyChanges
    events: EventBus = field(default_factory=EventBus)
    execs: Execs = field(default_factory=Execs)
    image_holds: ImageHolds = field(default_factory=ImageHolds)
    tasks: Tasks = field(default_factory=Tasks)
    going_down: bool = False  # the host is: nothing is restarted any more
    watch_run: Callable[[Container], None] = lambda container: None  # wait for the end of a run; set by the engine
    remove_soon: Callable[[Container], None] = lambda container: None  # auto-remove as a task; set by the engine
    boot_id: str = field(default_factory=lambda: Path("/proc/sys/kernel/random/boot_id").read_text().strip())
