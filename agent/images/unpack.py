"""Writing a tar into a directory that the tar's author may not leave.

Every object is made relative to the fd of its parent directory, and every parent is found by `openat2` with
RESOLVE_IN_ROOT: links planted by earlier entries, or swapped in by a running container meanwhile, resolve inside the
root, in the kernel, in the same call that opens. The last component is never followed. Entry names are cleaned as
text first, as Docker does, and refused when they climb out.

The same code unpacks image layers (with OCI whiteouts turned into overlayfs's) and archives put into containers.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from agent.host import failpoints, paths
from agent.images import tar_reader
from agent.images.limits import DEFAULT_LIMITS, Limits
from agent.images.tar_reader import TarEntry, TarReader
from agent.images.trees import remove_tree
from wire.errors import Invalid

__all__ = ["Unpacked", "clean_name", "unpack_archive", "unpack_layer"]

OPAQUE_XATTR: Final = "trusted.overlay.opaque"
ORIGIN_XATTR: Final = "trusted.overlay.origin"
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_RESERVED: Final = ".wh..wh."
_DIRECTORY_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PARENTS_KEPT: Final = 64
# Never taken from an archive: they steer the overlay itself. A user.overlay.* does so on userxattr mounts.
_DROPPED_XATTRS: Final = ("trusted.overlay.", "user.overlay.")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a layer came to. `size_bytes` counts files once however many names they have, and link texts, as Docker
    does; `opaque_root` says that nothing below this layer is seen."""

    size_bytes: int
    entries: int
    opaque_root: bool = False


def unpack_layer(chunks: Iterable[bytes], root_fd: int, limits: Limits = DEFAULT_LIMITS) -> Unpacked:
    """Unpack an uncompressed layer tar into the empty directory `root_fd`; whiteouts become overlayfs whiteouts.

    Blocking. On an error what was written stays for the caller to delete. Raises Invalid or Exhausted for the
    archive's faults, OSError for the disk's.
    """
    return _Unpacker(root_fd, limits, whiteouts=True).run(TarReader(chunks, limits))


def unpack_archive(
    chunks: Iterable[bytes],
    root_fd: int,
    prefix: str = "",
    *,
    no_overwrite_dir_non_dir: bool = False,
    owner: tuple[int, int] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Unpacked:
    """Unpack a plain tar below `prefix` inside `root_fd` over what is there; whiteout names are ordinary names.

    `owner` replaces every entry's owner. `no_overwrite_dir_non_dir` refuses to replace a directory by something else
    or the other way round. Blocking.
    """
    unpacker = _Unpacker(root_fd, limits, prefix=clean_name(prefix), keep_kinds=no_overwrite_dir_non_dir, owner=owner)
    return unpacker.run(TarReader(chunks, limits))


def clean_name(name: str) -> str:
    """`name` without `.`, `..` and doubled slashes, relative; "" is the root. Invalid when it climbs out."""
    rooted = name.startswith("/")
    parts: list[str] = []
    for part in name.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if parts:
                parts.pop()
            elif not rooted:
                raise Invalid(f'"{name}" is outside of the root')
            continue
        parts.append(part)
    return "/".join(parts)


class _Unpacker:
    def __init__(
        self,
        root_fd: int,
        limits: Limits,
        *,
        prefix: str = "",
        whiteouts: bool = False,
        keep_kinds: bool = False,
        owner: tuple[int, int] | None = None,
    ) -> None:
        self._root = root_fd
        self._limits = limits
        self._prefix = prefix
        self._whiteouts = whiteouts
        self._keep_kinds = keep_kinds
        self._owner = owner
        self._parents: OrderedDict[str, int] = OrderedDict()
        self._directories: list[tuple[str, int]] = []
        self._origins: set[str] = set()
        self._size = self._count = 0
        self._opaque_root = False
        # Reading the mask means setting it; it belongs to the whole process, so it is only looked at in /proc.
        self._umask = _umask()

    def run(self, reader: TarReader) -> Unpacked:
        entry: TarEntry | None = None
        try:
            for entry in reader:
                if self._count == 1:
                    failpoints.hit("images.mid_extract")
                self._count += 1
                self._one(entry, reader)
            entry = None
            self._finish_directories()
        except OSError as error:
            if entry is None or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE):
                raise
            raise Invalid(f"failed to unpack {entry.name!r}: {error.strerror}") from error
        finally:
            self._forget_parents()
        return Unpacked(self._size, self._count, self._opaque_root)

    def _one(self, entry: TarEntry, reader: TarReader) -> None:
        path = clean_name(entry.name)
        if self._prefix:
            path = f"{self._prefix}/{path}" if path else self._prefix
        parent_path, _, name = path.rpartition("/")
        if self._whiteouts and name.startswith(_WHITEOUT):
            self._whiteout(parent_path, name)
            return
        if path == self._prefix:  # "./": the directory we unpack into
            if entry.kind == tar_reader.DIRECTORY:
                descriptor = paths.open_in_root(self._root, path or ".", os.O_RDONLY | os.O_DIRECTORY)
                try:
                    self._set_attributes(descriptor, entry, created_mode=-1)
                finally:
                    os.close(descriptor)
                self._directories.append((path, entry.mtime_ns))
            elif entry.kind != tar_reader.REGULAR or entry.size_bytes:
                raise Invalid(f"{entry.name!r}: the root can only be a directory")
            return
        parent = self._parent(parent_path)
        kind = entry.kind
        if kind == tar_reader.REGULAR:
            self._file(parent, name, entry, reader)
        elif kind == tar_reader.DIRECTORY:
            self._directory(parent, name, path, entry)
        elif kind == tar_reader.SYMLINK:
            self._make(parent, name, lambda: os.symlink(entry.link, name, dir_fd=parent))
            self._size += len(os.fsencode(entry.link))
            self._set_attributes_by_name(parent, name, entry)
        elif kind == tar_reader.HARDLINK:
            self._hardlink(parent, name, entry)
        else:
            self._special(parent, name, entry)

    # parents
    def _parent(self, path: str) -> int:
        """The fd of directory `path`, made with Docker's mode 0755 where the archive left it out. Kept by us."""
        if not path:
            return self._root
        known = self._parents.get(path)
        if known is not None:
            self._parents.move_to_end(path)
            return known
        try:
            descriptor = paths.open_in_root(self._root, path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            self._make_parents(path)
            descriptor = paths.open_in_root(self._root, path, os.O_RDONLY | os.O_DIRECTORY)
        self._parents[path] = descriptor
        if len(self._parents) > _PARENTS_KEPT:
            os.close(self._parents.popitem(last=False)[1])
        return descriptor

    def _make_parents(self, path: str) -> None:
        parts = path.split("/")
        parent = os.dup(self._root)
        try:
            for depth, name in enumerate(parts, 1):
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=parent)
                    with _opened(parent, name) as made:
                        os.fchmod(made, 0o755)
                        if self._owner:
                            os.fchown(made, *self._owner)
                below = paths.open_in_root(self._root, "/".join(parts[:depth]), os.O_RDONLY | os.O_DIRECTORY)
                os.close(parent)
                parent = below
        finally:
            os.close(parent)

    def _forget_parents(self) -> None:
        while self._parents:
            os.close(self._parents.popitem()[1])

    # kinds
    def _file(self, parent: int, name: str, entry: TarEntry, reader: TarReader) -> None:
        mode = entry.mode & 0o777
        try:
            descriptor = os.open(name, _FILE_FLAGS, mode, dir_fd=parent)
        except FileExistsError:
            self._clear(parent, name, entry)
            descriptor = os.open(name, _FILE_FLAGS, mode, dir_fd=parent)
        try:
            if entry.extents is None:
                for piece in reader.data():
                    while piece:
                        piece = piece[os.write(descriptor, piece) :]
            else:
                self._sparse(descriptor, entry, reader)
            self._size += entry.size_bytes
            self._set_attributes(descriptor, entry, created_mode=mode & ~self._umask)
            os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(descriptor)

    def _sparse(self, descriptor: int, entry: TarEntry, reader: TarReader) -> None:
        assert entry.extents is not None
        data = reader.data()
        piece = memoryview(b"")
        for offset, length in entry.extents:
            while length:
                if not piece:
                    piece = next(data)
                written = os.pwrite(descriptor, piece[:length], offset)
                piece = piece[written:]
                offset += written
                length -= written
        os.ftruncate(descriptor, entry.size_bytes)

    def _directory(self, parent: int, name: str, path: str, entry: TarEntry) -> None:
        was_whiteout = False
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(facts.st_mode):
                if self._keep_kinds:
                    path = "/" + entry.name.strip("/")
                    raise Invalid(f'cannot overwrite non-directory "{path}" with directory "/"') from None
                was_whiteout = self._whiteouts and stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0
                self._clear(parent, name, entry)
                os.mkdir(name, 0o700, dir_fd=parent)
        with _opened(parent, name) as descriptor:
            self._set_attributes(descriptor, entry, created_mode=-1)
            if was_whiteout:  # hidden below and made anew: what is below stays hidden
                os.setxattr(descriptor, OPAQUE_XATTR, b"y")
        self._directories.append((path, entry.mtime_ns))

    def _hardlink(self, parent: int, name: str, entry: TarEntry) -> None:
        target = clean_name(entry.link)
        if self._prefix:
            target = f"{self._prefix}/{target}"
        above, _, last = target.rpartition("/")
        if not last:
            raise Invalid(f'invalid hardlink "{entry.name}" -> "{entry.link}"')
        source = -1
        try:
            # Not by _parent: the target must exist, and the cache must not let go of `parent` meanwhile.
            source = paths.open_in_root(self._root, above or ".", os.O_PATH | os.O_DIRECTORY)
            facts = os.stat(last, dir_fd=source, follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode) or (stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0):
                raise Invalid(f'invalid hardlink "{entry.name}" -> "{entry.link}"')
            with suppress(FileNotFoundError):
                there = os.stat(name, dir_fd=parent, follow_symlinks=False)
                if (there.st_dev, there.st_ino) == (facts.st_dev, facts.st_ino):
                    return
            self._make(
                parent,
                name,
                lambda: os.link(last, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False),
                entry,
            )
        except FileNotFoundError:
            raise Invalid(f'invalid hardlink "{entry.name}" -> "{entry.link}": no such file') from None
        finally:
            if source >= 0:
                os.close(source)

    def _special(self, parent: int, name: str, entry: TarEntry) -> None:
        if entry.kind == tar_reader.FIFO:
            self._make(parent, name, lambda: os.mkfifo(name, 0o600, dir_fd=parent), entry)
        else:
            if entry.kind == tar_reader.CHAR and not entry.major and not entry.minor:
                # On an overlay lower this is a whiteout: an archive must say so with a .wh. name or not at all.
                raise Invalid(f"{entry.name!r}: character device 0:0 is not allowed")
            form = stat.S_IFCHR if entry.kind == tar_reader.CHAR else stat.S_IFBLK
            device = os.makedev(entry.major, entry.minor)
            self._make(parent, name, lambda: os.mknod(name, form | 0o600, device, dir_fd=parent), entry)
        self._set_attributes_by_name(parent, name, entry)

    def _whiteout(self, parent_path: str, name: str) -> None:
        if name == _OPAQUE:
            parent = self._parent(parent_path)
            if not parent_path:
                self._opaque_root = True
            os.setxattr(parent, OPAQUE_XATTR, b"y")
            return
        if name.startswith(_RESERVED):  # aufs's own bookkeeping (.wh..wh.plnk, .wh..wh.aufs)
            return
        hidden = name.removeprefix(_WHITEOUT)
        if hidden in ("", ".", ".."):
            raise Invalid(f"{name!r}: invalid whiteout")
        parent = self._parent(parent_path)
        try:
            os.mknod(hidden, stat.S_IFCHR, os.makedev(0, 0), dir_fd=parent)
        except FileExistsError:
            # A whiteout speaks of the layers below: what this layer has stays, a directory without what is below it.
            facts = os.stat(hidden, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode):
                with _opened(parent, hidden) as descriptor:
                    os.setxattr(descriptor, OPAQUE_XATTR, b"y")
            return
        if parent_path not in self._origins:
            # Without it overlayfs lists the whiteout of a directory that it need not merge (absent or hidden below).
            self._origins.add(parent_path)
            if parent_path:
                os.setxattr(parent, ORIGIN_XATTR, b"")

    # making way
    def _make(self, parent: int, name: str, make: Callable[[], object], entry: TarEntry | None = None) -> None:
        try:
            make()
        except FileExistsError:
            self._clear(parent, name, entry)
            make()

    def _clear(self, parent: int, name: str, entry: TarEntry | None) -> None:
        """Remove what is in the way of an entry, whole trees included; what is beyond a link stays."""
        facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(facts.st_mode):
            if self._keep_kinds:
                raise Invalid(f'cannot overwrite directory "{entry.name if entry else name}" with non-directory')
            # Cached parents may lie in the tree that goes. The one in use is above it, so it is taken out first.
            self._forget_parents_but(parent)
            remove_tree(name, dir_fd=parent)
        else:
            if stat.S_ISLNK(facts.st_mode):
                self._forget_parents_but(parent)
            if facts.st_nlink == 1 and not stat.S_ISCHR(facts.st_mode):
                self._size -= facts.st_size if stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode) else 0
            os.unlink(name, dir_fd=parent)

    def _forget_parents_but(self, used: int) -> None:
        kept = {path: descriptor for path, descriptor in self._parents.items() if descriptor == used}
        for descriptor in self._parents.values():
            if descriptor != used:
                os.close(descriptor)
        self._parents = OrderedDict(kept)

    # attributes
    def _set_attributes(self, descriptor: int, entry: TarEntry, *, created_mode: int) -> None:
        """Owner, then xattrs (chown drops capabilities), then mode (chown drops setuid). Times are the caller's."""
        uid, gid = self._owner or (entry.uid, entry.gid)
        os.fchown(descriptor, uid, gid)
        if entry.xattrs:
            _set_xattrs(descriptor, entry, True)
        if entry.mode != created_mode:
            os.fchmod(descriptor, entry.mode)

    def _set_attributes_by_name(self, parent: int, name: str, entry: TarEntry) -> None:
        """For what must not be opened. The name is one component, so /proc/self/fd leads only into `parent`."""
        uid, gid = self._owner or (entry.uid, entry.gid)
        os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        if entry.xattrs:
            _set_xattrs(f"/proc/self/fd/{parent}/{name}", entry, False)
        if entry.kind != tar_reader.SYMLINK:
            # Safe without O_NOFOLLOW semantics only because nobody else writes here; in a live container a swapped
            # link would be followed, so the mode goes through an O_PATH fd of the object itself.
            handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                if not stat.S_ISLNK(os.fstat(handle).st_mode):
                    os.chmod(f"/proc/self/fd/{handle}", entry.mode)
            finally:
                os.close(handle)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)

    def _finish_directories(self) -> None:
        """Times of directories, once nothing is made in them any more."""
        for path, mtime_ns in self._directories:
            parent_path, _, name = path.rpartition("/")
            try:
                if not name:
                    # By its /proc name: the root may be an O_PATH descriptor, which futimens(2) refuses.
                    os.utime(f"/proc/self/fd/{self._root}", ns=(mtime_ns, mtime_ns))
                    continue
                with _opened(self._parent(parent_path), name) as descriptor:
                    os.utime(descriptor, ns=(mtime_ns, mtime_ns))
            except OSError as error:
                # A later entry took its place, or put a link there.
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    raise


def _set_xattrs(target: int | str, entry: TarEntry, follow: bool) -> None:
    for name, value in (entry.xattrs or {}).items():
        if name.startswith(_DROPPED_XATTRS):
            continue
        try:
            if follow:
                os.setxattr(target, name, value)
            else:
                os.setxattr(target, name, value, follow_symlinks=False)
        except OSError as error:
            # As Docker: what this file system or kind of file cannot hold is left out.
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise


class _opened:
    """`with _opened(parent, name) as fd`: a directory that is exactly here, not behind a link."""

    def __init__(self, parent: int, name: str) -> None:
        self._descriptor = os.open(name, _DIRECTORY_FLAGS, dir_fd=parent)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _umask() -> int:
    with open("/proc/thread-self/status", encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o777
