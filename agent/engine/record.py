"""A container as the journal keeps it, and the states it goes through.

    created ──start──▶ starting ──▶ running ◀──unpause──── paused
       ▲                  │            │  ───pause──────────▶ │
       └────start failed──┘            └── process ends ──┬───┘
                                                          ▼
                                                       ending
                                                          │ the host has its things back
                       restarting ◀──policy says so──┬────┴──▶ exited
                            │  back-off ends, or start            │
                            └─────────▶ starting ◀─────start──────┘
    any of created, exited ──remove──▶ removing ──▶ (no row); a failed removal leaves `dead`

`starting`, `ending` and `removing` are written before the host is touched: a restarted agent that finds one of them
finishes or undoes it (see `recover`). Docker's API shows `starting` as what it was before, `ending` as running.
"""

from __future__ import annotations

from msgspec import Struct, field

from wire.engine.containers import ContainerConfig, EndpointSettings, HostConfig

__all__ = [
    "ALIVE", "Attachment", "HealthResult", "HealthState", "MountPoint", "PublishedPort", "Record", "State",
]  # fmt: skip

ALIVE = frozenset({"running", "paused", "restarting", "ending"})
"""Statuses that Docker counts as running."""


class MountPoint(Struct, kw_only=True, omit_defaults=True):
    """One mount of a container, resolved at create. `type` is bind, volume or tmpfs.

    `source` is a host path for binds, empty for volumes until they are mounted. `asked` keeps the `--mount` entry's
    options that matter at start.
    """

    type: str
    target: str
    name: str = ""
    source: str = ""
    driver: str = ""
    mode: str = ""
    rw: bool = True
    propagation: str = ""
    guarded: bool = False  # the propagation is ours, for a bind that shows the agent's own directory
    no_copy: bool = False
    subpath: str = ""
    non_recursive: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False
    create_source: bool = False  # --volume makes a missing bind source, --mount does not
    anonymous: bool = False  # made for this container: goes with `rm -v` and --rm
    from_image: bool = False  # copy-up may fill it
    inherited: bool = False  # by --volumes-from
    tmpfs_size_bytes: int = 0
    tmpfs_mode: int = 0


class PublishedPort(Struct, kw_only=True):
    """A port as it is published now."""

    container_port: int
    protocol: str
    host_ip: str
    host_port: int


class Attachment(Struct, kw_only=True):
    """A network the container belongs to: what was asked, and what came of it while it runs (`settings`)."""

    network: str  # as the user named it
    network_id: str = ""
    settings: EndpointSettings = field(default_factory=EndpointSettings)


class HealthResult(Struct, kw_only=True):
    """One probe. Times are ns since the epoch."""

    started_at_ns: int
    ended_at_ns: int
    exit_code: int
    output: str


class HealthState(Struct, kw_only=True):
    """`status` is starting, healthy, unhealthy; `log` keeps the last five probes."""

    status: str = "starting"
    failing_streak: int = 0
    log: list[HealthResult] = field(default_factory=list)


class State(Struct, kw_only=True):
    """What is observed. Only `transition` functions of the verb modules write it, under the container's lock."""

    status: str = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    dead: bool = False
    lost: bool = False  # the monitor vanished: the exit code is not known
    started_at_ns: int = 0
    finished_at_ns: int = 0
    health: HealthState | None = None


class Record(Struct, kw_only=True):
    """Everything durable of one container. `config` and `host` are the user's after defaults, never edited later
    except by `update` and `rename`."""

    id: str
    name: str  # without the slash
    created_at_ns: int
    image_id: str
    path: str
    args: list[str]
    config: ContainerConfig
    host: HostConfig
    state: State = field(default_factory=State)
    driver: str = "overlay2"
    mounts: list[MountPoint] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    ports: list[PublishedPort] = field(default_factory=list)
    netns_path: str = ""
    sandbox_id: str = ""
    restart_count: int = 0
    stopped_by_user: bool = False
    started_once: bool = False
    boot_id: str = ""  # of the boot in which it last ran
    volumes_too: bool = False  # said by a removal that is under way: its anonymous volumes go as well
    operation: str = ""  # key of the create that made it
