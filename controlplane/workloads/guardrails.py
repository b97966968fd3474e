"""What a container may not ask for unless its user may be root on the host.

Checks on decoded bodies (Docker's shapes), used by the Engine API, the dashboard and retries alike: `guard_of` says
which check a kind of job has. Docker's decoder takes field names in any case, so names are compared without case:
`privileged` must not slip past `Privileged`. What a body only names (a volume, another container) is on the host:
`named_volumes` and `joined_containers` say what has to be asked for there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "JOINABLE", "Guard", "bound_host_path", "build_unconfined_reasons", "exec_unconfined_reasons", "guard_of",
    "joined_container", "named_volumes", "network_unconfined_reasons", "standing_reasons", "unconfined_reasons",
    "volume_unconfined_reasons",
]  # fmt: skip

Guard = Callable[[Mapping[str, Any]], list[str]]

_HOST_MODES = ("NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode")
_SAFE_CAPABILITIES = {
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
}  # fmt: skip
_SAFE_SECURITY_OPTIONS = ("no-new-privileges",)
JOINABLE = ("NetworkMode", "PidMode", "IpcMode")
"""Modes that may name another container, whose namespace is then shared."""
_TMPFS_OPTIONS = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"}
_TMPFS_FLAGS = {"ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "noatime", "relatime", "defaults"}
_NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs")
_BRIDGE_DRIVERS = ("", "default", "bridge")
_BRIDGE_NAME = "com.docker.network.bridge.name"
_PRIVATE_SUBNETS = [
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]


def _folded(value: Any) -> dict[str, Any]:
    return {str(key).casefold(): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def unconfined_reasons(body: Mapping[str, Any]) -> list[str]:
    """Return why the create (or update) body amounts to rights on the host; empty: it is confined."""
    host_config = _folded(_folded(body).get("hostconfig"))
    reasons = []
    if host_config.get("privileged"):
        reasons.append("privileged")
    reasons += [f"{name}=host" for name in _HOST_MODES if str(host_config.get(name.casefold()) or "").lower() == "host"]
    for bind in _items(host_config.get("binds")):
        if str(bind).startswith(("/", ".", "~")):
            reasons.append(f"host path {str(bind).split(':')[0]}")
    for mount in _items(host_config.get("mounts")):
        reasons += _mount_reasons(_folded(mount))
    reasons += [
        f"capability {capability}"
        for capability in _items(host_config.get("capadd"))
        if str(capability).upper().removeprefix("CAP_") not in _SAFE_CAPABILITIES
    ]
    for name in ("devices", "devicerequests", "devicecgrouprules"):
        if _items(host_config.get(name)):
            reasons.append("devices")
    for option in _items(host_config.get("securityopt")):
        if not str(option).replace("=", ":").startswith(_SAFE_SECURITY_OPTIONS):
            reasons.append(f"security option {str(option)[:40]}")
    if _items(host_config.get("volumesfrom")):
        reasons.append("volumes of another container")
    if host_config.get("cgroupparent"):
        reasons.append("cgroup parent")
    if host_config.get("sysctls"):
        reasons.append("sysctls")
    # An empty list lifts the protection; the engine's own inspect shows the default paths as a list.
    reasons += [name for name in ("maskedpaths", "readonlypaths") if host_config.get(name) == []]
    return reasons


def _mount_reasons(mount: dict[str, Any]) -> list[str]:
    kind = str(mount.get("type") or "").lower()
    if kind in ("bind", "npipe", "cluster", "image"):
        return [f"host path {mount.get('source')}"] if kind == "bind" else [f"mount type {kind}"]
    driver = _folded(_folded(mount.get("volumeoptions")).get("driverconfig"))
    return volume_unconfined_reasons({"driver": driver.get("name"), "driveropts": driver.get("options")})


def standing_reasons(host_config: Any) -> list[str]:
    """Return why a container that exists has rights on its host, by what its engine says of it.

    The cgroup namespace is left out: `host` is what Docker says of every container on a host with cgroups v1.
    """
    told = {name: value for name, value in _folded(host_config).items() if name != "cgroupnsmode"}
    return unconfined_reasons({"HostConfig": told})


def named_volumes(host_config: Any) -> list[str]:
    """Return the volumes that are mounted by name: what they stand for, the host knows."""
    told = _folded(host_config)
    binds = [str(bind).partition(":")[0] for bind in _items(told.get("binds"))]
    mounts = [_folded(mount) for mount in _items(told.get("mounts"))]
    binds += [str(mount.get("source") or "") for mount in mounts if str(mount.get("type") or "").lower() == "volume"]
    return sorted({name for name in binds if name and not name.startswith(("/", ".", "~"))})


def joined_container(host_config: Any, mode: str) -> str:
    """Return the container whose namespace is shared by `mode` (one of `JOINABLE`); empty: none."""
    kind, _, ref = str(_folded(host_config).get(mode.casefold()) or "").partition(":")
    return ref if kind == "container" else ""


def volume_unconfined_reasons(body: Mapping[str, Any]) -> list[str]:
    """Return why a volume's driver options reach the host (a bind in disguise, a device, a network file system)."""
    options = _folded(body).get("driveropts")
    if not isinstance(options, Mapping) or not options or _is_memory(options):
        return []
    return [f"volume options {', '.join(sorted(map(str, options)))}"]


def bound_host_path(options: Any) -> str:
    """Return what of its host a volume that exists stands for (a path or device); empty: nothing but its own content.

    A network file system is none: an admin who made such a volume made it to be shared.
    """
    if not isinstance(options, Mapping) or not options or _is_memory(options):
        return ""
    words = str(options.get("o") or "").split(",")
    if options.get("type") in _NETWORK_FILE_SYSTEMS and not {"bind", "rbind"} & set(words):
        return ""
    return str(options.get("device") or "its options")


def _is_memory(options: Mapping[str, Any]) -> bool:
    """Whether the options are a file system in memory: with `bind` among them mount(2) asks for no type at all."""
    words = [word for word in str(options.get("o") or "").split(",") if word]
    return options.get("type") == "tmpfs" and all(
        word in _TMPFS_FLAGS or word.partition("=")[0] in _TMPFS_OPTIONS for word in words
    )


def network_unconfined_reasons(body: Mapping[str, Any]) -> list[str]:
    """Return why a network reaches beyond its own bridge: to the host's interfaces, or in the way of its traffic."""
    told = _folded(body)
    reasons = []
    if (driver := str(told.get("driver") or "")) not in _BRIDGE_DRIVERS:
        reasons.append(f"network driver {driver}")
    options = told.get("options")
    if isinstance(options, Mapping) and _BRIDGE_NAME in options:
        reasons.append("a bridge of the host")
    configs = _items(_folded(told.get("ipam")).get("config"))
    reasons += [f"public subnet {subnet}" for subnet in _subnets(configs) if not _is_private(subnet)]
    return reasons


def _subnets(configs: Sequence[Any]) -> Iterator[str]:
    for config in configs:
        if subnet := str(_folded(config).get("subnet") or ""):
            yield subnet


def _is_private(subnet: str) -> bool:
    try:
        wanted: Any = ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        return True  # no subnet: the engine says so in its own words
    return any(wanted.version == known.version and wanted.subnet_of(known) for known in _PRIVATE_SUBNETS)


def exec_unconfined_reasons(body: Mapping[str, Any]) -> list[str]:
    """Return why an exec has more rights than its container."""
    return ["privileged exec"] if _folded(body).get("privileged") else []


def build_unconfined_reasons(query: Mapping[str, Sequence[str]]) -> list[str]:
    """Return why a build's RUN steps would have more rights than a container of the same user."""
    modes = [value for value in query.get("networkmode", ()) if value.lower().startswith(("host", "container:"))]
    reasons = [f"NetworkMode={mode}" for mode in modes]
    return reasons + [name for name in ("cgroupparent", "securityopt") if any(query.get(name, ()))]


_GUARDS: dict[str, Guard] = {
    "container.run": unconfined_reasons,
    "container.create": unconfined_reasons,
    "container.update": lambda body: unconfined_reasons({"HostConfig": body}),
    "container.exec": exec_unconfined_reasons,
    "volume.create": volume_unconfined_reasons,
    "network.create": network_unconfined_reasons,
}


def guard_of(kind: str) -> Guard | None:
    """Return the check of the body of jobs of this kind (with or without `engine.` before it); None: it has none."""
    return _GUARDS.get(kind.removeprefix("engine."))
