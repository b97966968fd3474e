"""Copy a directory tree of an image into a new volume: owners, modes, times, extended attributes, links and devices.

The source is opened inside the root file system by `openat2`, and every step below it goes by directory fd without
following links, so nothing an image contains can point the copy elsewhere. Runs in a thread.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from agent.host import paths

__all__ = ["copy_tree", "is_empty"]

_CHUNK = 1 << 20


def is_empty(directory: Path) -> bool:
    """Whether a directory has no entries."""
    with os.scandir(directory) as entries:
        return next(entries, None) is None


def copy_tree(rootfs: Path, path: str, target: Path) -> bool:
    """Copy what is at `path` inside `rootfs` into the directory `target`, attributes of the top included.

    Returns False, and does nothing, when there is no directory at `path`. OSError leaves a partial copy.
    """
    with paths.open_root(rootfs) as root:
        try:
            source = paths.open_in_root(root, path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return False
            raise
    sink = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _Copy(sink).directory(source, sink, "")
    finally:
        os.close(sink)
        os.close(source)
    return True


class _Copy:
    """One copy; remembers where the first name of a hard-linked file went."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._linked: dict[tuple[int, int], str] = {}

    def directory(self, source: int, sink: int, where: str) -> None:
        with os.scandir(source) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            self._entry(source, sink, name, f"{where}{name}")
        _attributes(source, sink)

    def _entry(self, source: int, sink: int, name: str, where: str) -> None:
        facts = os.stat(name, dir_fd=source, follow_symlinks=False)
        if not stat.S_ISDIR(facts.st_mode) and facts.st_nlink > 1:
            known = self._linked.setdefault((facts.st_dev, facts.st_ino), where)
            if known != where:
                os.link(known, name, src_dir_fd=self._top, dst_dir_fd=sink, follow_symlinks=False)
                return
        if stat.S_ISDIR(facts.st_mode):
            os.mkdir(name, 0o700, dir_fd=sink)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(name, flags, dir_fd=source)
            try:
                outer = os.open(name, flags, dir_fd=sink)
                try:
                    self.directory(inner, outer, f"{where}/")
                finally:
                    os.close(outer)
            finally:
                os.close(inner)
        elif stat.S_ISREG(facts.st_mode):
            _file(source, sink, name)
        elif stat.S_ISLNK(facts.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=sink)
            os.chown(name, facts.st_uid, facts.st_gid, dir_fd=sink, follow_symlinks=False)
            os.utime(name, ns=(facts.st_atime_ns, facts.st_mtime_ns), dir_fd=sink, follow_symlinks=False)
        elif not stat.S_ISSOCK(facts.st_mode):
            os.mknod(name, facts.st_mode, facts.st_rdev, dir_fd=sink)
            os.chown(name, facts.st_uid, facts.st_gid, dir_fd=sink, follow_symlinks=False)
            os.chmod(name, stat.S_IMODE(facts.st_mode), dir_fd=sink)
            os.utime(name, ns=(facts.st_atime_ns, facts.st_mtime_ns), dir_fd=sink, follow_symlinks=False)


def _file(source: int, sink: int, name: str) -> None:
    inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
    try:
        outer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=sink)
        try:
            while os.sendfile(outer, inner, None, _CHUNK):
                pass
            _attributes(inner, outer)
        finally:
            os.close(outer)
    finally:
        os.close(inner)


def _attributes(source: int, sink: int) -> None:
    """Owner first: changing it clears set-id bits and file capabilities."""
    facts = os.fstat(source)
    os.fchown(sink, facts.st_uid, facts.st_gid)
    os.fchmod(sink, stat.S_IMODE(facts.st_mode))
    for key in os.listxattr(source):
        if key.startswith("trusted.overlay."):
            continue
        try:
            os.setxattr(sink, key, os.getxattr(source, key))
        except OSError as error:  # tmpfs and network file systems do not keep every kind
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EINVAL):
                raise
    os.utime(sink, ns=(facts.st_atime_ns, facts.st_mtime_ns))
