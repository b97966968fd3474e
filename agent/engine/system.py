"""`info`, `version`, `system df` and `login`, in the shapes of Docker Engine 26.1."""

from __future__ import annotations

import os
import platform
import socket
import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from agent.engine.clock import now_ns, rfc3339_nano
from agent.engine.context import Context
from agent.engine.image_verbs import image_list
from agent.engine.listing import list_containers
from agent.engine.settle import DEFAULT_RUNTIME
from agent.engine.sysinfo import read_sysinfo
from agent.engine.volume_verbs import volume_documents
from agent.host.files import write_atomic
from agent.host.mounts import iter_mounts
from agent.ports.images import Credentials
from agent.ports.runtime import RuntimeInfo
from wire.versions import DOCKER_VERSION, MAX_API, MIN_API

__all__ = ["VERSION", "auth", "df", "info", "version"]

VERSION: Final = "0.1.0"
_SHIM: Final = "io.containerd.runc.v2"  # another of Docker's names for the default runtime


async def version(ctx: Context) -> dict[str, Any]:
    """`GET /version`."""
    runtime = ctx.runtime.info()
    kernel = platform.release()
    details = {
        "ApiVersion": str(MAX_API),
        "Arch": _arch(),
        "BuildTime": _BUILD_TIME,
        "Experimental": "false",
        "GitCommit": "",
        "GoVersion": "",
        "KernelVersion": kernel,
        "MinAPIVersion": str(MIN_API),
        "Os": "linux",
    }
    return {
        "Platform": {"Name": f"Mooring {VERSION}"},
        "Components": [
            {"Name": "Engine", "Version": DOCKER_VERSION, "Details": details},
            {"Name": "mooring", "Version": VERSION, "Details": {"Python": platform.python_version()}},
            {"Name": runtime.name, "Version": runtime.version, "Details": {"GitCommit": runtime.commit}},
            {"Name": "conmon", "Version": runtime.conmon_version, "Details": {"GitCommit": ""}},
        ],
        "Version": DOCKER_VERSION,
        "ApiVersion": str(MAX_API),
        "MinAPIVersion": str(MIN_API),
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": _arch(),
        "KernelVersion": kernel,
        "BuildTime": _BUILD_TIME,
    }


_BUILD_TIME: Final = "2026-11-24T00:00:00.000000000+00:00"


def _arch() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


async def info(ctx: Context) -> dict[str, Any]:
    """`GET /info`."""
    kernel = read_sysinfo()
    runtime = ctx.runtime.info()
    states = [container.status for container in ctx.containers]
    name, version_id = _os_release()
    paused, running = states.count("paused"), states.count("running") + states.count("restarting")
    config = ctx.config
    return {
        "ID": _engine_id(ctx),
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
        "Images": len(ctx.images.list()),
        "Driver": "overlay2",
        "DriverStatus": [
            ["Backing Filesystem", backing_filesystem(config.data)],
            ["Supports d_type", "true"],
            ["Using metacopy", "false"],
            ["Native Overlay Diff", "true"],
            ["userxattr", "false"],
        ],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "macvlan", "null"],
            "Authorization": None,
            "Log": ["json-file", "local"],
        },
        "MemoryLimit": kernel.memory_limit,
        "SwapLimit": kernel.swap_limit,
        **({"KernelMemoryTCP": True} if kernel.kernel_memory_tcp else {}),
        "CpuCfsPeriod": kernel.cpu_cfs,
        "CpuCfsQuota": kernel.cpu_cfs,
        "CPUShares": kernel.cpu_shares,
        "CPUSet": kernel.cpuset,
        "PidsLimit": kernel.pids_limit,
        "IPv4Forwarding": kernel.ipv4_forwarding,
        "BridgeNfIptables": kernel.bridge_nf_iptables,
        "BridgeNfIp6tables": kernel.bridge_nf_ip6tables,
        "Debug": False,
        "NFd": len(os.listdir("/proc/self/fd")),
        "OomKillDisable": kernel.oom_kill_disable,
        "NGoroutines": 0,
        "SystemTime": rfc3339_nano(now_ns()),
        "LoggingDriver": "json-file",
        "CgroupDriver": runtime.cgroup_driver,
        "CgroupVersion": str(kernel.cgroup_version),
        "NEventsListener": ctx.events.readers,
        "KernelVersion": platform.release(),
        "OperatingSystem": name,
        "OSVersion": version_id,
        "OSType": "linux",
        "Architecture": platform.machine(),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": _registry_config(ctx),
        "NCPU": kernel.cpu_count,
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "GenericResources": None,
        "DockerRootDir": str(config.data),
        "HttpProxy": os.environ.get("HTTP_PROXY", ""),
        "HttpsProxy": os.environ.get("HTTPS_PROXY", ""),
        "NoProxy": os.environ.get("NO_PROXY", ""),
        "Name": config.name or socket.gethostname(),
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": DOCKER_VERSION,
        "Runtimes": {name: _runtime(runtime) for name in sorted({DEFAULT_RUNTIME, _SHIM, runtime.name})},
        "DefaultRuntime": DEFAULT_RUNTIME,
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": True,
        "Isolation": "",
        "InitBinary": "docker-init",
        "ContainerdCommit": {"ID": "", "Expected": ""},
        "RuncCommit": {"ID": runtime.commit, "Expected": runtime.commit},
        "InitCommit": {"ID": "", "Expected": ""},
        "SecurityOptions": _security_options(runtime.seccomp, runtime.apparmor, kernel.cgroup_version),
        "CDISpecDirs": [],
        "Warnings": _warnings(runtime.problems),
    }


def _runtime(runtime: RuntimeInfo) -> dict[str, Any]:
    status = {"org.opencontainers.runtime-spec.features": runtime.features} if runtime.features else {}
    return {"path": runtime.path, **({"status": status} if status else {})}


def backing_filesystem(path: Path) -> str:
    """What `path` is on, by Docker's name for it."""
    real = Path(os.path.realpath(path))
    above = {str(real), *map(str, real.parents)}
    found = [mount for mount in iter_mounts() if mount.mountpoint in above]
    kind = max(found, key=lambda mount: len(mount.mountpoint)).fstype if found else ""
    if kind in ("ext2", "ext3", "ext4"):
        return "extfs"
    return {"overlay": "overlayfs", "nfs4": "nfs", "fuse": "fuseblk"}.get(kind, kind or "<unknown>")


def _security_options(seccomp: bool, apparmor: bool, cgroup_version: int) -> list[str]:
    options = ["name=apparmor"] if apparmor else []
    if seccomp:
        options.append("name=seccomp,profile=builtin")
    if cgroup_version == 2:
        options.append("name=cgroupns")
    return options


def _warnings(problems: Sequence[str]) -> list[str] | None:
    return [f"WARNING: {problem}" for problem in problems] or None


def _registry_config(ctx: Context) -> dict[str, Any]:
    insecure = list(ctx.config.insecure_registries)
    mirrors = list(ctx.config.registry_mirrors)
    index: dict[str, Any] = {"docker.io": {"Name": "docker.io", "Mirrors": mirrors, "Secure": True, "Official": True}}
    for name in insecure:
        if "/" not in name:
            index[name] = {"Name": name, "Mirrors": [], "Secure": False, "Official": False}
    return {
        "AllowNondistributableArtifactsCIDRs": None,
        "AllowNondistributableArtifactsHostnames": None,
        "InsecureRegistryCIDRs": list(dict.fromkeys([*(name for name in insecure if "/" in name), "127.0.0.0/8"])),
        "IndexConfigs": index,
        "Mirrors": mirrors or None,
    }


@cache
def _os_release() -> tuple[str, str]:
    facts: dict[str, str] = {}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            lines = Path(path).read_text().splitlines()
        except OSError:
            continue
        facts = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
        break
    return facts.get("PRETTY_NAME", "Linux"), facts.get("VERSION_ID", "")


def _engine_id(ctx: Context) -> str:
    """The host's stable id, made at the first question."""
    path = ctx.config.engine_id
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        made = str(uuid.uuid4())
        write_atomic(path, f"{made}\n", mode=0o644)
        return made


async def df(ctx: Context, types: Sequence[str] = ()) -> dict[str, Any]:
    """`GET /system/df`; `types` of container, image, volume, build-cache; none means all."""
    wanted = set(types) or {"container", "image", "volume", "build-cache"}
    document: dict[str, Any] = {"LayersSize": 0, "Images": None, "Containers": None, "Volumes": None}
    if "image" in wanted:
        document["LayersSize"] = ctx.images.layers_size_bytes()
        images = await image_list(ctx, shared_size=True, count_containers=True)
        for image in images:
            image |= {name: image[name] or None for name in ("RepoDigests", "RepoTags")}  # null here, not empty
        document["Images"] = images
    if "container" in wanted:
        document["Containers"] = await list_containers(ctx, all=True, size=True)
    if "volume" in wanted:
        document["Volumes"] = await volume_documents(ctx, usage=True)
    document["BuildCache"] = [] if "build-cache" in wanted else None
    return document


async def auth(ctx: Context, credentials: Credentials) -> dict[str, Any]:
    """`POST /auth`."""
    token = await ctx.images.check_login(credentials)
    return {"IdentityToken": token, "Status": "Login Succeeded"}
