"""Mounts, by the new mount API (`fsopen`, `fsconfig`, `fsmount`, `move_mount`; Linux 5.2) and `mount(2)` where it does.

A mount is first made detached, an fd nobody else sees, then attached; killed between the two, the kernel drops it. The
options travel one by one, so neither a comma in a path nor the 4 KiB page limit of `mount(2)` matters.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.host import kernel, syscalls

__all__ = [
    "MS_BIND", "MS_NODEV", "MS_NOEXEC", "MS_NOSUID", "MS_RDONLY", "Mount", "attach", "bind", "clone_tree",
    "ensure_shared_root", "is_mounted", "iter_mounts", "make_filesystem", "mount", "mount_overlay", "set_propagation",
    "unmount", "unmount_below",
]  # fmt: skip

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PROPAGATION: Final = {"unbindable": 1 << 17, "private": 1 << 18, "slave": 1 << 19, "shared": 1 << 20}

# MS_RDONLY to MS_NOEXEC have the same values as the MOUNT_ATTR_* bits of fsmount and mount_setattr (linux/mount.h).
_ATTRIBUTES: Final = 0xF

_FSCONFIG_SET_FLAG: Final = 0
_FSCONFIG_SET_STRING: Final = 1
_FSCONFIG_SET_FD: Final = 5
_FSCONFIG_CMD_CREATE: Final = 6
_FSOPEN_CLOEXEC: Final = 1
_FSMOUNT_CLOEXEC: Final = 1
_OPEN_TREE_CLONE: Final = 1
_OPEN_TREE_CLOEXEC: Final = os.O_CLOEXEC
_AT_RECURSIVE: Final = 0x8000
_AT_EMPTY_PATH: Final = 0x1000
_MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
_MNT_DETACH: Final = 2
_UMOUNT_NOFOLLOW: Final = 8

Parameter = tuple[str, str | int | None]
"""One `fsconfig` parameter: a string value, an open fd, or None for a bare flag."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo, unescaped."""

    id: int
    parent_id: int
    root: str
    mountpoint: str
    options: tuple[str, ...]
    fstype: str
    source: str
    super_options: tuple[str, ...]
    propagation: tuple[str, ...]


def _messages(context: int) -> str:
    """What the file system said about the failure; each read of the context fd yields one message."""
    lines: list[str] = []
    with suppress(OSError):
        while len(lines) < 8:
            lines.append(os.read(context, 4096).decode(errors="replace").strip())
    return "; ".join(lines)


def make_filesystem(fstype: str, parameters: Sequence[Parameter], *, flags: int = 0) -> int:
    """Make a detached mount and return its fd; the caller attaches and closes it.

    The OSError of a refused parameter carries the kernel's own explanation. `flags` are MS_RDONLY, MS_NOSUID,
    MS_NODEV, MS_NOEXEC.
    """
    name = fstype.encode()
    context = syscalls.syscall(syscalls.FSOPEN, "fsopen", fstype, name, _FSOPEN_CLOEXEC)
    step = ""
    try:
        for key, value in parameters:
            step = f"{fstype}: {key}"
            raw = key.encode()
            if value is None:
                _configure(context, step, _FSCONFIG_SET_FLAG, raw, None, 0)
            elif isinstance(value, int):
                _configure(context, step, _FSCONFIG_SET_FD, raw, None, value)
            else:
                _configure(context, step, _FSCONFIG_SET_STRING, raw, os.fsencode(value), 0)
        step = fstype
        _configure(context, step, _FSCONFIG_CMD_CREATE, None, None, 0)
        return syscalls.syscall(syscalls.FSMOUNT, "fsmount", step, context, _FSMOUNT_CLOEXEC, flags & _ATTRIBUTES)
    except OSError as error:
        said = _messages(context)
        raise OSError(error.errno, f"{error.strerror}{f' ({said})' if said else ''}", step) from error
    finally:
        os.close(context)


def _configure(context: int, what: str, command: int, key: bytes | None, value: bytes | None, auxiliary: int) -> None:
    syscalls.syscall(syscalls.FSCONFIG, "fsconfig", what, context, command, key, value, auxiliary)


def clone_tree(source: Path | int, *, recursive: bool = False) -> int:
    """A detached bind of `source` (path, or fd of a file or directory); the caller attaches and closes the fd."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    if isinstance(source, int):
        return syscalls.syscall(syscalls.OPEN_TREE, "open_tree", source, source, b"", flags | _AT_EMPTY_PATH)
    return syscalls.syscall(syscalls.OPEN_TREE, "open_tree", source, -100, os.fsencode(source), flags)


def attach(mount_fd: int, target: Path | int) -> None:
    """Put a detached mount on `target` (path or directory fd)."""
    if isinstance(target, int):
        flags = _MOVE_MOUNT_F_EMPTY_PATH | 0x40  # MOVE_MOUNT_T_EMPTY_PATH
        syscalls.syscall(syscalls.MOVE_MOUNT, "move_mount", target, mount_fd, b"", target, b"", flags)
        return
    name = os.fsencode(target)
    syscalls.syscall(syscalls.MOVE_MOUNT, "move_mount", target, mount_fd, b"", -100, name, _MOVE_MOUNT_F_EMPTY_PATH)


def mount_overlay(
    target: Path, lowers: Sequence[Path], upper: Path, work: Path, *, parameters: Sequence[Parameter] = ()
) -> None:
    """Mount an overlay; `lowers` from the top down.

    Since Linux 6.5 each layer is a parameter of its own (`lowerdir+`). An older kernel gets one `mount(2)` string, see
    `_mount_overlay_by_text`; there some 200 layers fit, more raise OSError with E2BIG.
    """
    if kernel.kernel_version() < (6, 5):
        _mount_overlay_by_text(target, lowers, upper, work, parameters)
        return
    layered: list[Parameter] = [("lowerdir+", str(lower)) for lower in lowers]
    layered += [("upperdir", str(upper)), ("workdir", str(work))]
    made = make_filesystem("overlay", [("source", "overlay"), *layered, *parameters])
    try:
        attach(made, target)
    finally:
        os.close(made)


def _mount_overlay_by_text(
    target: Path, lowers: Sequence[Path], upper: Path, work: Path, parameters: Sequence[Parameter]
) -> None:
    """The whole string must fit into a page, so the layers are named by descriptors, which are short.

    Asking the kernel whether it knows `lowerdir+` does not work: before 6.5 overlay takes any parameter and refuses
    the sum of them with a bare EINVAL.
    """

    def escaped(path: Path) -> str:
        return str(path).replace("\\", "\\\\").replace(",", "\\,")

    with ExitStack() as opened:
        names = []
        for lower in lowers:
            descriptor = os.open(lower, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, descriptor)
            names.append(f"/proc/self/fd/{descriptor}")
        options = [f"lowerdir={':'.join(names)}", f"upperdir={escaped(upper)}", f"workdir={escaped(work)}"]
        options += [key if value is None else f"{key}={value}" for key, value in parameters]
        data = ",".join(options)
        if len(os.fsencode(data)) >= os.sysconf("SC_PAGE_SIZE"):  # the kernel would cut it off and say nothing
            raise OSError(errno.E2BIG, f"mount overlay: {len(lowers)} layers are too many for this kernel", target)
        mount("overlay", target, "overlay", data=data)


def mount(source: str, target: Path | str, fstype: str, *, flags: int = 0, data: str = "") -> None:
    """`mount(2)` as it is, for file systems whose options come as one string from a user."""
    result = syscalls.libc.mount(
        os.fsencode(source), os.fsencode(target), fstype.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    syscalls.check(result, f"mount {fstype}", target)


def bind(source: Path, target: Path, *, recursive: bool = False, read_only: bool = False) -> None:
    """Bind `source` on `target`; read-only needs the second call, so it is made on the detached tree."""
    tree = clone_tree(source, recursive=recursive)
    try:
        if read_only:
            _set_attributes(tree, MS_RDONLY, recursive=recursive)
        attach(tree, target)
    finally:
        os.close(tree)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _set_attributes(mount_fd: int, attributes: int, *, recursive: bool) -> None:
    attr = _MountAttr(attributes, 0, 0, 0)
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    syscalls.syscall(
        syscalls.MOUNT_SETATTR, "mount_setattr", mount_fd, mount_fd, b"", flags, ctypes.byref(attr), ctypes.sizeof(attr)
    )


def set_propagation(target: Path, kind: str, *, recursive: bool = False) -> None:
    """Make a mount `private`, `slave`, `shared` or `unbindable`."""
    mount("none", target, "", flags=MS_PROPAGATION[kind] | (MS_REC if recursive else 0))


def ensure_shared_root() -> bool:
    """Make `/` and what is below it shared, as systemd does at boot; False when it already was. Safe to repeat.

    Binds with `shared` or `rshared` propagation need it (mount_namespaces(7)), and a host whose first process is not
    systemd starts with everything private.
    """
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        root = [line.split() for line in lines if line.split()[4] == "/"]
    if not root or any(word.startswith("shared:") for word in root[-1][6:]):
        return False
    set_propagation(Path("/"), "shared", recursive=True)
    return True


def unmount(target: Path | str, *, detach: bool = True) -> bool:
    """Unmount the top mount at `target`; False when nothing is mounted there. Never follows a final link."""
    flags = _UMOUNT_NOFOLLOW | (_MNT_DETACH if detach else 0)
    result = syscalls.libc.umount2(os.fsencode(target), flags)
    number = ctypes.get_errno() if result < 0 else 0
    if number in (errno.EINVAL, errno.ENOENT):  # EINVAL: not a mount point
        return False
    if number == errno.EPERM and not is_mounted(Path(target)):  # the kernel asks for rights before it looks
        return False
    ctypes.set_errno(number)
    syscalls.check(result, "umount2", target)
    return True


def unmount_below(directory: Path) -> list[str]:
    """Unmount everything at or below `directory`, deepest first; returns what it unmounted. Safe to repeat."""
    prefix = f"{directory}/"
    found = [m.mountpoint for m in iter_mounts() if m.mountpoint == str(directory) or m.mountpoint.startswith(prefix)]
    return [point for point in reversed(found) if unmount(point)]


def is_mounted(path: Path) -> bool:
    """Whether `path` is itself a mount point (bind mounts of the same file system included)."""
    wanted = str(path)
    return any(entry.mountpoint == wanted for entry in iter_mounts())


def _unescape(word: str) -> str:
    if "\\" not in word:
        return word
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, character)
    return word


def iter_mounts(pid: int | str = "self") -> Iterator[Mount]:
    """Mounts of a process's namespace in mount order, from mountinfo (proc(5))."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            left, _, right = line.rstrip("\n").partition(" - ")
            number, parent, _, root, point, options, *optional = left.split(" ")
            fstype, source, *rest = right.split(" ")
            yield Mount(
                int(number),
                int(parent),
                _unescape(root),
                _unescape(point),
                tuple(options.split(",")),
                fstype,
                _unescape(source),
                tuple((rest[0] if rest else "").split(",")),
                tuple(optional),
            )
