"""Who `--chown=USER[:GROUP]` means in a root file system: numbers as they are, names by its passwd and group files."""

from __future__ import annotations

import os

from agent.build.file_tree import FileKind, FileTree, OutsideTree
from wire.errors import Invalid

__all__ = ["resolve_owner"]

_LIMIT_BYTES = 1 << 20
_PREFIX = "unable to convert uid/gid chown string to host mapping: "


def resolve_owner(text: str, root: FileTree) -> tuple[int, int]:
    """Return (uid, gid); a user without a group means the group of that name. Blocking. Raises Invalid."""
    user, colon, group = text.partition(":")
    if ":" in group or (colon and not group):
        raise Invalid(f"{_PREFIX}invalid chown string format: {text}")
    group = group or user
    uid = _number(user, root, "etc/passwd")
    if uid is None:
        raise Invalid(f"{_PREFIX}can't find uid for user {user}: no such user: {user}")
    gid = _number(group, root, "etc/group")
    if gid is None:
        raise Invalid(f"{_PREFIX}can't find gid for group {group}: no such group: {group}")
    return uid, gid


def _number(name: str, root: FileTree, path: str) -> int | None:
    if name.isdecimal():
        return int(name)
    for line in _read(root, path).splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[0] == name and fields[2].isdecimal():
            return int(fields[2])
    return None


def _read(root: FileTree, path: str) -> str:
    try:
        entry = root.stat(path)
    except OutsideTree:
        return ""
    if entry is None or entry.kind is not FileKind.FILE:
        return ""
    with root.open_file(entry) as (descriptor, offset):
        return os.pread(descriptor, min(entry.size, _LIMIT_BYTES), offset).decode(errors="replace")
