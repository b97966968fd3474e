"""What the local driver accepts: names, options `type`, `device`, `o`, labels. Docker's checks and texts; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.host import mounts
from wire.errors import Invalid, NotFound

__all__ = ["ANONYMOUS_LABEL", "MountOptions", "check_driver", "check_name", "labels_of", "parse"]

ANONYMOUS_LABEL = "com.docker.volume.anonymous"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_SIZE = re.compile(r"\d+(\.\d+)? ?([bkmgtp]|[kmgtp]i?b)?", re.IGNORECASE)
_KNOWN = ("type", "o", "device", "size")

# Words of `o` that are flags of mount(2), with the bit they set (True) or clear; everything else goes to the file
# system as it is (moby/sys mount flags).
_FLAGS: Mapping[str, tuple[bool, int]] = {
    "async": (False, 0x10),
    "atime": (False, 0x400),
    "bind": (True, mounts.MS_BIND),
    "defaults": (False, 0),
    "dev": (False, mounts.MS_NODEV),
    "diratime": (False, 0x800),
    "dirsync": (True, 0x80),
    "exec": (False, mounts.MS_NOEXEC),
    "mand": (True, 0x40),
    "noatime": (True, 0x400),
    "nodev": (True, mounts.MS_NODEV),
    "nodiratime": (True, 0x800),
    "noexec": (True, mounts.MS_NOEXEC),
    "nomand": (False, 0x40),
    "norelatime": (False, 1 << 21),
    "nostrictatime": (False, 1 << 24),
    "nosuid": (True, mounts.MS_NOSUID),
    "rbind": (True, mounts.MS_BIND | 0x4000),
    "relatime": (True, 1 << 21),
    "ro": (True, mounts.MS_RDONLY),
    "rw": (False, mounts.MS_RDONLY),
    "strictatime": (True, 1 << 24),
    "suid": (False, mounts.MS_NOSUID),
    "sync": (True, 0x10),
}


@dataclass(frozen=True, slots=True)
class MountOptions:
    """A mount to make when the volume is first used: what mount(2) is given."""

    fstype: str
    device: str
    flags: int
    data: str


def check_name(name: str) -> None:
    """Invalid with Docker's text for a name that the local driver does not take."""
    if len(name) == 1:
        raise Invalid(f"create {name}: volume name is too short, names should be at least two alphanumeric characters")
    if not _NAME.fullmatch(name):
        raise Invalid(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )


def check_driver(name: str, driver: str) -> None:
    """NotFound for any driver but `local`."""
    if driver not in ("", "local"):
        raise NotFound(f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found')


def labels_of(labels: Mapping[str, str] | None, *, anonymous: bool) -> dict[str, str]:
    """The labels a new volume has; an anonymous one is marked as such."""
    marked = {ANONYMOUS_LABEL: ""} if anonymous else {}
    return dict(sorted({**(labels or {}), **marked}.items()))


def parse(name: str, options: Mapping[str, str]) -> MountOptions | None:
    """Return the mount that `options` ask for, None when they ask for none. Invalid with Docker's texts."""
    for key in options:
        if key not in _KNOWN:
            raise Invalid(f'create {name}: invalid option: "{key}"')
    if size := options.get("size", ""):
        if not _SIZE.fullmatch(size):
            raise Invalid(f"create {name}: invalid size: '{size}'")
        raise Invalid(f"create {name}: quota size requested but no quota support")
    if not options:
        return None
    for key in ("device", "type"):
        if key not in options:
            raise Invalid(f'create {name}: missing required option: "{key}"')
    flags = 0
    data: list[str] = []
    for word in options.get("o", "").split(","):
        if word in _FLAGS:
            sets, bit = _FLAGS[word]
            flags = flags | bit if sets else flags & ~bit
        elif word:
            data.append(word)
    return MountOptions(fstype=options["type"], device=options["device"], flags=flags, data=",".join(data))
