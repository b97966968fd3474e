"""The agent's configuration: one frozen value, and every path on disk as a property of it.

Nothing else in the agent joins paths onto a directory it was not given. `data` is durable; `run` is short-lived: it
must survive a restart of the agent (running containers' bundles, pidfiles and sockets are in it) but not a reboot.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from wire import errors

__all__ = ["DEFAULT_DATA", "Config", "RuntimeChoice", "instance_of"]

DEFAULT_DATA = Path("/var/lib/mooring/agent")
RuntimeChoice = Literal["auto", "crun", "runc", "fake"]

_INSTANCE = re.compile(r"[a-z0-9]{1,6}")


def instance_of(data: Path) -> str:
    """Return the short id that keeps two agents on one host apart: six hex digits that depend only on `data`."""
    return hashlib.sha256(str(data.absolute()).encode()).hexdigest()[:6]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one agent is told at start. Empty `instance`, `run` and `socket` are derived from `data`.

    `instance` (1 to 6 of `[a-z0-9]`) prefixes everything this agent makes in the host's shared name spaces: links, the
    nft table, cgroups. Raises Invalid for values that cannot work.
    """

    data: Path = DEFAULT_DATA
    instance: str = ""
    run: Path = Path()
    socket: Path = Path()
    socket_group: str = ""  # group that may use the socket; "" only root
    bridge_subnet: str = ""  # CIDR of the default bridge; "" the first free of the default address pools
    insecure_registries: tuple[str, ...] = ()  # host[:port] or CIDR reached without TLS verification or over HTTP
    registry_mirrors: tuple[str, ...] = ()  # base URLs tried first for the default registry
    runtime: RuntimeChoice = "auto"
    name: str = ""  # the host's name as shown to people; "" the kernel's host name
    plane_url: str = ""  # "" until joined
    plane_credential: str = field(default="", repr=False)
    log_level: str = "info"

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self.data.absolute())
        if not self.instance:
            object.__setattr__(self, "instance", instance_of(self.data))
        if not _INSTANCE.fullmatch(self.instance):
            raise errors.Invalid(f"instance must be 1 to 6 of a-z and 0-9, not {self.instance!r}")
        if self.run == Path():
            # without root there are no containers whose files a reboot should empty, and no /run to put them in
            place = Path("/run/mooring") / self.instance if os.geteuid() == 0 else self.data / "run"
            object.__setattr__(self, "run", place)
        object.__setattr__(self, "run", self.run.absolute())
        if self.socket == Path():
            object.__setattr__(self, "socket", self.run / "docker.sock")
        object.__setattr__(self, "socket", self.socket.absolute())
        if self.runtime not in get_args(RuntimeChoice):
            raise errors.Invalid(f"runtime must be one of {', '.join(get_args(RuntimeChoice))}, not {self.runtime!r}")

    # names in the host's shared name spaces
    @property
    def link_prefix(self) -> str:
        """Prefix of every network link of ours; an interface name has at most 15 characters, 7 remain."""
        return f"mo{self.instance}"

    @property
    def nft_table(self) -> str:
        return f"mooring_{self.instance}"

    @property
    def cgroup_parent(self) -> str:
        return f"/mooring-{self.instance}"

    # durable
    @property
    def lock(self) -> Path:
        """Held (flock) by the one agent that may use `data`."""
        return self.data / "agent.lock"

    @property
    def journal(self) -> Path:
        """SQLite database of everything acknowledged."""
        return self.data / "journal.sqlite3"

    @property
    def engine_id(self) -> Path:
        """The host's stable id, as `docker info` shows it."""
        return self.data / "engine-id"

    @property
    def plane_file(self) -> Path:
        """Where `join` keeps the plane's URL and this host's credential, mode 0600."""
        return self.data / "credential.json"

    @property
    def containers(self) -> Path:
        return self.data / "containers"

    def container(self, container_id: str) -> Path:
        """Durable files of one container: logs, hosts, hostname, resolv.conf."""
        return self.containers / container_id

    def container_log(self, container_id: str) -> Path:
        return self.container(container_id) / f"{container_id}.log"

    @property
    def images(self) -> Path:
        """Blobs, unpacked layers and root file systems."""
        return self.data / "images"

    @property
    def volumes(self) -> Path:
        return self.data / "volumes"

    @property
    def network(self) -> Path:
        return self.data / "network"

    @property
    def build_cache(self) -> Path:
        return self.data / "build"

    @property
    def seccomp_cache(self) -> Path:
        """Seccomp filters compiled once."""
        return self.data / "seccomp"

    @property
    def tmp(self) -> Path:
        """Scratch space on the same file system as the rest of `data`; emptied at start."""
        return self.data / "tmp"

    # short-lived
    @property
    def bundles(self) -> Path:
        return self.run / "bundles"

    def bundle(self, container_id: str) -> Path:
        """OCI bundle of one container: config.json, pidfile, monitor's sockets."""
        return self.bundles / container_id

    @property
    def runtime_root(self) -> Path:
        """The OCI runtime's own state directory (`--root`)."""
        return self.run / "runtime"

    def shm(self, container_id: str) -> Path:
        """Mount point of a /dev/shm that other containers may join (`--ipc shareable`)."""
        return self.run / "shm" / container_id

    @property
    def netns(self) -> Path:
        """Containers' network namespaces, pinned by bind mounts named after the container."""
        return self.run / "netns"

    @property
    def subnets_lock(self) -> Path:
        """Held by any agent of this host while it looks for a free subnet and takes it."""
        return Path("/run/mooring-subnets.lock")

    @property
    def sandboxes(self) -> Path:
        """What is set up for each running container's network, one file each; read after a restart."""
        return self.run / "sandboxes"

    @property
    def build_run(self) -> Path:
        """The builder's mounts and small files while it builds."""
        return self.run / "build"
