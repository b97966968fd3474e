"""RUN's container: the same kind that `docker run` makes, started with the stage's image and followed to its end.

Its name is on record before it exists, so that an agent killed in the middle of a build finds and removes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from agent.build.options import BuildLimits, BuildOptions
from agent.build.step_context import StepContext
from agent.engine.names import random_name
from agent.ports.storage import Store
from wire.engine.containers import CreateRequest, HostConfig, LogConfig, Mount, Ulimit
from wire.errors import Conflict, Internal, Invalid, MooringError, NotFound

if TYPE_CHECKING:
    from agent.engine.engine import Engine

__all__ = ["RunContainer", "host_config", "remove_leftovers"]

_TABLE = "build.containers"
_NAMES_TRIED = 5


def host_config(options: BuildOptions, *, network: str, mounts: Sequence[Mount]) -> HostConfig:
    """What the build's options say of every RUN container. Its output is read here and not kept in a log.

    Raises Invalid in BuildKit's words when a Dockerfile takes the host's network, which only who builds may give it.
    """
    limits: BuildLimits = options.limits
    if network == "host" and options.network_mode != "host":
        raise Invalid("network.host is not allowed")
    mode = options.network_mode if network == "default" else network
    return HostConfig(
        network_mode=mode or "default",
        log_config=LogConfig(type="none"),
        extra_hosts=list(options.extra_hosts) or None,
        shm_size=limits.shm_size_bytes,
        memory=limits.memory_bytes,
        memory_swap=limits.memory_swap_bytes,
        cpu_shares=limits.cpu_shares,
        cpu_period=limits.cpu_period_us,
        cpu_quota=limits.cpu_quota_us,
        cpuset_cpus=limits.cpuset_cpus,
        cpuset_mems=limits.cpuset_mems,
        cgroup_parent=limits.cgroup_parent,
        ulimits=[Ulimit(name=u.name, soft=u.soft, hard=u.hard) for u in limits.ulimits] or None,
        mounts=list(mounts) or None,
    )


class RunContainer:
    """One container of a step. `create`, then `run`; at the end of everything `remove`, also after a failure, or
    `keep`, which leaves it to the user."""

    def __init__(self, context: StepContext) -> None:
        self._engine = context.engine
        self._table = context.store.table(_TABLE)
        self._name = ""
        self.id = ""

    async def create(self, config: dict[str, Any], host: HostConfig, own_mounts: Sequence[Mount] = ()) -> str:
        """Make it; returns its id. `config` is a container configuration in Docker's shape, `own_mounts` binds of
        directories made ready here."""
        request = msgspec.convert({**config, "HostConfig": None}, type=CreateRequest)
        request.host_config = host
        for attempt in range(_NAMES_TRIED):
            self._name = random_name(self._table.__contains__)
            await self._table.put(self._name, b"{}")
            try:
                self.id, _ = await self._engine.create(self._name, request, own_mounts=own_mounts, held=True)
            except Conflict:
                await self.keep()
                if attempt == _NAMES_TRIED - 1:
                    raise
            except BaseException:
                await self.keep()
                raise
            else:
                break
        return self.id

    async def run(self) -> AsyncIterator[tuple[int, bytes]]:
        """Start it and yield what it writes (1 output, 2 errors) to its end.

        Raises Internal with the exit status in `code` when it is not 0. When the caller stops reading, or is
        cancelled, the container is killed.
        """
        session = await self._engine.attach(self.id, stdout=True, stderr=True, stream=True)
        ended = False
        try:
            waiting = self._engine.wait(self.id, "next-exit")
            await self._engine.start(self.id)
            async for piece in session.output():
                yield piece
            status, error = await waiting
            ended = True
        finally:
            await session.close()
            if not ended:
                with suppress(MooringError):
                    await self._engine.kill(self.id)
        if status.code:
            raise Internal(error, code=status.code)

    async def remove(self) -> None:
        """Remove it with its anonymous volumes, whatever its state. Safe to repeat."""
        if self.id:
            with suppress(NotFound, Conflict):  # somebody else has removed it, or is about to
                await self._engine.remove(self.id, force=True, volumes=True)
            await self.keep()

    async def keep(self) -> None:
        """It is the user's from now on. Safe to repeat."""
        self._engine.let_go(self.id)
        if self._name in self._table:
            await self._table.delete(self._name)


async def remove_leftovers(engine: Engine, store: Store) -> None:
    """Remove the containers of builds that an earlier life of the agent did not end. Call before anybody can make
    containers. Safe to repeat."""
    table = store.table(_TABLE)
    for name, _ in list(table.items()):
        with suppress(NotFound):
            await engine.remove(name, force=True, volumes=True)
        await table.delete(name)
