"""Writing tar: ustar headers, PAX records where ustar cannot say it, and trees walked by directory fd.

What comes out is what Docker's archives look like: names in lexical order, whole seconds, hard links by inode,
`security.capability` and `user.*` attributes, sockets left out. A layer tar turns overlayfs's whiteouts into OCI's.
Two walks of an unchanged tree give the same bytes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Container, Iterator, Mapping
from typing import Final

from agent.images import tar_reader
from agent.images.tar_reader import TarEntry
from agent.images.unpack import OPAQUE_XATTR

__all__ = ["END_OF_ARCHIVE", "entry_of", "file_header", "header", "tar_one", "tar_tree"]

END_OF_ARCHIVE: Final = bytes(1024)
_BLOCK: Final = 512
_READ: Final = 1 << 20
_GATHER: Final = 256 << 10  # small pieces are joined up to this before they are handed on
_OCTAL_7: Final = 0o7777777
_OCTAL_11: Final = 0o77777777777
_NOFOLLOW: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OPEN_FRAMES: Final = 64
_CAPABILITY: Final = "security.capability"


def header(entry: TarEntry) -> bytes:
    """Header blocks of one entry, its PAX header included when it needs one."""
    name = os.fsencode(entry.name)
    link = os.fsencode(entry.link)
    pax: dict[bytes, bytes] = {}
    short, prefix = _split(name)
    if short is None:
        pax[b"path"] = name
        short, prefix = name[:100], b""
    if len(link) > 100 or not link.isascii():
        pax[b"linkpath"] = link
    if entry.size_bytes > _OCTAL_11:
        pax[b"size"] = b"%d" % entry.size_bytes
    for key, value in ((b"uid", entry.uid), (b"gid", entry.gid)):
        if value > _OCTAL_7:
            pax[key] = b"%d" % value
    seconds = entry.mtime_ns // 1_000_000_000
    if not 0 <= seconds <= _OCTAL_11:
        pax[b"mtime"] = b"%d" % seconds
        seconds = 0
    for key_text, data in (entry.xattrs or {}).items():
        pax[b"SCHILY.xattr." + os.fsencode(key_text)] = data
    block = _block(
        short, entry.kind, entry.mode, entry.uid, entry.gid, entry.size_bytes, seconds, link[:100], entry.major,
        entry.minor, prefix,
    )  # fmt: skip
    if not pax:
        return block
    body = b"".join(_record(key, pax[key]) for key in sorted(pax))
    above, _, last = os.fsdecode(name).rstrip("/").rpartition("/")
    pax_name = os.fsencode(f"{above}/PaxHeaders.0/{last}" if above else f"PaxHeaders.0/{last}")[:100]
    outer = _block(pax_name, b"x", 0, 0, 0, len(body), 0, b"", 0, 0, b"")
    return outer + body + bytes(-len(body) % _BLOCK) + block


def file_header(name: str, size_bytes: int, *, mode: int = 0o644, mtime_ns: int = 0) -> bytes:
    """Header of a plain file of root's."""
    return header(TarEntry(name, tar_reader.REGULAR, mode=mode, size_bytes=size_bytes, mtime_ns=mtime_ns))


def _split(name: bytes) -> tuple[bytes | None, bytes]:
    """ustar's name and prefix fields, or (None, b"") when it does not fit."""
    if not name.isascii():
        return None, b""
    if len(name) <= 100:
        return name, b""
    if len(name) > 256:
        return None, b""
    cut = name.rfind(b"/", 0, min(156, len(name) - 1))
    if cut <= 0 or len(name) - cut - 1 > 100:
        return None, b""
    return name[cut + 1 :], name[:cut]


def _record(key: bytes, value: bytes) -> bytes:
    rest = len(key) + len(value) + 3
    size = rest + len(str(rest))
    if len(str(size)) > len(str(rest)):
        size += 1
    return b"%d %s=%s\n" % (size, key, value)


def _block(
    name: bytes,
    kind: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    link: bytes,
    major: int,
    minor: int,
    prefix: bytes,
) -> bytes:
    head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(100, b"\0"),
        mode,
        uid if uid <= _OCTAL_7 else 0,
        gid if gid <= _OCTAL_7 else 0,
        size if size <= _OCTAL_11 else 0,
        mtime,
    )
    tail = b"%b%bustar\x0000%b%07o\0%07o\0%b" % (
        kind, link.ljust(100, b"\0"), bytes(64), major, minor, prefix.ljust(167, b"\0"),
    )  # fmt: skip
    return b"%b%06o\0 %b" % (head, sum(head) + sum(tail) + 256, tail)


def entry_of(name: str, facts: os.stat_result) -> TarEntry | None:
    """A header for what `lstat` says, without link text and attributes; None for a socket, which tar cannot hold."""
    form = stat.S_IFMT(facts.st_mode)
    kind = _KINDS.get(form)
    if kind is None:
        return None
    entry = TarEntry(
        f"{name}/" if kind == tar_reader.DIRECTORY and not name.endswith("/") else name,
        kind,
        mode=stat.S_IMODE(facts.st_mode),
        uid=facts.st_uid,
        gid=facts.st_gid,
        size_bytes=facts.st_size if kind == tar_reader.REGULAR else 0,
        mtime_ns=facts.st_mtime_ns,
    )
    if kind in (tar_reader.CHAR, tar_reader.BLOCK):
        entry.major, entry.minor = os.major(facts.st_rdev), os.minor(facts.st_rdev)
    return entry


_KINDS: Final[Mapping[int, bytes]] = {
    stat.S_IFREG: tar_reader.REGULAR,
    stat.S_IFDIR: tar_reader.DIRECTORY,
    stat.S_IFLNK: tar_reader.SYMLINK,
    stat.S_IFCHR: tar_reader.CHAR,
    stat.S_IFBLK: tar_reader.BLOCK,
    stat.S_IFIFO: tar_reader.FIFO,
}


def tar_tree(
    root_fd: int, *, prefix: str = "", layer: bool = False, end: bool = True, hollow: Container[str] = ()
) -> Iterator[bytes]:
    """Tar of everything in directory `root_fd`, pieces of any size. Blocking. Directories directly in it that `hollow`
    names are given without what is in them.

    `prefix` goes before every name and, when given, the directory itself comes first. With `layer`, whiteouts and
    opaque marks of overlayfs become `.wh.` entries. What vanishes or changes kind meanwhile is left out; a file that
    shrinks is filled with zeros and one that grows is cut, so that the archive stays whole.
    """
    walker = _Walker(layer, hollow)
    yield from _gather(walker.tree(root_fd, prefix), end)


def tar_one(parent_fd: int, name: str, shown: str) -> Iterator[bytes]:
    """Tar of the one object `name` in directory `parent_fd`, not a directory, under the name `shown`. Blocking."""
    yield from _gather(_Walker(layer=False).one(parent_fd, name, shown), end=True)


def _gather(pieces: Iterator[bytes], end: bool) -> Iterator[bytes]:
    pending: list[bytes] = []
    size = 0
    for piece in pieces:
        pending.append(piece)
        size += len(piece)
        if size >= _GATHER:
            yield b"".join(pending)
            pending, size = [], 0
    if end:
        pending.append(END_OF_ARCHIVE)
    if pending:
        yield b"".join(pending)


class _Frame:
    """A directory that is being walked; takes over the fd. Closed meanwhile, it is opened again through its child's
    `..` and must then be the same directory."""

    __slots__ = ("_identity", "before", "descriptor", "names")

    def __init__(self, descriptor: int, before: str) -> None:
        self.descriptor = descriptor
        self.before = before
        self.names = iter(_names(descriptor))
        facts = os.fstat(descriptor)
        self._identity = (facts.st_dev, facts.st_ino)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def reopen(self, child: int) -> None:
        if self.descriptor >= 0:
            return
        self.descriptor = os.open("..", _NOFOLLOW | os.O_DIRECTORY, dir_fd=child)
        facts = os.fstat(self.descriptor)
        if (facts.st_dev, facts.st_ino) != self._identity:
            self.names = iter(())  # moved away under our feet: the rest of it is somewhere else now


class _Walker:
    def __init__(self, layer: bool, hollow: Container[str] = ()) -> None:
        self._layer = layer
        self._hollow = hollow
        self._linked: dict[tuple[int, int], str] = {}

    def tree(self, directory: int, prefix: str) -> Iterator[bytes]:
        """The directory's content, with the directory itself before it when there is a prefix to call it by."""
        if prefix:
            entry = entry_of(prefix, os.fstat(directory))
            assert entry is not None
            entry.xattrs = _xattrs(directory)
            yield header(entry)
        yield from self._walk(directory, f"{prefix.rstrip('/')}/" if prefix else "")

    def one(self, parent: int, name: str, shown: str) -> Iterator[bytes]:
        yield from self._one(parent, "", name, [], shown)

    def _walk(self, directory: int, prefix: str) -> Iterator[bytes]:
        # A stack and not recursion, and few of its directories open: a tree may be deeper than the interpreter's limit
        # and than the number of files we may have open.
        stack = [_Frame(os.dup(directory), prefix)]
        try:
            while stack:
                frame = stack[-1]
                name = next(frame.names, None)
                if name is not None:
                    yield from self._one(frame.descriptor, frame.before, name, stack)
                    if len(stack) > _OPEN_FRAMES and stack[-1] is not frame:
                        frame.close()
                    continue
                stack.pop()
                if stack:
                    stack[-1].reopen(frame.descriptor)
                frame.close()
        finally:
            for frame in stack:
                frame.close()

    def _one(self, parent: int, before: str, name: str, stack: list[_Frame], shown: str = "") -> Iterator[bytes]:
        try:
            facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        full = shown or before + name
        if self._layer and stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0:
            hidden = TarEntry(f"{before}.wh.{name}", tar_reader.REGULAR, mode=0o600, mtime_ns=facts.st_mtime_ns)
            yield header(hidden)
            return
        entry = entry_of(full, facts)
        if entry is None:
            return
        if facts.st_nlink > 1 and entry.kind != tar_reader.DIRECTORY:
            known = self._linked.setdefault((facts.st_dev, facts.st_ino), full)
            if known != full:
                entry.kind, entry.link, entry.size_bytes = tar_reader.HARDLINK, known, 0
                yield header(entry)
                return
        try:
            if entry.kind == tar_reader.REGULAR:
                yield from self._file(parent, name, entry, facts)
            elif entry.kind == tar_reader.DIRECTORY:
                yield from self._directory(parent, name, entry, full, stack)
            else:
                if entry.kind == tar_reader.SYMLINK:
                    entry.link = os.readlink(name, dir_fd=parent)
                yield header(entry)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENXIO):  # it became a link or a socket meanwhile
                raise

    def _directory(self, parent: int, name: str, entry: TarEntry, full: str, stack: list[_Frame]) -> Iterator[bytes]:
        if len(stack) == 1 and name in self._hollow:
            yield header(entry)
            return
        descriptor = os.open(name, _NOFOLLOW | os.O_DIRECTORY, dir_fd=parent)
        stack.append(_Frame(descriptor, f"{full}/"))
        entry.xattrs = _xattrs(descriptor)
        yield header(entry)
        if self._layer and _is_opaque(descriptor):
            yield header(TarEntry(f"{full}/.wh..wh..opq", tar_reader.REGULAR, mode=0o600, mtime_ns=entry.mtime_ns))

    def _file(self, parent: int, name: str, entry: TarEntry, facts: os.stat_result) -> Iterator[bytes]:
        descriptor = os.open(name, _NOFOLLOW, dir_fd=parent)
        try:
            now = os.fstat(descriptor)
            if not stat.S_ISREG(now.st_mode):
                return
            entry.size_bytes = left = now.st_size
            entry.xattrs = _xattrs(descriptor)
            yield header(entry)
            while left:
                piece = os.read(descriptor, min(left, _READ))
                if not piece:
                    yield bytes(left)
                    break
                yield piece
                left -= len(piece)
            if padding := -entry.size_bytes % _BLOCK:
                yield bytes(padding)
        finally:
            os.close(descriptor)


def _names(directory: int) -> list[str]:
    return sorted(os.listdir(directory))


def _xattrs(descriptor: int) -> dict[str, bytes] | None:
    found: dict[str, bytes] | None = None
    try:
        names = os.listxattr(descriptor)
    except OSError:
        return None
    for name in names:
        if name == _CAPABILITY or (name.startswith("user.") and not name.startswith("user.overlay.")):
            try:
                found = (found or {}) | {name: os.getxattr(descriptor, name)}
            except OSError:
                continue
    return found


def _is_opaque(descriptor: int) -> bool:
    try:
        return os.getxattr(descriptor, OPAQUE_XATTR) == b"y"
    except OSError:
        return False
