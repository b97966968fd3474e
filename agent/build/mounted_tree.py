"""A mounted root file system as a source of files: an image's, a stage's. Every path is resolved inside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.build.content_hash import header_hash
from agent.build.file_tree import FileKind, OutsideTree, TreeEntry
from agent.host import paths

__all__ = ["MountedTree"]

_PIECE = 1 << 20
_CAPABILITY = "security.capability"
_KINDS = {stat.S_IFREG: FileKind.FILE, stat.S_IFDIR: FileKind.DIRECTORY, stat.S_IFLNK: FileKind.SYMLINK}
_TYPEFLAGS = {
    stat.S_IFREG: "0",
    stat.S_IFLNK: "2",
    stat.S_IFCHR: "3",
    stat.S_IFBLK: "4",
    stat.S_IFDIR: "5",
    stat.S_IFIFO: "6",
}


class MountedTree:
    """Implements `FileTree` over a directory. Close it before the root is unmounted."""

    def __init__(self, root: Path) -> None:
        self._root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._root_path = paths.fd_path(self._root_fd)

    def close(self) -> None:
        """Safe to repeat."""
        if self._root_fd >= 0:
            os.close(self._root_fd)
            self._root_fd = -1

    def stat(self, path: str, *, follow: bool = True) -> TreeEntry | None:
        with self._opened(path, os.O_PATH | (0 if follow else os.O_NOFOLLOW)) as descriptor:
            return None if descriptor is None else self._entry(descriptor)

    def names(self, path: str) -> list[str]:
        with self._opened(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
            return [] if descriptor is None else sorted(os.listdir(descriptor))

    def digest(self, path: str) -> str | None:
        try:
            entry = self.stat(path)
        except OutsideTree:
            return None
        if entry is None:
            return None
        regular = entry.kind is FileKind.FILE
        found = header_hash(
            name=entry.path + ("/" if entry.kind is FileKind.DIRECTORY else ""),
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
            size=entry.size if regular else 0,
            typeflag=_TYPEFLAGS.get(entry.format, "0"),
            linkname=entry.link,
            devmajor=os.major(entry.device),
            devminor=os.minor(entry.device),
            xattrs=entry.xattrs,
        )
        if regular and entry.size:
            with self.open_file(entry) as (descriptor, _):
                while piece := os.read(descriptor, _PIECE):
                    found.update(piece)
        return found.hexdigest()

    @contextmanager
    def open_file(self, entry: TreeEntry) -> Iterator[tuple[int, int]]:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = paths.open_in_root(self._root_fd, entry.path, flags)
        try:
            yield descriptor, 0
        finally:
            os.close(descriptor)

    @contextmanager
    def _opened(self, path: str, flags: int) -> Iterator[int | None]:
        try:
            descriptor = paths.open_in_root(self._root_fd, path or ".", flags)
        except FileNotFoundError:
            yield None
            return
        except OSError:  # ENOTDIR, ELOOP, ENAMETOOLONG
            raise OutsideTree(path) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _entry(self, descriptor: int) -> TreeEntry:
        facts = os.fstat(descriptor)
        form = stat.S_IFMT(facts.st_mode)
        where = paths.fd_path(descriptor).removeprefix(self._root_path).lstrip("/")
        xattrs: dict[str, bytes] = {}
        link = ""
        if form == stat.S_IFLNK:
            link = os.readlink("", dir_fd=descriptor)
        else:
            with suppress(OSError):
                xattrs[_CAPABILITY] = os.getxattr(f"/proc/self/fd/{descriptor}", _CAPABILITY)
        return TreeEntry(
            path=where,
            kind=_KINDS.get(form, FileKind.SPECIAL),
            mode=stat.S_IMODE(facts.st_mode),
            uid=facts.st_uid,
            gid=facts.st_gid,
            size=facts.st_size if form == stat.S_IFREG else 0,
            mtime_ns=facts.st_mtime_ns,
            link=link,
            device=facts.st_rdev if form in (stat.S_IFCHR, stat.S_IFBLK) else 0,
            format=form,
            xattrs=xattrs,
            inode=facts.st_ino if facts.st_nlink > 1 and form != stat.S_IFDIR else 0,
        )
