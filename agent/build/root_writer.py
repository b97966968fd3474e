"""Writing files into a root file system that nothing runs in, never outside it.

Every directory is found by `openat2` inside the root; the last component is made relative to its directory's fd and is
never followed. Where something else is in the way it is replaced, as Docker's COPY does.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.build.file_tree import FileKind, FileTree, TreeEntry
from agent.host import paths
from wire.errors import Internal, Invalid

__all__ = ["Ownership", "RootWriter"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS_MAX = 255
_PIECE = 8 << 20


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns what is written and with which mode; None keeps the source's."""

    owner: tuple[int, int] | None
    mode: int | None = None


class RootWriter:
    """Writes below one root. Blocking; close it before the root is unmounted."""

    def __init__(self, root: Path) -> None:
        self._root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._times: list[tuple[str, int]] = []
        self._linked: dict[int, str] = {}
        self._kept: tuple[str, int] | None = None

    def close(self) -> None:
        """Set the times of directories made, now that nothing is made in them any more. Safe to repeat."""
        if self._root_fd < 0:
            return
        if self._kept is not None:
            os.close(self._kept[1])
            self._kept = None
        for path, mtime_ns in reversed(self._times):
            with suppress(OSError):
                descriptor = self._open_directory(path)
                try:
                    os.utime(descriptor, ns=(mtime_ns, mtime_ns))
                finally:
                    os.close(descriptor)
        os.close(self._root_fd)
        self._root_fd = -1

    # paths
    def resolve(self, path: str) -> str:
        """Where `path` lies with all links followed inside the root; what does not exist yet is kept as written."""
        done: list[str] = []
        todo = [part for part in reversed(path.split("/")) if part]
        links = 0
        while todo:
            name = todo.pop()
            if name in ("", "."):
                continue
            if name == "..":
                del done[-1:]
                continue
            here = "/".join((*done, name))
            target = self._link_target(here)
            if target is None:
                done.append(name)
                continue
            links += 1
            if links > _LINKS_MAX:
                raise Invalid(f"{path}: too many levels of symbolic links")
            if target.startswith("/"):
                done = []
            todo.extend(reversed(target.split("/")))
        return "/".join(done)

    def _link_target(self, path: str) -> str | None:
        try:
            descriptor = paths.open_in_root(self._root_fd, path, os.O_PATH | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            return os.readlink("", dir_fd=descriptor) if stat.S_ISLNK(os.fstat(descriptor).st_mode) else None
        finally:
            os.close(descriptor)

    def is_directory(self, path: str) -> bool:
        """Whether `path` leads to a directory."""
        try:
            os.close(self._open_directory(path))
        except OSError:
            return False
        return True

    def is_empty(self, path: str) -> bool:
        """Whether `path` is an empty file or an empty directory (not followed)."""
        try:
            descriptor = paths.open_in_root(self._root_fd, path, os.O_PATH | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            facts = os.fstat(descriptor)
            if stat.S_ISDIR(facts.st_mode):
                listing = self._open_directory(path)
                try:
                    return not os.listdir(listing)
                finally:
                    os.close(listing)
            return stat.S_ISREG(facts.st_mode) and facts.st_size == 0
        finally:
            os.close(descriptor)

    def exists(self, path: str) -> bool:
        """Whether something is at `path` (not followed)."""
        try:
            os.close(paths.open_in_root(self._root_fd, path, os.O_PATH | os.O_NOFOLLOW))
        except OSError:
            return False
        return True

    def remove_empty(self, path: str) -> None:
        """Remove an empty file or directory. Safe when absent."""
        parent_path, _, name = path.rpartition("/")
        with suppress(OSError):
            parent = self._open_directory(parent_path)
            try:
                facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
                if stat.S_ISDIR(facts.st_mode):
                    os.rmdir(name, dir_fd=parent)
                else:
                    os.unlink(name, dir_fd=parent)
            finally:
                os.close(parent)

    def ensure_directory(self, path: str, owner: tuple[int, int] | None, mode: int = 0o755) -> None:
        """Make `path`, as resolved, and what is missing above it; only what is made is given to `owner`."""
        parts = path.split("/") if path else []
        for depth in range(1, len(parts) + 1):
            here = "/".join(parts[:depth])
            if self.is_directory(here):
                continue
            parent = self._open_directory("/".join(parts[: depth - 1]))
            try:
                os.mkdir(parts[depth - 1], mode, dir_fd=parent)
                made = os.open(parts[depth - 1], _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
                try:
                    os.fchmod(made, mode)
                    if owner is not None:
                        os.fchown(made, *owner)
                finally:
                    os.close(made)
            except FileExistsError:
                raise NotADirectoryError(errno.ENOTDIR, "not a directory", f"/{here}") from None
            finally:
                os.close(parent)

    def _open_directory(self, path: str) -> int:
        return paths.open_in_root(self._root_fd, path or ".", os.O_RDONLY | os.O_DIRECTORY)

    def _parent(self, path: str) -> int:
        """The directory that the next entry goes into, kept for the one after it, which mostly is its neighbour."""
        if self._kept is not None:
            if self._kept[0] == path:
                return self._kept[1]
            os.close(self._kept[1])
            self._kept = None
        descriptor = self._open_directory(path)
        self._kept = (path, descriptor)
        return descriptor

    # writing
    def put(self, tree: FileTree, entry: TreeEntry, path: str, ownership: Ownership) -> None:
        """Write one entry of `tree` at `path`, whose directory exists. Directories are made or taken as they are."""
        parent_path, _, name = path.rpartition("/")
        parent = self._parent(parent_path)
        if entry.kind is FileKind.DIRECTORY:
            self._directory(parent, name, path, entry, ownership)
            return
        self._make_way(parent, name)
        if entry.inode and entry.inode in self._linked:
            known = paths.open_in_root(self._root_fd, self._linked[entry.inode], os.O_PATH | os.O_NOFOLLOW)
            try:
                os.link(f"/proc/self/fd/{known}", name, dst_dir_fd=parent, follow_symlinks=True)
            finally:
                os.close(known)
            return
        if entry.kind is FileKind.FILE:
            self._file(parent, name, tree, entry, ownership)
        elif entry.kind is FileKind.SYMLINK:
            os.symlink(entry.link, name, dir_fd=parent)
            self._set_times_and_owner(parent, name, entry, ownership)
        else:
            self._special(parent, name, entry)
            self._set_times_and_owner(parent, name, entry, ownership)
        if entry.inode:
            self._linked[entry.inode] = path

    def put_bytes(self, content: bytes, path: str, owner: tuple[int, int], mode: int) -> None:
        """Write a small file at `path`, whose directory exists."""
        parent_path, _, name = path.rpartition("/")
        parent = self._open_directory(parent_path)
        try:
            self._make_way(parent, name)
            descriptor = os.open(name, _CREATE, 0o600, dir_fd=parent)
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fchown(descriptor, *owner)
                os.fchmod(descriptor, mode)
                os.utime(descriptor, ns=(0, 0))
            finally:
                os.close(descriptor)
        finally:
            os.close(parent)

    def _file(self, parent: int, name: str, tree: FileTree, entry: TreeEntry, ownership: Ownership) -> None:
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=parent)
        try:
            with tree.open_file(entry) as (source, offset):
                _copy_bytes(source, offset, descriptor, entry.size)
            os.fchown(descriptor, *(ownership.owner or (entry.uid, entry.gid)))
            if ownership.owner is None:
                for key, value in entry.xattrs.items():
                    with suppress(OSError):
                        os.setxattr(descriptor, key, value)
            os.fchmod(descriptor, _file_mode(entry, ownership))
            os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(descriptor)

    def _directory(self, parent: int, name: str, path: str, entry: TreeEntry, ownership: Ownership) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=parent)
                os.mkdir(name, 0o700, dir_fd=parent)
        descriptor = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            os.fchown(descriptor, *(ownership.owner or (entry.uid, entry.gid)))
            os.fchmod(descriptor, entry.mode if ownership.mode is None else ownership.mode)
        finally:
            os.close(descriptor)
        self._times.append((path, entry.mtime_ns))

    def _special(self, parent: int, name: str, entry: TreeEntry) -> None:
        if stat.S_ISCHR(entry.format) and not entry.device:
            raise Invalid(f"{entry.path}: character device 0:0 is not allowed")
        if entry.format not in (stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK):
            return  # a socket cannot be in a layer; Docker leaves it out
        os.mknod(name, entry.format | 0o600, entry.device, dir_fd=parent)
        os.chmod(f"/proc/self/fd/{parent}/{name}", entry.mode)

    def _set_times_and_owner(self, parent: int, name: str, entry: TreeEntry, ownership: Ownership) -> None:
        with suppress(FileNotFoundError):
            uid, gid = ownership.owner or (entry.uid, entry.gid)
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
            os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)

    def _make_way(self, parent: int, name: str) -> None:
        if not name:
            raise Internal("cannot copy to directory, since its parent is no path")
        try:
            facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(facts.st_mode):
            shutil.rmtree(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)


def _file_mode(entry: TreeEntry, ownership: Ownership) -> int:
    """A file given to somebody loses what made it run as its owner, as `chown(2)` does to it in Docker: setuid, and
    setgid where the group may execute it."""
    if ownership.mode is not None:
        return ownership.mode
    if ownership.owner is None:
        return entry.mode
    return entry.mode & ~(0o6000 if entry.mode & 0o010 else 0o4000)


def _copy_bytes(source: int, offset: int, target: int, count: int) -> None:
    """Copy in the kernel where it can."""
    at = offset
    end = offset + count
    try:
        while at < end:
            copied = os.copy_file_range(source, target, min(end - at, _PIECE * 16), at)
            if not copied:
                raise Internal("a file became shorter while it was copied")
            at += copied
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        while at < end:
            piece = os.pread(source, min(end - at, _PIECE), at)
            if not piece:
                raise Internal("a file became shorter while it was copied") from None
            at += len(piece)
            view = memoryview(piece)
            while view:
                view = view[os.write(target, view) :]
