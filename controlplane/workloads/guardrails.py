"""What a container may not ask for unless its user may be root on the host.

One check on the decoded create body (Docker's shape), used by the Engine API and the dashboard alike. Docker's decoder
takes field names in any case, so names are compared without case: `privileged` must not slip past `Privileged`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["build_unconfined_reasons", "exec_unconfined_reasons", "unconfined_reasons", "volume_unconfined_reasons"]

_HOST_MODES = ("NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode")
_SAFE_CAPABILITIES = {
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
}  # fmt: skip
_SAFE_SECURITY_OPTIONS = ("no-new-privileges",)


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


def volume_unconfined_reasons(body: Mapping[str, Any]) -> list[str]:
    """Return why a volume's driver options reach the host (a bind in disguise, a device, a network file system)."""
    options = _folded(_folded(body).get("driveropts"))
    if not options or str(options.get("type") or "").lower() == "tmpfs":
        return []
    return [f"volume options {', '.join(sorted(options))}"]


def exec_unconfined_reasons(body: Mapping[str, Any]) -> list[str]:
    """Return why an exec has more rights than its container."""
    return ["privileged exec"] if _folded(body).get("privileged") else []


def build_unconfined_reasons(query: Mapping[str, Sequence[str]]) -> list[str]:
    """Return why a build's RUN steps would have more rights than a container of the same user."""
    reasons = []
    if any(value.lower() == "host" for value in query.get("networkmode", ())):
        reasons.append("NetworkMode=host")
    return reasons + [name for name in ("cgroupparent", "securityopt") if any(query.get(name, ()))]
