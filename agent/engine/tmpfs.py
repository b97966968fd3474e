"""Options of tmpfs mounts, from `--tmpfs` text and from `--mount type=tmpfs`."""

from __future__ import annotations

from typing import Final

from agent.engine.record import MountPoint
from wire.errors import Invalid

__all__ = ["tmpfs_options", "tmpfs_point_options"]

_DEFAULTS: Final = ("noexec", "nosuid", "nodev")
_PAIRS: Final = (
    ("exec", "noexec"), ("suid", "nosuid"), ("dev", "nodev"), ("ro", "rw"), ("sync", "async"),
    ("dirsync", "nodirsync"), ("atime", "noatime"), ("diratime", "nodiratime"), ("mand", "nomand"),
    ("relatime", "norelatime"), ("strictatime", "nostrictatime"), ("bind", "nobind"), ("rbind", "norbind"),
)  # fmt: skip
_OPPOSITE: Final = dict(_PAIRS) | {b: a for a, b in _PAIRS}
_WORDS: Final = frozenset(_OPPOSITE) | {
    "defaults", "remount", "shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable",
}  # fmt: skip
_VALUES: Final = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"})


def tmpfs_options(text: str) -> list[str]:
    """Merge a user's comma-separated options over Docker's defaults; what is said last wins. Invalid when unknown."""
    merged: dict[str, str] = {}
    for option in (*_DEFAULTS, "rprivate", *(text.split(",") if text else ())):
        name, equals, _ = option.partition("=")
        if equals:
            if name not in _VALUES:
                raise Invalid(f'invalid tmpfs option "{name}"')
            merged[name] = option
        elif option in _WORDS:
            merged.pop(_OPPOSITE.get(option, ""), None)
            merged[option] = option
        else:
            raise Invalid(f'invalid tmpfs option "{name}"')
    return list(merged.values())


def tmpfs_point_options(point: MountPoint) -> list[str]:
    """Options of a `--mount type=tmpfs`."""
    options = ["noexec", "nosuid", "nodev", "rprivate"]
    if not point.rw:
        options.append("ro")
    if point.tmpfs_mode:
        options.append(f"mode={point.tmpfs_mode:o}")
    if point.tmpfs_size_bytes > 0:
        options.append(f"size={point.tmpfs_size_bytes}")
    return options
