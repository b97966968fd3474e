"""The engine's facade: every Docker verb of one host, each delegated to the module of its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO, TypeVar

from agent.config import Config
from agent.engine import (
    archive,
    attach,
    commit,
    create,
    exec_verbs,
    exits,
    image_removal,
    image_verbs,
    inspect,
    listing,
    log_verbs,
    network_verbs,
    pause,
    plugins,
    prune,
    recover,
    remove,
    rename,
    start,
    stats,
    stop,
    system,
    top,
    update,
    volume_verbs,
    wait,
)
from agent.engine.container import Containers
from agent.engine.context import ApplyChanges, Context
from agent.engine.image_holds import ImageHold
from agent.engine.operations import Operations
from agent.ports.images import Credentials, Images, Progress
from agent.ports.logs import Logs
from agent.ports.network import Networking
from agent.ports.runtime import ExitStatus, Runtime, StdioSession
from agent.ports.storage import Store
from agent.ports.volumes import Volumes
from wire.engine.containers import CommitRequest, CreateRequest, EndpointSettings, Mount, UpdateRequest
from wire.engine.execs import ExecCreateRequest
from wire.engine.networks import NetworkCreateRequest
from wire.engine.volumes import VolumeCreateRequest
from wire.errors import Conflict

__all__ = ["Engine", "Filters", "Output"]

T = TypeVar("T")

Filters = Mapping[str, Sequence[str]]
"""Docker filters, parsed by `wire.filters.parse`: name → values."""

Document = dict[str, Any]
"""A JSON object in Docker's shape, ready to be encoded."""

Documents = list[Document]

Output = AsyncIterator[tuple[int, bytes]]
"""(1 stdout | 2 stderr, bytes). The caller frames it when `tty` is false."""


class Engine:
    """All verbs. `ref` is what a user typed: id, unique id prefix or name.

    Errors are `wire.errors` kinds with Docker's texts. `operation` (where taken) is the caller's operation key: the
    same key with the same verb is done once and answers the same, also after a restart.
    """

    def __init__(
        self, *, config: Config, store: Store, runtime: Runtime, images: Images, networking: Networking,
        volumes: Volumes, logs: Logs, apply_changes: ApplyChanges,
    ) -> None:  # fmt: skip
        self._ctx = ctx = Context(
            config=config,
            store=store,
            runtime=runtime,
            images=images,
            networking=networking,
            volumes=volumes,
            logs=logs,
            containers=Containers(store),
            operations=Operations(store),
            apply_changes=apply_changes,
        )
        ctx.watch_run = partial(exits.watch, ctx)
        ctx.remove_soon = partial(exits.remove_later, ctx)
        images.watch(partial(image_verbs.tell, ctx))

    async def start_up(self) -> None:
        """Recover: take up running containers, sweep leftovers, apply restart policies. Before the API listens."""
        await recover.recover(self._ctx)

    async def stop_all(self, *, limit_s: float) -> None:
        """Stop what runs, each in its own way and time, for the host is going down; their policies hold at the next
        start. Returns after `limit_s` at the latest."""
        await stop.stop_all(self._ctx, limit_s)

    async def close(self) -> None:
        """End every task and stream; containers go on."""
        self._ctx.events.close()
        await self._ctx.tasks.close()

    async def _once(self, operation: str, verb: str, act: Callable[[], Awaitable[None]]) -> None:
        await self._ctx.operations.once(operation, verb, act, type(None))

    # containers: life cycle
    async def create(
        self, name: str, body: CreateRequest, platform: str = "", *, operation: str = "",
        own_mounts: Sequence[Mount] = (),
        held: bool = False,
    ) -> tuple[str, Sequence[str]]:  # fmt: skip
        """Returns (id, warnings). `own_mounts` are binds of the agent's own directories: no door may fill it with what
        a client says."""
        return await create.create(
            self._ctx, name, body, platform, operation=operation, own_mounts=own_mounts, held=held
        )

    async def start(self, ref: str, *, operation: str = "") -> None:
        await self._once(operation, "start", partial(start.start, self._ctx, ref))

    async def stop(self, ref: str, *, signal: str = "", timeout_s: int | None = None, operation: str = "") -> None:
        act = partial(stop.stop, self._ctx, ref, signal=signal, timeout_s=timeout_s)
        await self._once(operation, "stop", act)

    async def restart(self, ref: str, *, signal: str = "", timeout_s: int | None = None, operation: str = "") -> None:
        act = partial(stop.restart, self._ctx, ref, signal=signal, timeout_s=timeout_s)
        await self._once(operation, "restart", act)

    async def kill(self, ref: str, *, signal: str = "", operation: str = "") -> None:
        await self._once(operation, "kill", partial(stop.kill, self._ctx, ref, signal=signal))

    async def pause(self, ref: str, *, operation: str = "") -> None:
        await self._once(operation, "pause", partial(pause.pause, self._ctx, ref))

    async def unpause(self, ref: str, *, operation: str = "") -> None:
        await self._once(operation, "unpause", partial(pause.unpause, self._ctx, ref))

    async def rename(self, ref: str, name: str, *, operation: str = "") -> None:
        await self._once(operation, "rename", partial(rename.rename, self._ctx, ref, name))

    async def remove(
        self, ref: str, *, force: bool = False, volumes: bool = False, link: bool = False, operation: str = ""
    ) -> None:
        act = partial(remove.remove, self._ctx, ref, force=force, volumes=volumes, link=link)
        await self._once(operation, "remove", act)

    def wait(self, ref: str, condition: str = "") -> Awaitable[tuple[ExitStatus, str]]:
        """Registers before returning; await the answer for (status, error text). `condition`: "", not-running,
        next-exit or removed. Cancel the awaitable to stop waiting."""
        return wait.wait(self._ctx, ref, condition)

    async def update(self, ref: str, body: UpdateRequest, *, operation: str = "") -> Sequence[str]:
        """Returns warnings."""
        act = partial(update.update, self._ctx, ref, body)
        return await self._ctx.operations.once(operation, "update", act, list[str])

    async def prune_containers(self, filters: Filters) -> Document:
        return await prune.prune_containers(self._ctx, filters)

    # containers: reading
    async def inspect(self, ref: str, *, size: bool = False) -> Document:
        return await inspect.inspect(self._ctx, ref, size=size)

    async def list(
        self, *, all: bool = False, limit: int = 0, size: bool = False, filters: Filters | None = None
    ) -> Documents:
        return await listing.list_containers(self._ctx, all=all, limit=limit, size=size, filters=filters)

    async def top(self, ref: str, ps_args: str = "") -> Document:
        return await top.top(self._ctx, ref, ps_args)

    async def stats(self, ref: str, *, stream: bool = True, one_shot: bool = False) -> AsyncIterator[Document]:
        return await stats.stats(self._ctx, ref, stream=stream, one_shot=one_shot)

    async def changes(self, ref: str) -> Documents:
        return await archive.changes(self._ctx, ref)

    # containers: streams
    async def logs(
        self, ref: str, *, stdout: bool, stderr: bool, follow: bool = False, since: str = "", until: str = "",
        timestamps: bool = False, details: bool = False, tail: str = "all", coalesce: bool = False,
    ) -> tuple[bool, AsyncIterator[bytes]]:  # fmt: skip
        """Returns (tty, chunks ready to send): Docker's stream frames, the bare bytes of a TTY (`Logs.frames`).

        `coalesce` puts neighbouring messages into one frame; for clients that do not take a frame for a line.
        """
        return await log_verbs.logs(
            self._ctx, ref, stdout=stdout, stderr=stderr, follow=follow, since=since, until=until,
            timestamps=timestamps, details=details, tail=tail, coalesce=coalesce,
        )  # fmt: skip

    async def log_lines(
        self, ref: str, *, cursor: str = "", tail: str = "all", follow: bool = False
    ) -> AsyncIterator[bytes]:
        """Both streams as JSON lines with cursors, for viewers that resume (`Logs.json_lines`). `cursor` wins over
        `tail`."""
        return await log_verbs.log_lines(self._ctx, ref, cursor=cursor, tail=tail, follow=follow)

    async def attach(
        self, ref: str, *, stdin: bool = False, stdout: bool = False, stderr: bool = False, stream: bool = False,
        logs: bool = False, detach_keys: str = "",
    ) -> StdioSession:  # fmt: skip
        return await attach.attach(
            self._ctx, ref, stdin=stdin, stdout=stdout, stderr=stderr, stream=stream, logs=logs,
            detach_keys=detach_keys,
        )  # fmt: skip

    def require(self, ref: str) -> None:
        """NotFound, or Invalid for an ambiguous id, when there is no such container."""
        self._ctx.containers.resolve(ref)

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        """Resize a container's terminal. Conflict when it does not run."""
        container = self._ctx.containers.resolve(ref)
        if not container.has_process:
            raise Conflict(f"container {container.id} is not running")
        await self._ctx.runtime.resize(container.id, rows, columns)
        attributes = container.attributes(height=str(rows), width=str(columns))
        self._ctx.events.publish("container", "resize", container.id, attributes)

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        return await archive.export(self._ctx, ref)

    async def archive_stat(self, ref: str, path: str) -> Document:
        """name, size, mode (Go's bits), mtime, linkTarget: what `X-Docker-Container-Path-Stat` carries."""
        return await archive.archive_stat(self._ctx, ref, path)

    async def archive_get(self, ref: str, path: str) -> tuple[Document, AsyncIterator[bytes]]:
        return await archive.archive_get(self._ctx, ref, path)

    async def archive_put(
        self, ref: str, path: str, source: AsyncIterator[bytes], *, no_overwrite_dir_non_dir: bool = False,
        copy_uid_gid: bool = False,
    ) -> None:  # fmt: skip
        await archive.archive_put(
            self._ctx, ref, path, source, no_overwrite_dir_non_dir=no_overwrite_dir_non_dir, copy_uid_gid=copy_uid_gid
        )

    async def commit(self, body: CommitRequest, *, operation: str = "") -> str:
        """Returns the image id."""
        return await self._ctx.operations.once(operation, "commit", partial(commit.commit, self._ctx, body), str)

    # exec
    async def exec_create(self, ref: str, body: ExecCreateRequest) -> str:
        return await exec_verbs.exec_create(self._ctx, ref, body)

    def exec_check(self, exec_id: str) -> None:
        """Raise what a client must be told by a status, before its connection becomes the exec's stream."""
        exec_verbs.exec_check(self._ctx, exec_id)

    async def exec_start(
        self, exec_id: str, *, detach: bool = False, tty: bool = False, console_size: Sequence[int] | None = None
    ) -> StdioSession | None:
        """None when detached. Its output ends after ExitCode is set."""
        return await exec_verbs.exec_start(self._ctx, exec_id, detach=detach, tty=tty, console_size=console_size)

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None:
        await exec_verbs.exec_resize(self._ctx, exec_id, rows, columns)

    def exec_inspect(self, exec_id: str) -> Document:
        return exec_verbs.exec_inspect(self._ctx, exec_id)

    # images: what needs to know the containers or Docker's shapes
    async def image_list(
        self, *, all: bool = False, filters: Filters | None = None, shared_size: bool = False, digests: bool = False
    ) -> Documents:
        return await image_verbs.image_list(
            self._ctx, all=all, filters=filters, shared_size=shared_size, digests=digests
        )

    async def image_inspect(self, ref: str) -> Document:
        return await image_verbs.image_inspect(self._ctx, ref)

    async def image_history(self, ref: str) -> Documents:
        return await image_verbs.image_history(self._ctx, ref)

    def let_go(self, container_id: str) -> None:
        """A container that was created `held` is like any other from now on. Safe when it is gone."""
        container = self._ctx.containers.find(container_id)
        if container is not None:
            container.held = False

    def hold_images(self) -> ImageHold:
        """Keep images from prunes while something is made of them; the caller closes it."""
        return self._ctx.image_holds.open()

    async def image_tag(self, ref: str, repo: str, tag: str = "") -> bool:
        return await image_verbs.image_tag(self._ctx, ref, repo, tag)

    async def image_remove(self, ref: str, *, force: bool = False, noprune: bool = False) -> Documents:
        return await image_removal.image_remove(self._ctx, ref, force=force, noprune=noprune)

    async def image_prune(self, filters: Filters) -> Document:
        return await image_removal.image_prune(self._ctx, filters)

    async def image_pull(
        self, ref: str, *, platform: str = "", all_tags: bool = False, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        return image_verbs.image_pull(self._ctx, ref, platform=platform, all_tags=all_tags, credentials=credentials)

    async def image_push(
        self, repo: str, *, tag: str | None, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        return image_verbs.image_push(self._ctx, repo, tag=tag, credentials=credentials)

    async def image_load(
        self, source: BinaryIO | AsyncIterator[bytes], *, quiet: bool = False
    ) -> AsyncIterator[Progress]:
        return image_verbs.image_load(self._ctx, source, quiet=quiet)

    async def image_save(self, refs: Sequence[str]) -> AsyncIterator[bytes]:
        return image_verbs.image_save(self._ctx, refs)

    async def image_import(
        self, source: AsyncIterator[bytes], *, repo: str = "", tag: str = "", changes: Sequence[str] = (),
        message: str = "", platform: str = "",
    ) -> AsyncIterator[Progress]:  # fmt: skip
        return await image_verbs.image_import(
            self._ctx, source, repo=repo, tag=tag, changes=changes, message=message, platform=platform
        )

    async def distribution(self, ref: str, credentials: Credentials | None = None) -> Document:
        return await self._ctx.images.distribution(ref, credentials)

    async def image_search(
        self, term: str, *, limit: int = 0, filters: Filters | None = None, credentials: Credentials | None = None
    ) -> Documents:
        return await image_verbs.image_search(self._ctx, term, limit=limit, filters=filters, credentials=credentials)

    # networks
    async def network_list(self, filters: Filters | None = None) -> Documents:
        return await network_verbs.network_list(self._ctx, filters)

    async def network_inspect(self, ref: str, *, verbose: bool = False, scope: str = "") -> Document:
        return await network_verbs.network_inspect(self._ctx, ref, verbose=verbose, scope=scope)

    async def network_create(self, body: NetworkCreateRequest, *, operation: str = "") -> Document:
        act = partial(network_verbs.network_create, self._ctx, body)
        return await self._ctx.operations.once(operation, "network create", act, Document)

    async def network_remove(self, ref: str, *, operation: str = "") -> None:
        await self._once(operation, "network remove", partial(network_verbs.network_remove, self._ctx, ref))

    async def network_connect(
        self, ref: str, container: str, settings: EndpointSettings | None = None, *, operation: str = ""
    ) -> None:
        act = partial(network_verbs.network_connect, self._ctx, ref, container, settings)
        await self._once(operation, "network connect", act)

    async def network_disconnect(self, ref: str, container: str, *, force: bool = False, operation: str = "") -> None:
        act = partial(network_verbs.network_disconnect, self._ctx, ref, container, force=force)
        await self._once(operation, "network disconnect", act)

    async def network_prune(self, filters: Filters) -> Document:
        return await network_verbs.network_prune(self._ctx, filters)

    # volumes
    # plugins
    def plugin_list(self, filters: Filters | None = None) -> Documents:
        return plugins.listing(self._ctx, filters)

    def plugin_inspect(self, ref: str) -> Document:
        return plugins.inspect(self._ctx, ref)

    async def plugin_create(self, name: str, source: AsyncIterator[bytes]) -> None:
        await plugins.create(self._ctx, name, source, self._ctx.config.tmp)

    async def plugin_remove(self, ref: str) -> Document:
        return await plugins.remove(self._ctx, ref)

    def plugin_refuse(self, ref: str, verb: str, settings: Sequence[str] = ()) -> None:
        plugins.refuse(self._ctx, ref, verb, settings)

    # volumes
    async def volume_list(self, filters: Filters | None = None) -> Document:
        return await volume_verbs.volume_list(self._ctx, filters)

    async def volume_inspect(self, name: str) -> Document:
        return await volume_verbs.volume_inspect(self._ctx, name)

    async def volume_create(self, body: VolumeCreateRequest, *, operation: str = "") -> Document:
        act = partial(volume_verbs.volume_create, self._ctx, body)
        return await self._ctx.operations.once(operation, "volume create", act, Document)

    async def volume_remove(self, name: str, *, force: bool = False, operation: str = "") -> None:
        act = partial(volume_verbs.volume_remove, self._ctx, name, force=force)
        await self._once(operation, "volume remove", act)

    async def volume_prune(self, filters: Filters) -> Document:
        return await volume_verbs.volume_prune(self._ctx, filters)

    # system
    def events(self, *, since: str = "", until: str = "", filters: Filters | None = None) -> AsyncIterator[Document]:
        """Subscribes before returning."""
        return self._ctx.events.stream(since=since, until=until, filters=filters)

    def numbered_events(self, after: int | None = None) -> AsyncIterator[tuple[int, Document]]:
        """Every event with its sequence number, from the ring when `after` is still in it; PreconditionFailed when it
        is not (take a snapshot first)."""
        return self._ctx.events.numbered(after)

    @property
    def sequence(self) -> int:
        """Number of the newest event."""
        return self._ctx.events.sequence

    def publish(self, kind: str, action: str, actor_id: str, attributes: Mapping[str, str]) -> None:
        """Tell an event that a room above the engine made (the builder)."""
        self._ctx.events.publish(kind, action, actor_id, attributes)

    async def info(self) -> Document:
        return await system.info(self._ctx)

    async def version(self) -> Document:
        return await system.version(self._ctx)

    async def df(self, types: Sequence[str] = ()) -> Document:
        return await system.df(self._ctx, types)

    async def auth(self, credentials: Credentials) -> Document:
        """Status and IdentityToken."""
        return await system.auth(self._ctx, credentials)
