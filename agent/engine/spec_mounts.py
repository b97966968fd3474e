"""The mounts of a container's OCI configuration: Docker's default ones, the three /etc files, the user's."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from agent.engine.mounts import sorted_for_mounting
from agent.engine.record import MountPoint, Record
from agent.engine.tmpfs import tmpfs_options, tmpfs_point_options
from agent.host.mounts import iter_mounts
from agent.host.paths import open_in_root, open_root, resolve_in_root
from agent.ports.runtime import MountSpec, RuntimeInfo
from wire.errors import Internal, Invalid

__all__ = ["build_mounts", "ensure_bind_sources", "read_only_option", "rootfs_propagation"]


def build_mounts(
    record: Record,
    *,
    rootfs: Path,
    etc_files: Path,
    sources: Mapping[str, str],
    shm_source: str | None,
    runtime: RuntimeInfo,
) -> tuple[MountSpec, ...]:
    """All mounts, parents first. `sources` maps volume targets to host paths; `shm_source` is a host tmpfs to be bound
    on /dev/shm, "" for a private one, None for none (ipc `none` has neither, `host` binds the host's)."""
    taken = {point.target for point in record.mounts}
    tmpfs = record.host.tmpfs if isinstance(record.host.tmpfs, dict) else {}
    taken |= {os.path.normpath(target) for target in tmpfs}
    mounts = [mount for mount in _defaults(record, shm_source) if not _overridden(mount.destination, taken)]
    user = [
        MountSpec(
            destination=f"/etc/{name}",
            type="bind",
            source=str(etc_files / name),
            options=("rbind", "rprivate", *(("ro",) if record.host.readonly_rootfs else ())),
        )
        for name in ("resolv.conf", "hostname", "hosts")
        if f"/etc/{name}" not in taken
    ]
    user += [_user_mount(point, sources, runtime) for point in sorted_for_mounting(record.mounts)]
    user += [
        MountSpec(
            destination=os.path.normpath(target),
            type="tmpfs",
            source="tmpfs",
            options=(*tmpfs_options(text), *_mode_of(rootfs, target, text)),
        )
        for target, text in sorted(tmpfs.items())
    ]
    user.sort(key=lambda mount: mount.destination.count("/"))  # a mount over /etc comes before the files in it
    return (*mounts, *user)


def _mode_of(rootfs: Path, target: str, options: str) -> tuple[str, ...]:
    """A tmpfs over a directory of the image keeps that directory's mode, unless the user gives one (as runc does)."""
    if any(option.startswith("mode=") for option in options.split(",")):
        return ()
    with suppress(OSError), open_root(rootfs) as root_fd:
        found = open_in_root(root_fd, target, os.O_PATH | os.O_DIRECTORY)
        try:
            return (f"mode={stat.S_IMODE(os.fstat(found).st_mode):o}",)
        finally:
            os.close(found)
    return ()


def _overridden(destination: str, taken: set[str]) -> bool:
    return destination in taken or ("/dev" in taken and destination.startswith("/dev/"))


def _defaults(record: Record, shm_source: str | None) -> Iterable[MountSpec]:
    host = record.host
    ro = () if host.privileged else ("ro",)
    yield MountSpec(destination="/proc", type="proc", source="proc", options=("nosuid", "noexec", "nodev"))
    yield MountSpec(
        destination="/dev", type="tmpfs", source="tmpfs", options=("nosuid", "strictatime", "mode=755", "size=65536k")
    )
    yield MountSpec(
        destination="/dev/pts", type="devpts", source="devpts",
        options=("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
    )  # fmt: skip
    yield MountSpec(destination="/sys", type="sysfs", source="sysfs", options=("nosuid", "noexec", "nodev", *ro))
    yield MountSpec(
        destination="/sys/fs/cgroup", type="cgroup", source="cgroup", options=(*ro, "nosuid", "noexec", "nodev")
    )
    yield MountSpec(destination="/dev/mqueue", type="mqueue", source="mqueue", options=("nosuid", "noexec", "nodev"))
    if shm_source is None:
        return
    if shm_source:
        yield MountSpec(destination="/dev/shm", type="bind", source=shm_source, options=("rbind", "rprivate"))
    else:
        yield MountSpec(
            destination="/dev/shm", type="tmpfs", source="shm",
            options=("nosuid", "noexec", "nodev", "mode=1777", f"size={host.shm_size}"),
        )  # fmt: skip


def _user_mount(point: MountPoint, sources: Mapping[str, str], runtime: RuntimeInfo) -> MountSpec:
    if point.type == "tmpfs":
        return MountSpec(
            destination=point.target, type="tmpfs", source="tmpfs", options=tuple(tmpfs_point_options(point))
        )
    source = point.source
    if point.type == "volume":
        source = sources[point.target]
        if point.subpath:
            source = _subpath(source, point.subpath)
    options = ["bind" if point.non_recursive else "rbind", point.propagation or "rprivate"]
    if not point.rw:
        wanted = read_only_option(point, runtime)
        # Below a file nothing can be mounted, and crun 1.8 opens the target of `rro` as a directory.
        options.append("ro" if os.path.exists(source) and not os.path.isdir(source) else wanted)
    return MountSpec(destination=point.target, type="bind", source=source, options=tuple(options))


def read_only_option(point: MountPoint, runtime: RuntimeInfo) -> str:
    """`rro`, read-only with all that is mounted below, where the host can and the user does not object; else `ro`."""
    if point.read_only_non_recursive:
        if point.read_only_force_recursive:
            raise Invalid("mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive")
        return "ro"
    if not runtime.recursive_read_only and point.read_only_force_recursive:
        raise Invalid(f'rro is not supported by runtime "{runtime.name}"')
    return "rro" if runtime.recursive_read_only else "ro"


def _subpath(volume: str, subpath: str) -> str:
    try:
        return resolve_in_root(volume, subpath)
    except OSError as error:
        path = os.path.join(volume, subpath)
        reason = os.strerror(error.errno or errno.EIO).lower()
        raise Internal(f"cannot access path {path}: lstat {path}: {reason}") from error


def ensure_bind_sources(record: Record) -> None:
    """Make missing sources of `-v` binds; a missing source of a `--mount` is refused. Blocking, short."""
    for point in record.mounts:
        if point.type != "bind" or os.path.lexists(point.source):
            continue
        if not point.create_source:
            raise Invalid(f'invalid mount config for type "bind": bind source path does not exist: {point.source}')
        try:
            os.makedirs(point.source, mode=0o755, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or os.strerror(errno.EIO)).lower()
            raise Internal(
                f"error while creating mount source path '{point.source}': mkdir {error.filename}: {reason}"
            ) from error


def rootfs_propagation(record: Record) -> str:
    """What the root's propagation has to be so that shared and slave binds work. Internal when a source cannot."""
    wanted = "rprivate"
    for point in record.mounts:
        if point.type != "bind":
            continue
        if point.propagation in ("shared", "rshared"):
            _require(point.source, ("shared:",), "a shared mount")
            wanted = "shared"
        elif point.propagation in ("slave", "rslave"):
            if not point.guarded:
                _require(point.source, ("shared:", "master:"), "a shared or slave mount")
            if wanted != "shared":
                wanted = "rslave"
    return wanted


def _require(source: str, kinds: tuple[str, ...], words: str) -> None:
    real = os.path.realpath(source)
    best = ""
    propagation: tuple[str, ...] = ()
    for mount in iter_mounts():
        point = mount.mountpoint
        if (real == point or real.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, propagation = point, mount.propagation
    if not any(item.startswith(kinds) for item in propagation):
        raise Internal(f"path {source} is mounted on {best} but it is not {words}")
