"""The runtime port: what the engine asks of crun/runc under conmon, or of the fake.

The runtime is thin. It never decides whether an operation is legal and keeps no container list: the engine owns state.
Everything here is about one container identified by its full 64-hex id; `bundle` is a directory the engine owns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.host.findings import Finding

__all__ = [
    "Device", "ExecSpec", "ExitStatus", "MountSpec", "ProcessSpec", "Resources", "Rlimit", "Runtime", "RuntimeInfo",
    "SandboxSpec", "StatsSample", "StdioSession", "Throttle",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MountSpec:
    """One mount of the OCI runtime specification. `options` are OCI option words (`rbind`, `ro`, `rprivate`, …)."""

    destination: str
    type: str
    source: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rlimit:
    """`name` in Docker's spelling without RLIMIT_ (`nofile`)."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A host device shown in the container. `permissions` is a subset of `rwm`."""

    host_path: str
    container_path: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """A blkio limit on one device, by host path; `rate` in bytes/s or operations/s."""

    path: str
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Limits in Docker's terms; None or 0 means not limited. The runtime converts to cgroup v1 or v2."""

    memory_bytes: int | None = None
    memory_swap_bytes: int | None = None  # memory + swap; -1 unlimited
    memory_reservation_bytes: int | None = None
    memory_swappiness: int | None = None
    oom_kill_disable: bool = False
    nano_cpus: int | None = None
    cpu_shares: int | None = None
    cpu_period_us: int | None = None
    cpu_quota_us: int | None = None
    cpu_rt_period_us: int | None = None
    cpu_rt_runtime_us: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    pids_limit: int | None = None  # -1 lifts the one that is set
    blkio_weight: int | None = None
    blkio_read_bps: tuple[Throttle, ...] = ()
    blkio_write_bps: tuple[Throttle, ...] = ()
    blkio_read_iops: tuple[Throttle, ...] = ()
    blkio_write_iops: tuple[Throttle, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A process to run inside a container. `capabilities` carry the `CAP_` prefix; `env` items are `NAME=value`."""

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()
    tty: bool = False
    console_rows: int = 0
    console_columns: int = 0
    capabilities: tuple[str, ...] = ()
    ambient_capabilities: tuple[str, ...] = ()
    no_new_privileges: bool = False
    rlimits: tuple[Rlimit, ...] = ()
    oom_score_adj: int | None = None
    apparmor_profile: str | None = None
    umask: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """Everything the runtime needs to make one container.

    `rootfs` is mounted and complete (image layers, init layer, upper). `namespaces` maps an OCI namespace type
    (`pid network ipc uts mount cgroup user`) to a path to join or None for a new one; a type left out is the host's.
    `seccomp` is `default`, `unconfined`, or a profile in Docker's JSON form. `log_path` is where conmon writes
    (k8s-file format: RFC 3339 nanosecond time, stream, P or F, text), None for no log.
    """

    id: str
    bundle: Path
    rootfs: Path
    process: ProcessSpec
    hostname: str = ""
    domainname: str = ""
    readonly_rootfs: bool = False
    mounts: tuple[MountSpec, ...] = ()
    namespaces: Mapping[str, str | None] = field(default_factory=dict)
    resources: Resources = Resources()
    devices: tuple[Device, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()  # Docker's spelling: "c 1:3 mr"
    all_devices: bool = False  # privileged: every host device, rule "a *:* rwm"
    cgroup_parent: str = ""
    seccomp: str = "default"
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)  # run.oci.* is refused or stripped by the engine
    rootfs_propagation: str = "rprivate"
    open_stdin: bool = False
    stdin_once: bool = False
    log_path: Path | None = None
    init: bool = False  # --init: an init process reaps zombies


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitStatus:
    """How a container or exec ended. `code` is Docker's (128 + signal). `lost` is true when the monitor vanished."""

    code: int
    exited_at: float  # seconds since the epoch
    oom_killed: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSpec:
    """A further process in a running container."""

    exec_id: str
    process: ProcessSpec
    open_stdin: bool = False
    attach: bool = True  # false: detached, no output kept


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsSample:
    """One reading of the cgroup files, already in units; fields that the kernel lacks are None."""

    read_at: float
    cpu_total_ns: int
    cpu_user_ns: int
    cpu_system_ns: int
    percpu_ns: tuple[int, ...]
    throttled_periods: int
    throttling_periods: int
    throttled_time_ns: int
    memory_usage_bytes: int
    memory_max_usage_bytes: int | None
    memory_limit_bytes: int | None
    memory_failcnt: int | None
    memory_stats: Mapping[str, int]  # memory.stat of the mode in use
    pids_current: int
    pids_limit: int | None
    blkio: Mapping[str, Sequence[tuple[int, int, str, int]]]  # Docker's *_recursive names -> (major, minor, op, value)
    cgroup_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """What this host's runtime is and can."""

    name: str  # "crun" or "runc"
    path: str
    version: str
    commit: str
    conmon_version: str
    cgroup_version: int  # 1 (also hybrid) or 2
    cgroup_driver: str
    seccomp: bool
    apparmor: bool
    apparmor_profile: str = ""  # what a container gets that asks for none; "" none is loaded
    recursive_read_only: bool = False  # mounts may say `rro`
    features: str = ""  # the JSON it tells of itself (`features`), "" when it cannot
    problems: tuple[str, ...] = ()


class StdioSession(Protocol):
    """One client's view of a process's streams. Whoever opened it closes it; closing twice is safe.

    A session opened before the process runs (`docker run`, every exec) is patient: while its reader is behind, the
    process blocks on its output, as under Docker, and no byte is lost. One opened later (`docker attach`, a dashboard)
    never blocks the process: past a bound it is ended, its `output` raising Exhausted.
    """

    @property
    def tty(self) -> bool: ...
    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 stdout | 2 stderr, chunk) until the process has closed its output."""
        ...

    async def write(self, data: bytes) -> None:
        """Send to stdin; waits while the process does not read. Ignored after its end."""
        ...

    async def close_stdin(self) -> None:
        """Pass end-of-file on (half-close); output goes on."""
        ...

    async def close(self) -> None: ...


class Runtime(Protocol):
    """See the module docstring. All methods may raise `wire.errors.MooringError` kinds; NotFound for an unknown id."""

    def info(self) -> RuntimeInfo: ...
    def findings(self) -> Sequence[Finding]:
        """What the doctor should say about it."""
        ...

    async def create(self, spec: SandboxSpec) -> int:
        """Make the container, not yet running its process; return the init's host pid. Attach works from here on.

        On error nothing of it is left. Raises Invalid with Docker's text when the command cannot be executed, Internal
        when the runtime fails; `details["exit_code"]` of either is what Docker gives the container (126, 127, 128).
        Conflict when the id exists.
        """
        ...

    async def start(self, container_id: str) -> None:
        """Let the created process run. Safe to repeat: a container that was started already is left alone."""
        ...

    async def recover(self, container_id: str, bundle: Path) -> int | None:
        """After an agent restart: take the container up again; return its pid, or None when it has ended
        (then `wait` returns at once). Safe to repeat."""
        ...

    async def wait(self, container_id: str) -> ExitStatus:
        """Return when the container has ended and its output is complete. Any number of waiters."""
        ...

    async def oom(self, container_id: str) -> None:
        """Return when the kernel has killed a process of it for want of memory, at once when it has; maybe never."""
        ...

    async def kill(self, container_id: str, signal: int) -> None: ...
    async def pause(self, container_id: str) -> None: ...
    async def resume(self, container_id: str) -> None: ...
    async def update(self, container_id: str, resources: Resources) -> None: ...
    async def delete(self, container_id: str) -> None:
        """Remove every trace (runtime state, cgroup, sockets, monitor); kills what still runs. Safe to repeat."""
        ...

    async def attach(self, container_id: str) -> StdioSession: ...
    async def resize(self, container_id: str, rows: int, columns: int) -> None: ...
    async def exec_start(self, container_id: str, spec: ExecSpec) -> tuple[int, StdioSession | None]:
        """Start the process; return its host pid and its streams (None when detached).

        Errors as `create`. An attached exec ends with the agent (on restart what is left of it is killed); a detached
        one lives on."""
        ...

    async def exec_wait(self, container_id: str, exec_id: str) -> ExitStatus: ...
    async def exec_resize(self, container_id: str, exec_id: str, rows: int, columns: int) -> None: ...
    async def exec_kill(self, container_id: str, exec_id: str, signal: int) -> None: ...
    async def run_probe(
        self, container_id: str, process: ProcessSpec, timeout_s: float, limit_bytes: int
    ) -> tuple[int, bytes]:
        """Cheap exec for health checks: exit code and combined output, cut at `limit_bytes`. Raises Timeout."""
        ...

    async def pids(self, container_id: str) -> list[int]:
        """Host pids of every process in the container."""
        ...

    async def stats(self, container_id: str) -> StatsSample: ...
    async def close(self) -> None:
        """Let go of everything without stopping a container."""
        ...
