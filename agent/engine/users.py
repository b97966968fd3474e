"""`--user` and `--group-add` against the passwd and group files of the container's own root.

The files are the image's: they are opened inside the root (no link leads out), only when regular (a FIFO would hang
us), and at most 1 MiB of them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.host.paths import open_in_root, open_root
from wire.errors import Internal, MooringError

__all__ = ["ResolvedUser", "resolve_user"]

_LIMIT_BYTES: Final = 1 << 20
_MAX_ID: Final = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class ResolvedUser:
    """Numeric identity and home directory of a process. `groups` holds the primary group first."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def resolve_user(root: Path, user: str, group_add: Sequence[str] = ()) -> ResolvedUser:
    """Resolve `user` (`name`, `uid`, either with `:group` or `:gid`; "" is root). Internal with Docker's texts."""
    passwd, groups = _read_files(root)
    name, _, group = user.partition(":")
    uid, gid, home, login = _find_user(passwd, name or "0")
    extra: list[int] = []
    if group:
        gid = _find_group(groups, group, f"unable to find group {group}: no matching entries in group file")
    elif login:
        for fields in groups:
            if len(fields) >= 4 and login in fields[3].split(",") and fields[2].isdigit():
                extra.append(int(fields[2]))
    extra += [
        _find_group(groups, item, f"Unable to find group {item}: no matching entries in group file")
        for item in group_add
    ]
    return ResolvedUser(uid, gid, tuple(dict.fromkeys((gid, *extra))), home)


def _read_files(root: Path) -> tuple[list[list[str]], list[list[str]]]:
    try:
        with open_root(root) as root_fd:
            return _read(root_fd, "etc/passwd"), _read(root_fd, "etc/group")
    except OSError:  # a root that has just gone: numbers still resolve
        return [], []


def _read(root_fd: int, path: str) -> list[list[str]]:
    """Lines of a colon-separated file; nothing when it is missing or not to be trusted."""
    try:
        descriptor = open_in_root(root_fd, path, os.O_PATH)
    except OSError:
        return []
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        with open(f"/proc/self/fd/{descriptor}", "rb") as file:
            content = file.read(_LIMIT_BYTES + 1)
    except OSError:
        return []
    finally:
        os.close(descriptor)
    if len(content) > _LIMIT_BYTES:
        return []
    lines = content.decode(errors="replace").splitlines()
    return [line.strip().split(":") for line in lines if line.strip() and not line.startswith("#")]


def _find_user(passwd: list[list[str]], wanted: str) -> tuple[int, int, str, str]:
    """(uid, gid, home, login name or ""). A name wins over a number, as in Docker."""
    number = _number(wanted)
    for fields in passwd:
        if len(fields) < 4 or not (fields[2].isdigit() and fields[3].isdigit()):
            continue
        if fields[0] == wanted or (number is not None and int(fields[2]) == number):
            home = fields[5] if len(fields) > 5 and fields[5] else "/"
            return int(fields[2]), int(fields[3]), home, fields[0]
    if number is None:
        raise Internal(f"unable to find user {wanted}: no matching entries in passwd file")
    return number, 0, "/", ""


def _find_group(groups: list[list[str]], wanted: str, missing: str) -> int:
    number = _number(wanted)
    for fields in groups:
        if len(fields) >= 3 and fields[2].isdigit() and (fields[0] == wanted or int(fields[2]) == number):
            return int(fields[2])
    if number is None:
        raise Internal(missing)
    return number


def _number(text: str) -> int | None:
    if not text.lstrip("-").isdigit():
        return None
    number = int(text)
    if not 0 <= number <= _MAX_ID:
        raise _range_error()
    return number


def _range_error() -> MooringError:
    return Internal(f"uids and gids must be in range 0-{_MAX_ID}")
