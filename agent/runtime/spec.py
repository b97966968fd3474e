"""`SandboxSpec` to an OCI runtime configuration (runtime-spec 1.0), pure but for looking at host devices.

Hooks are never written, and annotations come from the caller alone except the one `seccomp` adds. What Docker writes
for the same container differs only in the order of some lists.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agent.ports.runtime import Device, ProcessSpec, Resources, SandboxSpec, Throttle
from wire.errors import Invalid

__all__ = ["DEFAULT_DEVICES", "INIT_PATH", "build_config", "build_process", "build_resources"]

Json = dict[str, Any]

INIT_PATH: Final = "/sbin/docker-init"
"""Where a container sees the init of `--init`, as under Docker."""

DEFAULT_DEVICES: Final = ((1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1))
"""Character devices every container may use: zero, null, urandom, random, tty, console."""

_FUSE: Final = (10, 229)
_NOT_DEVICES: Final = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"})
_DEFAULT_PERIOD_US: Final = 100_000


def build_process(process: ProcessSpec, *, init: bool = False) -> Json:
    """The `process` object, for a container and for an exec."""
    args = [INIT_PATH, "--", *process.args] if init else list(process.args)
    user: Json = {"uid": process.uid, "gid": process.gid}
    if process.additional_gids:
        user["additionalGids"] = list(process.additional_gids)
    if process.umask is not None:
        user["umask"] = process.umask
    capabilities = list(process.capabilities)
    held: Json = {"bounding": capabilities, "effective": capabilities, "permitted": capabilities}
    if process.ambient_capabilities:
        held["ambient"] = held["inheritable"] = list(process.ambient_capabilities)
    made: Json = {
        "terminal": process.tty,
        "user": user,
        "args": args,
        "env": list(process.env),
        "cwd": process.cwd or "/",
        "capabilities": held,
        "noNewPrivileges": process.no_new_privileges,
    }
    if process.tty and process.console_rows and process.console_columns:
        made["consoleSize"] = {"height": process.console_rows, "width": process.console_columns}
    if process.rlimits:
        made["rlimits"] = [
            {"type": f"RLIMIT_{limit.name.upper()}", "soft": limit.soft, "hard": limit.hard}
            for limit in process.rlimits
        ]
    if process.oom_score_adj is not None:
        made["oomScoreAdj"] = process.oom_score_adj
    if process.apparmor_profile:
        made["apparmorProfile"] = process.apparmor_profile
    return made


def build_config(
    spec: SandboxSpec,
    *,
    cgroups_path: str,
    cgroup_version: int,
    seccomp: Json | None,
    annotations: Json | None = None,
    init_binary: Path | None = None,
    swap_accounting: bool = True,
) -> Json:
    """The whole configuration. `init_binary` is needed when `spec.init`. Raises Invalid for a bad device."""
    mounts = [
        {"destination": m.destination, "type": m.type, "source": m.source, "options": list(m.options)}
        for m in spec.mounts
    ]
    if spec.init:
        if init_binary is None:
            raise Invalid("--init needs an init program on this host: install the package tini (/usr/bin/tini-static)")
        options = ["bind", "ro"]
        mounts.append({"destination": INIT_PATH, "type": "bind", "source": str(init_binary), "options": options})
    devices = list(_container_devices(spec))
    sysctls = dict(spec.sysctls)
    if spec.domainname and "uts" in spec.namespaces:
        sysctls.setdefault("kernel.domainname", spec.domainname)
    linux: Json = {
        "cgroupsPath": cgroups_path,
        "namespaces": [{"type": "mount"}] + [
            {"type": kind} if path is None else {"type": kind, "path": path}
            for kind, path in spec.namespaces.items()
            if kind != "mount"
        ],
        "resources": build_resources(spec.resources, cgroup_version, swap_accounting=swap_accounting)
        | {"devices": _device_rules(spec, devices)},
        "maskedPaths": list(spec.masked_paths),
        "readonlyPaths": list(spec.readonly_paths),
    }  # fmt: skip
    if devices:
        linux["devices"] = devices
    if sysctls:
        linux["sysctl"] = sysctls
    if seccomp is not None:
        linux["seccomp"] = seccomp
    if spec.rootfs_propagation not in ("", "rprivate"):
        linux["rootfsPropagation"] = spec.rootfs_propagation
    config: Json = {
        "ociVersion": "1.0.2",
        "process": build_process(spec.process, init=spec.init),
        "root": {"path": str(spec.rootfs), "readonly": spec.readonly_rootfs},
        "mounts": mounts,
        "linux": linux,
    }
    if spec.hostname and "uts" in spec.namespaces:
        config["hostname"] = spec.hostname
    # The runtime obeys `run.oci.*`: never from outside, whatever the caller let through.
    given = {name: value for name, value in spec.annotations.items() if not name.startswith("run.oci.")}
    noted = {**given, **(annotations or {})}
    if noted:
        config["annotations"] = noted
    return config


def build_resources(resources: Resources, cgroup_version: int, *, swap_accounting: bool = True) -> Json:
    """`linux.resources` without devices; also what `update --resources` takes. Knobs v2 lacks are left out there."""
    memory: Json = {}
    _put(memory, "limit", resources.memory_bytes)
    _put(memory, "reservation", resources.memory_reservation_bytes)
    if swap_accounting:
        _put(memory, "swap", resources.memory_swap_bytes)
    if cgroup_version == 1:
        if resources.memory_swappiness is not None and resources.memory_swappiness >= 0:
            memory["swappiness"] = resources.memory_swappiness
        if resources.oom_kill_disable:
            memory["disableOOMKiller"] = True
    cpu: Json = {}
    _put(cpu, "shares", resources.cpu_shares)
    _put(cpu, "period", resources.cpu_period_us)
    _put(cpu, "quota", resources.cpu_quota_us)
    if resources.nano_cpus:
        cpu["period"] = _DEFAULT_PERIOD_US
        cpu["quota"] = resources.nano_cpus * _DEFAULT_PERIOD_US // 1_000_000_000
    if cgroup_version == 1:
        _put(cpu, "realtimePeriod", resources.cpu_rt_period_us)
        _put(cpu, "realtimeRuntime", resources.cpu_rt_runtime_us)
    _put(cpu, "cpus", resources.cpuset_cpus)
    _put(cpu, "mems", resources.cpuset_mems)
    blkio: Json = {}
    _put(blkio, "weight", resources.blkio_weight)
    for name, throttles in (
        ("throttleReadBpsDevice", resources.blkio_read_bps),
        ("throttleWriteBpsDevice", resources.blkio_write_bps),
        ("throttleReadIOPSDevice", resources.blkio_read_iops),
        ("throttleWriteIOPSDevice", resources.blkio_write_iops),
    ):
        if throttles:
            blkio[name] = [_throttle(throttle) for throttle in throttles]
    made: Json = {}
    for name, values in (("memory", memory), ("cpu", cpu), ("blockIO", blkio)):
        if values:
            made[name] = values
    if (resources.pids_limit or 0) > 0:  # less lifts the limit: crun would write it as it is, which the kernel refuses
        made["pids"] = {"limit": resources.pids_limit}
    return made


def _put(target: Json, name: str, value: int | str | None) -> None:
    if value:
        target[name] = value


def _throttle(throttle: Throttle) -> Json:
    try:
        facts = os.stat(throttle.path)
    except OSError as error:
        raise Invalid(f"stat {throttle.path}: {(error.strerror or '').lower()}") from None
    return {"major": os.major(facts.st_rdev), "minor": os.minor(facts.st_rdev), "rate": throttle.rate}


def _device_node(host_path: str, container_path: str) -> Json:
    facts = os.stat(host_path)
    if not (stat.S_ISCHR(facts.st_mode) or stat.S_ISBLK(facts.st_mode)):
        raise _no_device(host_path, "not a device node")
    return {
        "path": container_path,
        "type": "c" if stat.S_ISCHR(facts.st_mode) else "b",
        "major": os.major(facts.st_rdev),
        "minor": os.minor(facts.st_rdev),
        "fileMode": stat.S_IMODE(facts.st_mode),
        "uid": facts.st_uid,
        "gid": facts.st_gid,
    }


def _container_devices(spec: SandboxSpec) -> Iterator[Json]:
    if spec.all_devices:
        asked = {device.host_path: device.container_path for device in spec.devices}
        for path in _host_devices("/dev"):
            yield _device_node(path, asked.pop(path, path))
        for host_path, container_path in asked.items():
            yield from _asked_devices(Device(host_path=host_path, container_path=container_path))
        return
    for device in spec.devices:
        yield from _asked_devices(device)


def _asked_devices(device: Device) -> Iterator[Json]:
    """A device, or every device of a directory, as Docker's `--device /dev/snd`. Invalid when there is none."""
    host_path = os.path.realpath(device.host_path) if device.host_path else ""
    try:
        if not os.path.isdir(host_path):
            yield _device_node(host_path, device.container_path)
            return
        found = list(_devices_below(host_path))
    except OSError as error:
        raise _no_device(device.host_path, (error.strerror or "").lower()) from None
    if not found:
        raise _no_device(device.host_path, "not a device node")
    for path in found:
        yield _device_node(path, device.container_path + path.removeprefix(host_path))


def _devices_below(directory: str) -> Iterator[str]:
    """What cannot be read is passed over, as in Docker."""
    for where, directories, names in os.walk(directory):
        directories.sort()
        for path in sorted(os.path.join(where, name) for name in names):
            mode = os.lstat(path).st_mode
            if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                yield path


def _no_device(path: str, reason: str) -> Invalid:
    return Invalid(f'error gathering device information while adding custom device "{path}": {reason}')


def _host_devices(directory: str) -> Iterator[str]:
    """Every device node below, but those a container gets its own of."""
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _NOT_DEVICES:
                    yield from _host_devices(entry.path)
            elif entry.path != "/dev/console" and not entry.is_symlink():
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                    yield entry.path


def _device_rules(spec: SandboxSpec, devices: list[Json]) -> list[Json]:
    """The device cgroup's list: all refused, then what is allowed, in Docker's order."""
    if spec.all_devices:
        return [{"allow": True, "access": "rwm"}]
    rules: list[Json] = [{"allow": False, "access": "rwm"}]
    for major, minor in DEFAULT_DEVICES:
        rules.append({"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"})
    rules.append({"allow": False, "type": "c", "major": _FUSE[0], "minor": _FUSE[1], "access": "rwm"})
    permissions = {device.container_path: device.permissions for device in spec.devices}
    for device in devices:
        access = next((p for path, p in permissions.items() if device["path"].startswith(path)), "rwm")
        numbers = {"type": device["type"], "major": device["major"], "minor": device["minor"]}
        rules.append({"allow": True, **numbers, "access": access})
    rules += [parse_device_rule(text) for text in spec.device_cgroup_rules]
    return rules


def parse_device_rule(text: str) -> Json:
    """Docker's `--device-cgroup-rule`: `c 1:3 mr`, `a *:* rwm`. Raises Invalid with Docker's text."""
    parts = text.split(" ")
    numbers = parts[1].split(":") if len(parts) == 3 else []
    valid = (
        len(parts) == 3
        and parts[0] in ("a", "b", "c")
        and len(numbers) == 2
        and all(number == "*" or (number.isascii() and number.isdigit()) for number in numbers)
        and 1 <= len(parts[2]) <= 3
        and set(parts[2]) <= set("rwm")
    )
    if not valid:
        raise Invalid(f"invalid device cgroup rule format: '{text}'")
    rule: Json = {"allow": True, "type": parts[0], "access": parts[2]}
    for name, number in zip(("major", "minor"), numbers, strict=True):
        if number != "*":  # left out is all of them; crun does not take runc's -1
            rule[name] = int(number)
    return rule
