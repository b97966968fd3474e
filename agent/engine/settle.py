"""From a create request to a checked Config and HostConfig with every default filled in."""

from __future__ import annotations

import msgspec

from agent.engine.endpoints import migrate_mac_address
from agent.engine.merge import image_config, merge_config
from agent.engine.security import check_security_opt
from agent.engine.sysinfo import read_sysinfo
from agent.engine.validate_config import check_config, check_network_mode_conflicts, container_of
from agent.engine.validate_host import check_host_config
from agent.ports.images import Image
from agent.ports.logs import Logs
from wire.engine.containers import ContainerConfig, CreateRequest, HostConfig, LogConfig, NetworkingConfig
from wire.errors import Internal, Invalid, MooringError

__all__ = [
    "DEFAULT_RUNTIME",
    "MASKED_PATHS",
    "READONLY_PATHS",
    "check_request",
    "settle_config",
    "settle_host",
    "settle_log",
]

DEFAULT_RUNTIME = "runc"
"""Docker's name for the host's default OCI runtime, whichever program that is; `info` shows its path."""

_DEFAULT_SHM_BYTES = 64 * 1024 * 1024

MASKED_PATHS = (
    "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
)  # fmt: skip
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def check_request(body: CreateRequest) -> tuple[ContainerConfig, HostConfig, NetworkingConfig, list[str]]:
    """Take the request apart and check all that needs no other object; warnings come last. Changes nothing."""
    config = ContainerConfig(**{name: getattr(body, name) for name in ContainerConfig.__struct_fields__})
    if config == ContainerConfig():
        raise Invalid("config cannot be empty in order to create a container")
    host = body.host_config or HostConfig()
    networking = body.networking_config or NetworkingConfig()
    if host.network_mode in ("", "default"):
        host.network_mode = "bridge"
    check_network_mode_conflicts(config, host)
    warnings = []
    if warning := migrate_mac_address(config, host, networking):
        warnings.append(warning)
    config.mac_address = msgspec.UNSET
    check_config(config)
    warnings += check_host_config(host)
    return config, host, networking, warnings


def settle_config(
    config: ContainerConfig, image: Image | None, container_id: str, host_name: str, host: HostConfig
) -> None:
    """Merge the image's config in and give the container its host name."""
    merge_config(config, image_config(image.config if image else {}))
    if not config.hostname:
        config.hostname = host_name if host.network_mode == "host" else container_id[:12]


def settle_log(host: HostConfig, logs: Logs) -> None:
    """Fill in the log driver, in place. Invalid for a driver or an option that is not known."""
    if not host.log_config.type:
        host.log_config = LogConfig(type="json-file", config=host.log_config.config)
    host.log_config.config = host.log_config.config or {}
    if host.log_config.type != "none":  # Docker looks at no option of a driver that keeps nothing
        try:
            logs.check(host.log_config.type, host.log_config.config)
        except MooringError as error:
            raise Invalid(error.message) from error


def settle_host(host: HostConfig, runtime_name: str) -> None:
    """Fill in Docker's defaults, in place. Internal for storage and security options."""
    host.kernel_memory = msgspec.UNSET  # accepted and dropped since the kernel did
    if isinstance(host.storage_opt, dict):
        for name in host.storage_opt:
            if name != "size":
                raise Internal(f"Unknown option {name}")
            raise Internal("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
    check_security_opt(host.security_opt or ())
    labelled = any(option.startswith("label") for option in host.security_opt or ())
    if not labelled and (host.ipc_mode == "host" or host.pid_mode == "host" or host.privileged):
        host.security_opt = [*(host.security_opt or ()), "label=disable"]
    host.shm_size = host.shm_size or _DEFAULT_SHM_BYTES
    host.ipc_mode = host.ipc_mode or "private"
    if not host.cgroupns_mode:
        host.cgroupns_mode = "private" if read_sysinfo().cgroup_version == 2 else "host"
    host.restart_policy.name = host.restart_policy.name or "no"
    if host.runtime not in ("", DEFAULT_RUNTIME, "io.containerd.runc.v2", runtime_name):
        raise Invalid(f"unknown or invalid runtime name: {host.runtime}")
    host.runtime = host.runtime or DEFAULT_RUNTIME
    if host.memory > 0 and host.memory_swap == 0:
        host.memory_swap = 2 * host.memory
    if host.oom_kill_disable is None and read_sysinfo().oom_kill_disable:
        host.oom_kill_disable = False
    if not host.privileged:
        if host.masked_paths is None:
            host.masked_paths = list(MASKED_PATHS)
        if host.readonly_paths is None:
            host.readonly_paths = list(READONLY_PATHS)
    if container_of(host.network_mode) is not None:
        host.network_mode = host.network_mode.strip()
