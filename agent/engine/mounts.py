"""What a user may say about mounts (`-v`, `--mount`, `--volumes-from`, `--tmpfs`), read into mount points.

The rules and texts are those of Docker's Linux mount parser. Nothing here touches the host except to see whether a bind
source exists.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from agent.engine.record import MountPoint
from wire.engine.containers import BindOptions, HostConfig, Mount, TmpfsOptions, VolumeOptions
from wire.errors import Internal, Invalid, MooringError

__all__ = ["parse_bind", "parse_mount", "parse_volumes_from", "read_mounts", "valid_mode", "with_own_mounts"]

PROPAGATIONS: Final = ("private", "rprivate", "slave", "rslave", "shared", "rshared")
_WORDS: Final = (("rw", "ro"), ("z", "Z"), ("nocopy",), PROPAGATIONS, ("consistent", "cached", "delegated"))


def valid_mode(mode: str) -> bool:
    """Whether `mode` (`ro,z`) has known words only, at most one of each group."""
    if not mode:
        return True
    counts = [0] * len(_WORDS)
    for word in mode.split(","):
        group = next((number for number, words in enumerate(_WORDS) if word in words), None)
        if group is None:
            return False
        counts[group] += 1
    return max(counts) <= 1


def parse_bind(raw: str, volume_driver: str = "") -> MountPoint:
    """One `-v`. Docker answers 500 to most mistakes here, hence Internal."""
    parts = raw.split(":")
    if not parts[0] or len(parts) > 3 or (len(parts) > 1 and not parts[1]):
        raise Internal(f"invalid volume specification: '{raw}'")
    mode = ""
    mount = Mount()
    if len(parts) == 1:
        mount.target = parts[0]
    elif len(parts) == 2:
        if valid_mode(parts[1]):
            raise Internal(f"invalid volume specification: '{raw}'")
        mount.source, mount.target = parts
    else:
        mount.source, mount.target, mode = parts
    if not valid_mode(mode):
        raise Internal(f"invalid mode: {mode}")
    words = mode.split(",") if mode else []
    mount.type = "bind" if (mount.source or "").startswith("/") else "volume"
    mount.read_only = "ro" in words
    propagation = next((word for word in words if word in PROPAGATIONS), "")
    if volume_driver and mount.type == "volume":
        mount.volume_options = VolumeOptions()
    if "nocopy" in words:
        mount.volume_options = VolumeOptions(no_copy=True)
    if propagation:
        mount.bind_options = BindOptions(propagation=propagation)
    try:
        point = _point(mount, source_must_exist=False)
    except MooringError as error:
        raise Internal(f"invalid volume specification: '{raw}': {error.message}") from error
    point.mode = mode
    point.create_source = point.type == "bind"
    if point.type == "volume":
        point.driver = volume_driver or "local"
    return point


def parse_mount(mount: Mount) -> MountPoint:
    """One `--mount`. Invalid with Docker's text."""
    kind = mount.type or ""
    for name, options, owner in (
        ("BindOptions", mount.bind_options, "bind"),
        ("VolumeOptions", mount.volume_options, "volume"),
        ("TmpfsOptions", mount.tmpfs_options, "tmpfs"),
    ):
        if isinstance(options, (BindOptions, VolumeOptions, TmpfsOptions)) and kind != owner and kind in _TYPES:
            raise Invalid(f'{name} must not be specified on mount type "{kind}"')
    creates = isinstance(mount.bind_options, BindOptions) and bool(mount.bind_options.create_mountpoint)
    point = _point(mount, source_must_exist=not creates)
    point.create_source = creates
    if point.type == "volume":
        options = mount.volume_options
        driver = options.driver_config if isinstance(options, VolumeOptions) else None
        point.driver = (driver.name if driver else "") or "local"
    return point


_TYPES: Final = ("bind", "volume", "tmpfs")


def _point(mount: Mount, *, source_must_exist: bool) -> MountPoint:
    kind, source, target = mount.type or "", mount.source or "", mount.target or ""
    try:
        _check_point(mount, kind, source, target, source_must_exist)
    except Invalid as error:
        raise Invalid(f'invalid mount config for type "{kind}": {error.message}') from error
    point = MountPoint(type=kind, target=posixpath.normpath(target), rw=not mount.read_only)
    if kind == "bind":
        point.source = posixpath.normpath(source)
        options = mount.bind_options if isinstance(mount.bind_options, BindOptions) else BindOptions()
        point.propagation = options.propagation or ""
        point.non_recursive = bool(options.non_recursive)
        point.read_only_non_recursive = bool(options.read_only_non_recursive)
        point.read_only_force_recursive = bool(options.read_only_force_recursive)
    elif kind == "volume":
        point.name = source
        point.anonymous = not source
        wanted = mount.volume_options if isinstance(mount.volume_options, VolumeOptions) else VolumeOptions()
        point.no_copy = bool(wanted.no_copy)
        point.subpath = wanted.subpath or ""
    else:
        tmpfs = mount.tmpfs_options if isinstance(mount.tmpfs_options, TmpfsOptions) else TmpfsOptions()
        point.tmpfs_size_bytes = tmpfs.size_bytes or 0
        point.tmpfs_mode = tmpfs.mode or 0
    return point


def _check_point(mount: Mount, kind: str, source: str, target: str, source_must_exist: bool) -> None:
    if not target:
        raise Invalid("field Target must not be empty")
    if kind not in _TYPES:
        raise Invalid("mount type unknown")
    if posixpath.normpath(target) == "/" or target == "//":
        raise Invalid("invalid specification: destination can't be '/'")
    _check_absolute(target)
    if kind == "bind":
        _check_bind(mount, source, source_must_exist)
    elif kind == "volume":
        if isinstance(mount.bind_options, BindOptions):
            raise Invalid("field BindOptions must not be specified")
        if not source and mount.read_only:
            raise Invalid("must not set ReadOnly mode when using anonymous volumes")
        options = mount.volume_options
        if isinstance(options, VolumeOptions) and options.subpath:
            clean = posixpath.normpath(options.subpath)
            if clean.startswith(("/", "../")) or clean == "..":
                raise Invalid("subpath must be a relative path within the volume")
            if not source:
                raise Invalid("must not set Subpath when using anonymous volumes")
    elif source:
        raise Invalid("field Source must not be specified")


def _check_bind(mount: Mount, source: str, source_must_exist: bool) -> None:
    if not source:
        raise Invalid("field Source must not be empty")
    if isinstance(mount.volume_options, VolumeOptions):
        raise Invalid("field VolumeOptions must not be specified")
    if isinstance(mount.bind_options, BindOptions):
        propagation = mount.bind_options.propagation or ""
        if propagation and propagation not in PROPAGATIONS:
            raise Invalid(f"invalid propagation mode: {propagation}")
    _check_absolute(source)
    if source_must_exist and not os.path.lexists(source):
        raise Invalid(f"bind source path does not exist: {source}")


def _check_absolute(path: str) -> None:
    if not path.startswith("/"):
        raise Invalid(f"invalid mount path: '{path}' mount path must be absolute")


def parse_volumes_from(spec: str) -> tuple[str, str]:
    """`CONTAINER[:MODE]` as (container, mode). Invalid with Docker's text."""
    if not spec:
        raise Invalid("volumes-from specification cannot be an empty string")
    ref, _, mode = spec.partition(":")
    words = mode.split(",") if mode else []
    if not valid_mode(mode) or "nocopy" in words or any(word in PROPAGATIONS for word in words):
        raise Invalid(f"invalid mode: {mode}")
    return ref, mode or "rw"


def read_mounts(host: HostConfig, inherited: Iterable[MountPoint], data: Path) -> list[MountPoint]:
    """All mount points of a container but the image's volumes: what is said last for a path wins over what is
    inherited, saying a path twice is refused (but for `--tmpfs`, which wins over `--mount`). `data` is the agent's
    directory, see `_guard_data`."""
    points = {point.target: point for point in inherited}
    said: set[str] = set()
    tmpfs = host.tmpfs if isinstance(host.tmpfs, dict) else {}
    for raw in host.binds or ():
        point = parse_bind(raw, host.volume_driver)
        if point.target in tmpfs:
            raise Invalid(f"Duplicate mount point: {point.target}")
        _add(points, said, point, data)
    for mount in host.mounts or () if isinstance(host.mounts, list) else ():
        _add(points, said, parse_mount(mount), data)
    for target in tmpfs:
        points.pop(posixpath.normpath(target), None)
    return list(points.values())


def _add(points: dict[str, MountPoint], said: set[str], point: MountPoint, data: Path) -> None:
    if point.target in said:
        raise Invalid(f"Duplicate mount point: {point.target}")
    said.add(point.target)
    if point.type == "bind":
        asked = point.propagation
        point.propagation = _guard_data(point, data) or "rprivate"
        point.guarded = not asked and point.propagation == "rslave"
    points[point.target] = point


def with_own_mounts(points: Sequence[MountPoint], own: Sequence[Mount]) -> list[MountPoint]:
    """`points` and binds of our own directories, which come from a room of this agent and are taken as they are."""
    added = [
        MountPoint(
            type="bind",
            target=posixpath.normpath(mount.target or ""),
            source=mount.source or "",
            rw=not mount.read_only,
            propagation="rprivate",
        )
        for mount in own
    ]
    taken = {point.target for point in added}
    return [point for point in points if point.target not in taken] + added


def _guard_data(point: MountPoint, data: Path) -> str:
    """A bind that shows our own directory must not keep our mounts alive: it follows unmounts (rslave) at least."""
    root = str(data)
    if not (root.startswith(point.source) or point.source.startswith(root)):
        return point.propagation
    if point.propagation in ("", "rslave", "rshared"):
        return point.propagation or "rslave"
    raise Invalid(
        'invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the '
        f'daemon root, daemon root: "{root}", bind mount source: "{point.source}", propagation: "{point.propagation}"'
    )


def sorted_for_mounting(points: Sequence[MountPoint]) -> list[MountPoint]:
    """Parents before what lies in them."""
    return sorted(points, key=lambda point: (point.target.count("/"), point.target))
