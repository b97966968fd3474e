"""The engine's facade: every Docker verb of one host, each delegated to the module of its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from agent.ports.runtime import ExitStatus, StdioSession

if TYPE_CHECKING:
    from agent.ports.images import Credentials, Images, Progress
    from agent.ports.logs import LogEntry
    from agent.ports.network import Networking
    from agent.ports.runtime import Runtime
    from agent.ports.storage import Store
    from agent.ports.volumes import Volumes
    from wire.engine.containers import CommitRequest, CreateRequest, EndpointSettings, UpdateRequest
    from wire.engine.execs import ExecCreateRequest

__all__ = ["Engine", "Filters", "Output"]

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
        self, *, config: Any, store: Store, runtime: Runtime, images: Images, networking: Networking, volumes: Volumes,
        logs: Any,
    ) -> None:  # fmt: skip
        raise NotImplementedError

    async def start_up(self) -> None:
        """Recover: take up running containers, sweep leftovers, apply restart policies. Before the API listens."""
        raise NotImplementedError

    async def close(self) -> None:
        """End every task and stream; containers go on."""
        raise NotImplementedError

    # containers: life cycle
    async def create(
        self, name: str, body: CreateRequest, platform: str = "", *, operation: str = ""
    ) -> tuple[str, Sequence[str]]:
        """Returns (id, warnings)."""
        raise NotImplementedError

    async def start(self, ref: str, *, operation: str = "") -> None: ...
    async def stop(self, ref: str, *, signal: str = "", timeout_s: int | None = None, operation: str = "") -> None: ...
    async def restart(
        self, ref: str, *, signal: str = "", timeout_s: int | None = None, operation: str = ""
    ) -> None: ...
    async def kill(self, ref: str, *, signal: str = "", operation: str = "") -> None: ...
    async def pause(self, ref: str, *, operation: str = "") -> None: ...
    async def unpause(self, ref: str, *, operation: str = "") -> None: ...
    async def rename(self, ref: str, name: str, *, operation: str = "") -> None: ...
    async def remove(
        self, ref: str, *, force: bool = False, volumes: bool = False, link: bool = False, operation: str = ""
    ) -> None: ...
    def wait(self, ref: str, condition: str = "") -> Awaitable[tuple[ExitStatus, str]]:
        """Registers before returning; await the answer for (status, error text). `condition`: "", not-running,
        next-exit or removed. Cancel the awaitable to stop waiting."""
        raise NotImplementedError

    async def update(self, ref: str, body: UpdateRequest, *, operation: str = "") -> Sequence[str]:
        """Returns warnings."""
        raise NotImplementedError

    async def prune_containers(self, filters: Filters) -> Document:
        raise NotImplementedError

    # containers: reading
    async def inspect(self, ref: str, *, size: bool = False) -> Document:
        raise NotImplementedError

    async def list(
        self, *, all: bool = False, limit: int = 0, size: bool = False, filters: Filters | None = None
    ) -> Documents:
        raise NotImplementedError

    async def top(self, ref: str, ps_args: str = "") -> Document:
        raise NotImplementedError

    async def stats(self, ref: str, *, stream: bool = True, one_shot: bool = False) -> AsyncIterator[Document]:
        raise NotImplementedError

    async def changes(self, ref: str) -> Documents:
        raise NotImplementedError

    # containers: streams
    async def logs(
        self, ref: str, *, stdout: bool, stderr: bool, follow: bool = False, since: str = "", until: str = "",
        timestamps: bool = False, details: bool = False, tail: str = "all",
    ) -> tuple[bool, AsyncIterator[bytes]]:  # fmt: skip
        """Returns (tty, chunks ready to send): Docker's stream frames, the bare bytes of a TTY (`Logs.frames`)."""
        raise NotImplementedError

    async def log_entries(
        self, ref: str, *, cursor: str = "", tail: str = "all", follow: bool = False
    ) -> AsyncIterator[Sequence[LogEntry]]:
        """Both streams with cursors, for viewers that resume (`Logs.entries`). `cursor` wins over `tail`."""
        raise NotImplementedError

    async def attach(
        self, ref: str, *, stdin: bool = False, stdout: bool = False, stderr: bool = False, stream: bool = False,
        logs: bool = False, detach_keys: str = "",
    ) -> StdioSession:  # fmt: skip
        raise NotImplementedError

    async def resize(self, ref: str, rows: int, columns: int) -> None: ...
    async def export(self, ref: str) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def archive_stat(self, ref: str, path: str) -> Document:
        """name, size, mode (Go's bits), mtime, linkTarget: what `X-Docker-Container-Path-Stat` carries."""
        raise NotImplementedError

    async def archive_get(self, ref: str, path: str) -> tuple[Document, AsyncIterator[bytes]]:
        raise NotImplementedError

    async def archive_put(
        self, ref: str, path: str, source: AsyncIterator[bytes], *, no_overwrite_dir_non_dir: bool = False,
        copy_uid_gid: bool = False,
    ) -> None: ...  # fmt: skip
    async def commit(self, body: CommitRequest, *, operation: str = "") -> str:
        """Returns the image id."""
        raise NotImplementedError

    # exec
    async def exec_create(self, ref: str, body: ExecCreateRequest) -> str:
        raise NotImplementedError

    async def exec_start(
        self, exec_id: str, *, detach: bool = False, tty: bool = False, console_size: Sequence[int] | None = None
    ) -> StdioSession | None:
        """None when detached. Its output ends after ExitCode is set."""
        raise NotImplementedError

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None: ...
    def exec_inspect(self, exec_id: str) -> Document:
        raise NotImplementedError

    # images: what needs to know the containers or Docker's shapes
    async def image_list(self, *, all: bool = False, filters: Filters | None = None, shared_size: bool = False,
                         digests: bool = False) -> Documents:  # fmt: skip
        raise NotImplementedError

    async def image_inspect(self, ref: str) -> Document:
        raise NotImplementedError

    async def image_history(self, ref: str) -> Documents:
        raise NotImplementedError

    async def image_tag(self, ref: str, repo: str, tag: str = "") -> None: ...
    async def image_remove(self, ref: str, *, force: bool = False, noprune: bool = False) -> Documents:
        raise NotImplementedError

    async def image_prune(self, filters: Filters) -> Document:
        raise NotImplementedError

    async def image_pull(
        self, ref: str, *, platform: str = "", all_tags: bool = False, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        raise NotImplementedError

    async def image_push(
        self, repo: str, *, tag: str | None, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        raise NotImplementedError

    async def image_load(
        self, source: BinaryIO | AsyncIterator[bytes], *, quiet: bool = False
    ) -> AsyncIterator[Progress]:
        raise NotImplementedError

    async def image_save(self, refs: Sequence[str]) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def image_import(
        self, source: AsyncIterator[bytes], *, repo: str = "", tag: str = "", changes: Sequence[str] = (),
        message: str = "", platform: str = "",
    ) -> AsyncIterator[Progress]:  # fmt: skip
        raise NotImplementedError

    async def distribution(self, ref: str, credentials: Credentials | None = None) -> Document:
        raise NotImplementedError

    # networks
    async def network_list(self, filters: Filters | None = None) -> Documents:
        raise NotImplementedError

    async def network_inspect(self, ref: str, *, verbose: bool = False, scope: str = "") -> Document:
        raise NotImplementedError

    async def network_create(self, body: Any, *, operation: str = "") -> Document:
        raise NotImplementedError

    async def network_remove(self, ref: str, *, operation: str = "") -> None: ...
    async def network_connect(
        self, ref: str, container: str, settings: EndpointSettings | None = None, *, operation: str = ""
    ) -> None: ...
    async def network_disconnect(
        self, ref: str, container: str, *, force: bool = False, operation: str = ""
    ) -> None: ...
    async def network_prune(self, filters: Filters) -> Document:
        raise NotImplementedError

    # volumes
    async def volume_list(self, filters: Filters | None = None) -> Document:
        raise NotImplementedError

    async def volume_inspect(self, name: str) -> Document:
        raise NotImplementedError

    async def volume_create(self, body: Any, *, operation: str = "") -> Document:
        raise NotImplementedError

    async def volume_remove(self, name: str, *, force: bool = False, operation: str = "") -> None: ...
    async def volume_prune(self, filters: Filters) -> Document:
        raise NotImplementedError

    # system
    def events(self, *, since: str = "", until: str = "", filters: Filters | None = None) -> AsyncIterator[Document]:
        """Subscribes before returning."""
        raise NotImplementedError

    def numbered_events(self, after: int | None = None) -> AsyncIterator[tuple[int, Document]]:
        """Every event with its sequence number, from the ring when `after` is still in it; PreconditionFailed when it
        is not (take a snapshot first)."""
        raise NotImplementedError

    @property
    def sequence(self) -> int:
        """Number of the newest event."""
        raise NotImplementedError

    async def info(self) -> Document:
        raise NotImplementedError

    async def version(self) -> Document:
        raise NotImplementedError

    async def df(self, types: Sequence[str] = ()) -> Document:
        raise NotImplementedError

    async def auth(self, credentials: Credentials) -> Document:
        """Status and IdentityToken."""
        raise NotImplementedError
