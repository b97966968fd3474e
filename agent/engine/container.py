"""A container in memory: its record, who waits for it, what runs for it; and the index of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING

import msgspec

from agent.engine.record import ALIVE, Record
from agent.ports.runtime import ExitStatus, StdioSession
from agent.ports.storage import Delete, Put
from wire.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from agent.ports.storage import Store

__all__ = ["TABLE", "UNFINISHED", "Container", "Containers", "PendingAttachment"]

TABLE = "engine.containers"

UNFINISHED = "engine.unfinished"
"""Creates under way: container id → names of the anonymous volumes that go when no row of the container follows."""

Outcome = tuple[ExitStatus, str]
"""How a wait ends: the exit status and, when removal failed, why."""


class PendingAttachment:
    """Where a session of the runtime arrives; None means there will not be one."""

    def __init__(self) -> None:
        self.session: asyncio.Future[StdioSession | None] = asyncio.get_running_loop().create_future()

    def bind(self, session: StdioSession | None) -> None:
        if not self.session.done():
            self.session.set_result(session)


class Container:
    """`lock` is held over every change of state; reading the record needs no lock. Facts that die with the agent live
    here, durable ones in `record`."""

    def __init__(self, record: Record, *, held: bool = False) -> None:
        self.record = record
        self.held = held  # somebody is at work with it: prunes leave it alone also when it does not run
        self.lock = asyncio.Lock()
        self.monitor: asyncio.Task[None] | None = None  # owns the wait for this run's exit
        self.restart_timer: asyncio.Task[None] | None = None
        self.health_task: asyncio.Task[None] | None = None
        self.oom_task: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()  # this run is over and its log complete: log followers stop
        self.stopped = asyncio.Event()  # no process of this run is left, cleared at start
        self.stopped.set()
        self.stop_requested = False  # a stop is under way: the exit announces it, no restart
        self.keep = False  # the exit must not auto-remove: restart goes on with it, or `rm -f` removes it itself
        self.started_monotonic = 0.0
        self.backoff_s = 0.0
        self.exec_ids: list[str] = []
        self.attachments: list[PendingAttachment] = []  # clients that attached before the process was there
        self._stop_waiters: list[asyncio.Future[Outcome]] = []
        self._remove_waiters: list[asyncio.Future[Outcome]] = []
        self.cache: dict[str, object] = {}  # rendered parts, dropped at every change

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def status(self) -> str:
        """As Docker shows it."""
        status = self.record.state.status
        if status == "starting":
            return "created" if not self.record.started_once else "exited"
        if status == "ending":
            return "running"
        return status

    @property
    def running(self) -> bool:
        """Docker's State.Running: also true while paused or between restarts."""
        return self.record.state.status in ALIVE

    @property
    def has_process(self) -> bool:
        """A process really is there."""
        return self.record.state.status in ("running", "paused")

    def exit_status(self) -> ExitStatus:
        state = self.record.state
        return ExitStatus(
            code=state.exit_code, exited_at=state.finished_at_ns / 1e9, oom_killed=state.oom_killed, lost=state.lost
        )

    def wait(self, condition: str) -> asyncio.Future[Outcome]:
        """Registered on return. See `wait` verb for the conditions."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if condition in ("", "not-running") and not self.running:
            future.set_result((self.exit_status(), ""))
        elif condition == "removed":
            self._remove_waiters.append(future)
        else:
            self._stop_waiters.append(future)
        return future

    def tell_stopped(self) -> None:
        """Answer those who wait for the end of this run."""
        waiters, self._stop_waiters = self._stop_waiters, []
        _answer(waiters, (self.exit_status(), ""))

    def tell_removed(self, error: str = "") -> None:
        """Answer everybody; with `error` removal failed."""
        waiters, self._remove_waiters = self._remove_waiters, []
        if not error:
            waiters += self._stop_waiters
            self._stop_waiters = []
        _answer(waiters, (self.exit_status(), error))

    async def settled(self) -> None:
        """Return when no start is under way: then what is true of the process is known."""
        while self.record.state.status == "starting":
            async with self.lock:
                pass

    def cancel_restart(self) -> None:
        """Forget a restart that waits for its back-off. The state stays for the caller to set."""
        if self.restart_timer is not None:
            self.restart_timer.cancel()
            self.restart_timer = None

    def attributes(self, **extra: str) -> dict[str, str]:
        """Attributes of this container's events: labels, image, name, then `extra`."""
        config = self.record.config
        image = {"image": config.image} if config.image else {}
        return {**(config.labels or {}), **image, "name": self.record.name, **extra}


def _answer(waiters: list[asyncio.Future[Outcome]], outcome: Outcome) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(outcome)


class Containers:
    """All containers by id, name and id prefix, with their rows in the journal."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_id: dict[str, Container] = {}
        self._by_name: dict[str, str] = {}  # reserved names, also of creates under way → container id
        self._encoder = msgspec.json.Encoder()
        decoder = msgspec.json.Decoder(Record)
        for _, document in store.table(TABLE).items():
            self.add(Container(decoder.decode(document)))

    def __iter__(self) -> Iterator[Container]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def reserve(self, name: str, container_id: str) -> None:
        """Take a name. Conflict with Docker's text when it is taken."""
        holder = self._by_name.get(name)
        if holder is not None and holder != container_id:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        self._by_name[name] = container_id

    def release(self, name: str, container_id: str) -> None:
        """Give a name back; only its holder does."""
        if self._by_name.get(name) == container_id:
            del self._by_name[name]

    def name_taken(self, name: str) -> bool:
        return name in self._by_name

    def add(self, container: Container) -> None:
        self._by_id[container.id] = container
        self._by_name[container.name] = container.id

    def discard(self, container: Container) -> None:
        self._by_id.pop(container.id, None)
        self.release(container.name, container.id)

    def find(self, container_id: str) -> Container | None:
        return self._by_id.get(container_id)

    def resolve(self, ref: str) -> Container:
        """By id, name (a leading slash allowed) or unique id prefix. NotFound or Invalid with Docker's texts."""
        if not ref:
            raise Invalid('invalid name or ID supplied: ""')
        found = self._by_id.get(ref)
        if found is not None:
            return found
        holder = self._by_name.get(ref.removeprefix("/"))
        if holder is not None and (found := self._by_id.get(holder)) is not None:
            return found
        if (linked := self._linked(ref)) is not None:
            return linked
        matches = [key for key in self._by_id if key.startswith(ref)] if len(ref) < 64 else []
        if len(matches) > 1:
            raise Invalid(f"multiple IDs found with provided prefix: {ref}")
        if not matches:
            raise NotFound(f"No such container: {ref}")
        return self._by_id[matches[0]]

    def _linked(self, ref: str) -> Container | None:
        """What `OTHER/ALIAS` names: the container that OTHER has a link to on the default bridge."""
        parent, slash, alias = ref.removeprefix("/").partition("/")
        holder = self._by_id.get(self._by_name.get(parent, "")) if slash else None
        if holder is None or holder.record.host.network_mode != "bridge":
            return None
        for link in holder.record.host.links or ():
            name, _, known = link.removeprefix("/").partition(":")
            if alias == known.rpartition("/")[2] or (not known and alias == name):
                return self._by_id.get(self._by_name.get(name, ""))
        return None

    def save(self, container: Container) -> Awaitable[None]:
        """Write its row; await to know that it is durable. Drops what was rendered from the old state."""
        container.cache.clear()
        return self._store.transaction((Put(TABLE, container.id, self._encoder.encode(container.record)),))

    def note_unfinished(self, container: Container, volumes: list[str]) -> None:
        """Remember, ahead of making them, what a create that is cut off leaves."""
        _ = self._store.table(UNFINISHED).put(container.id, self._encoder.encode(volumes))

    def unfinished(self) -> list[tuple[str, list[str]]]:
        """Creates that an earlier agent did not finish."""
        rows = self._store.table(UNFINISHED).items()
        return [(key, msgspec.json.decode(row, type=list[str])) for key, row in rows]

    def forget_unfinished(self, container_id: str) -> None:
        if container_id in self._store.table(UNFINISHED):
            _ = self._store.table(UNFINISHED).delete(container_id)

    def save_new(self, container: Container) -> Awaitable[None]:
        """Write the first row; with it the create is finished."""
        container.cache.clear()
        row = Put(TABLE, container.id, self._encoder.encode(container.record))
        return self._store.transaction((row, Delete(UNFINISHED, container.id)))

    def erase(self, container: Container) -> Awaitable[None]:
        return self._store.transaction((Delete(TABLE, container.id),))
