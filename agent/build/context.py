"""A build's context: the client's tar, spooled once to a nameless file while it is hashed, and the tree it describes.

Nothing is unpacked. The tree lives in memory and points into the spool, so names and links in the archive can never
lead out of it, a context of any size costs one sequential write, and a killed agent leaves nothing behind.
"""

from __future__ import annotations

import os
import posixpath
import tarfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.build.content_hash import header_hash
from agent.build.file_tree import FileKind, OutsideTree, TreeEntry
from agent.build.tar_header import BLOCK_BYTES, BadHeader, TarHeader, parse_header
from agent.images.compression import decompress
from wire.errors import Exhausted, Internal, Invalid

__all__ = ["BuildContext", "empty_context", "spool_context"]

_LINKS_MAX = 255
_ENTRIES_MAX = 2_000_000
_PAX_BYTES_MAX = 1 << 20
_XATTR = "SCHILY.xattr."


@dataclass(slots=True)
class _Node:
    kind: FileKind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    size: int = 0
    offset: int = 0
    mtime_ns: int = field(default_factory=time.time_ns)
    link: str = ""
    device: int = 0
    format: int = 0
    digest: str = ""
    xattrs: dict[str, bytes] = field(default_factory=dict)
    children: dict[str, _Node] | None = None


class BuildContext:
    """The tree of a spooled context; implements `FileTree`. Close it to free the spool."""

    def __init__(self, spool_fd: int = -1) -> None:
        self._spool_fd = spool_fd
        self._root = _Node(FileKind.DIRECTORY, children={})

    def close(self) -> None:
        """Free the spool. Safe to repeat."""
        if self._spool_fd >= 0:
            os.close(self._spool_fd)
            self._spool_fd = -1

    # FileTree
    def stat(self, path: str, *, follow: bool = True) -> TreeEntry | None:
        found = self._resolve(path, follow)
        if found is None:
            return None
        where, node = found
        return TreeEntry(
            path=where,
            kind=node.kind,
            mode=node.mode,
            uid=node.uid,
            gid=node.gid,
            size=node.size,
            mtime_ns=node.mtime_ns,
            link=node.link,
            device=node.device,
            format=node.format,
            xattrs=node.xattrs,
        )

    def names(self, path: str) -> list[str]:
        found = self._resolve(path, True)
        return sorted(found[1].children or ()) if found else []

    def digest(self, path: str) -> str | None:
        try:
            found = self._resolve(path, True)
        except OutsideTree:
            return None
        # A directory that the archive only implies has no header to hash: its path stands for it, as in Docker.
        return None if found is None else found[1].digest or found[0]

    @contextmanager
    def open_file(self, entry: TreeEntry) -> Iterator[tuple[int, int]]:
        found = self._resolve(entry.path, False)
        if found is None or found[1].kind is not FileKind.FILE:
            raise Internal(f"{entry.path} is not a file of the build context")
        yield self._spool_fd, found[1].offset

    def read(self, path: str, limit_bytes: int = 1 << 20) -> bytes:
        """The bytes of a small file. FileNotFoundError, IsADirectoryError as usual; Exhausted past the limit."""
        entry = self.stat(path)
        if entry is None:
            raise FileNotFoundError(path)
        if entry.kind is not FileKind.FILE:
            raise IsADirectoryError(path)
        if entry.size > limit_bytes:
            raise Exhausted(f"{path} is larger than {limit_bytes} bytes")
        with self.open_file(entry) as (descriptor, offset):
            return os.pread(descriptor, entry.size, offset)

    # changes
    def append(self, data: bytes | memoryview) -> None:
        """Add bytes to the spool."""
        _write_all(self._spool_fd, data)

    def remove(self, path: str) -> None:
        """Take one entry out of the tree. Safe when absent."""
        parent, _, name = path.rpartition("/")
        with suppress(OutsideTree):
            found = self._resolve(parent, True)
            if found is not None and found[1].children is not None:
                found[1].children.pop(name, None)

    def filter(self, excluded: Iterable[str]) -> None:
        """Take several entries out."""
        for path in list(excluded):
            self.remove(path)

    def add(self, name: str, node: _Node) -> None:
        """Put an archive entry in its place, following links of the tree on the way and making directories."""
        path = _clean_name(name)
        if not path:
            if node.kind is FileKind.DIRECTORY:
                root = self._root
                root.mode, root.mtime_ns = node.mode, node.mtime_ns
            return
        parent_path, _, last = path.rpartition("/")
        parent = self._make_directories(parent_path)
        assert parent.children is not None
        present = parent.children.get(last)
        if node.kind is FileKind.DIRECTORY:
            kept = present.children if present is not None and present.kind is FileKind.DIRECTORY else None
            node.children = kept if kept is not None else {}
        parent.children[last] = node

    def hardlink_target(self, name: str, target: str) -> _Node:
        """The node that a hard link names. Raises Invalid when there is none."""
        found = self._resolve(_clean_name(target), False)
        if found is None or found[1].kind is FileKind.DIRECTORY:
            raise Invalid(f'invalid hardlink "{name}" -> "{target}"')
        return found[1]

    def add_file(self, name: str, content: bytes, mode: int = 0o600) -> None:
        """Put a small file into the tree, as for a Dockerfile that came alone."""
        offset = os.lseek(self._spool_fd, 0, os.SEEK_END)
        _write_all(self._spool_fd, content)
        digest = header_hash(name=name, mode=mode, uid=0, gid=0, size=len(content), typeflag="0")
        digest.update(content)
        self.add(name, _Node(FileKind.FILE, mode, size=len(content), offset=offset, digest=digest.hexdigest()))

    def add_entry(self, path: str, entry: TreeEntry, content: bytes = b"") -> None:
        """Put an entry of another tree in its place, with the hash that it would have there."""
        regular = entry.kind is FileKind.FILE
        directory = entry.kind is FileKind.DIRECTORY
        digest = header_hash(
            name=path + ("/" if directory else ""),
            mode=entry.mode,
            uid=0,
            gid=0,
            size=len(content),
            typeflag="0" if regular else "5" if directory else "2",
            linkname=entry.link,
        )
        digest.update(content)
        node = _Node(entry.kind, entry.mode, mtime_ns=entry.mtime_ns, link=entry.link, digest=digest.hexdigest())
        if regular:
            node.size, node.offset = len(content), os.lseek(self._spool_fd, 0, os.SEEK_END)
            _write_all(self._spool_fd, content)
        self.add(path, node)

    # resolution
    def _make_directories(self, path: str) -> _Node:
        found = self._resolve(path, True)
        if found is not None and found[1].children is not None:
            return found[1]
        node, done = self._root, ""
        for name in path.split("/"):
            done = f"{done}/{name}" if done else name
            step = self._resolve(done, True)
            if step is None or step[1].children is None:
                assert node.children is not None
                if name in node.children and node.children[name].kind is not FileKind.SYMLINK:
                    raise Invalid(f"{path}: not a directory")
                node.children[name] = made = _Node(FileKind.DIRECTORY, children={})
                node = made
            else:
                node = step[1]
        return node

    def _resolve(self, path: str, follow: bool) -> tuple[str, _Node] | None:
        stack: list[tuple[str, _Node]] = [("", self._root)]
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        links = 0
        while todo:
            name = todo.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(stack) > 1:
                    stack.pop()
                continue
            children = stack[-1][1].children
            if children is None:
                raise OutsideTree(path)
            node = children.get(name)
            if node is None:
                return None
            if node.kind is FileKind.SYMLINK and (todo or follow):
                links += 1
                if links > _LINKS_MAX:
                    raise OutsideTree(path)
                if node.link.startswith("/"):
                    del stack[1:]
                todo.extend(reversed(node.link.split("/")))
                continue
            stack.append((name, node))
        return "/".join(name for name, _ in stack[1:]), stack[-1][1]


def empty_context(directory: Path) -> BuildContext:
    """A context with nothing in it yet; its spool lies in `directory`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return BuildContext(os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600))


def spool_context(chunks: Iterable[bytes], directory: Path) -> BuildContext:
    """Read a tar, plain or compressed, into a new context whose spool lies in `directory`. Blocking.

    Raises Invalid for what is no tar, Exhausted past the limits. On any error nothing is left.
    """
    context = empty_context(directory)
    try:
        _Reader(_plain(chunks), context).run()
    except BaseException:
        context.close()
        raise
    return context


def _plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The tar itself. A damaged context is Docker's 500, though a damaged image is a bad request."""
    try:
        yield from decompress(chunks)
    except Invalid as error:
        raise Internal(str(error)) from error


def _clean_name(name: str) -> str:
    """`..` stops at the root, as it does for a process that unpacks with the context as its root."""
    return posixpath.normpath(f"/{name}").lstrip("/")


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class _Reader:
    """Reads the archive once, front to back."""

    def __init__(self, chunks: Iterator[bytes], context: BuildContext) -> None:
        self._chunks = chunks
        self._context = context
        self._buffer = memoryview(b"")
        self._offset = 0
        self._entries = 0

    def run(self) -> None:
        pax: dict[str, str] = {}
        for_all: dict[str, str] = {}
        long_name = long_link = ""
        while True:
            block = self._take(BLOCK_BYTES)
            if not block:
                return  # no end blocks: Docker takes it too
            if len(block) < BLOCK_BYTES:
                raise Internal("unexpected EOF")
            if not block.strip(b"\0"):
                self._drain()
                return
            try:
                header = parse_header(block)
            except BadHeader:
                raise Internal("archive/tar: invalid tar header") from None
            if header.type in (tarfile.XHDTYPE, tarfile.XGLTYPE):
                records = _parse_pax(self._small(header.size))
                if header.type == tarfile.XGLTYPE:
                    for_all.update(records)
                else:
                    pax = records
            elif header.type == tarfile.GNUTYPE_LONGNAME:
                long_name = self._small(header.size).rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif header.type == tarfile.GNUTYPE_LONGLINK:
                long_link = self._small(header.size).rstrip(b"\0").decode("utf-8", "surrogateescape")
            else:
                name = long_name or header.name
                if long_link:
                    header.linkname = long_link
                try:
                    self._entry(name, header, {**for_all, **pax})
                except OutsideTree as error:
                    raise Invalid(f"{name}: {error}: not a directory") from None
                pax, long_name, long_link = {}, "", ""

    def _entry(self, name: str, header: TarHeader, pax: dict[str, str]) -> None:
        self._entries += 1
        if self._entries > _ENTRIES_MAX:
            raise Exhausted(f"the build context has more than {_ENTRIES_MAX} entries")
        if any(key.startswith("GNU.sparse.") for key in pax) or header.type == tarfile.GNUTYPE_SPARSE:
            raise Invalid(f"{name}: sparse files are not supported in a build context")
        name = pax.get("path", name)
        link = pax.get("linkpath", header.linkname)
        size = _integer(pax, "size", header.size)
        mtime_ns = _time_ns(pax.get("mtime"), header.mtime)
        xattrs = {
            key.removeprefix(_XATTR): value.encode("utf-8", "surrogateescape")
            for key, value in pax.items()
            if key.startswith(_XATTR)
        }
        kind_flag = header.type
        if kind_flag == tarfile.AREGTYPE and name.endswith("/"):
            kind_flag = tarfile.DIRTYPE
        elif kind_flag in (tarfile.AREGTYPE, tarfile.CONTTYPE):
            kind_flag = tarfile.REGTYPE
        regular = kind_flag == tarfile.REGTYPE
        uid, gid = _integer(pax, "uid", header.uid), _integer(pax, "gid", header.gid)
        digest = header_hash(
            name=name,
            mode=header.mode,
            uid=uid,
            gid=gid,
            size=size if regular else 0,
            typeflag=kind_flag.decode("latin-1"),
            linkname=link,
            uname=pax.get("uname", header.uname),
            gname=pax.get("gname", header.gname),
            devmajor=header.devmajor,
            devminor=header.devminor,
            xattrs=xattrs,
        )
        if kind_flag == tarfile.LNKTYPE:
            self._context.add(name, self._context.hardlink_target(name, link))
            return
        node = _Node(
            _KINDS.get(kind_flag, FileKind.SPECIAL),
            header.mode & 0o7777,
            uid,
            gid,
            mtime_ns=mtime_ns,
            xattrs=xattrs,
        )
        if regular:
            node.size, node.offset = size, self._offset
            left = size
            while left:
                piece = self._piece(left)
                digest.update(piece)
                self._context.append(piece)
                left -= len(piece)
            self._offset += size
            self._take(-size % BLOCK_BYTES)  # the client cuts off the last entry's padding after `-f -`
        elif node.kind is FileKind.SYMLINK:
            node.link = link
        elif node.kind is FileKind.SPECIAL:
            if kind_flag not in _SPECIAL_FORMATS:
                raise Invalid(f"{name}: unhandled tar header type {kind_flag[0]}")
            node.format = _SPECIAL_FORMATS[kind_flag]
            node.device = os.makedev(header.devmajor, header.devminor)
        node.digest = digest.hexdigest()
        self._context.add(name, node)

    # bytes
    def _piece(self, at_most: int) -> memoryview:
        if not self._buffer:
            self._buffer = memoryview(next(self._chunks, b""))
            if not self._buffer:
                raise Internal("unexpected EOF")
        piece, self._buffer = self._buffer[:at_most], self._buffer[at_most:]
        return piece

    def _take(self, count: int) -> bytes:
        """`count` bytes, fewer only at the end."""
        if len(self._buffer) >= count:
            piece, self._buffer = self._buffer[:count], self._buffer[count:]
            return bytes(piece)
        result = bytes(self._buffer)
        self._buffer = memoryview(b"")
        while len(result) < count:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            result += chunk
        self._buffer = memoryview(result)[count:]
        return result[:count]

    def _small(self, size: int) -> bytes:
        if size > _PAX_BYTES_MAX:
            raise Exhausted("archive/tar: header field too long")
        data = self._take(size + -size % BLOCK_BYTES)
        if len(data) < size:
            raise Internal("unexpected EOF")
        return data[:size]

    def _drain(self) -> None:
        for _ in self._chunks:
            pass


_KINDS = {
    tarfile.REGTYPE: FileKind.FILE,
    tarfile.DIRTYPE: FileKind.DIRECTORY,
    tarfile.SYMTYPE: FileKind.SYMLINK,
}
_SPECIAL_FORMATS = {tarfile.FIFOTYPE: 0o010000, tarfile.CHRTYPE: 0o020000, tarfile.BLKTYPE: 0o060000}


def _parse_pax(data: bytes) -> dict[str, str]:
    records: dict[str, str] = {}
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 12)
        digits = data[position:space] if space > 0 else b""
        if not digits.isdigit():
            raise Internal("archive/tar: invalid tar header")
        end = position + int(digits)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end > len(data) or not equals or data[end - 1 : end] != b"\n":
            raise Internal("archive/tar: invalid tar header")
        records[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        position = end
    return records


def _integer(pax: dict[str, str], key: str, default: int) -> int:
    text = pax.get(key)
    if text is None:
        return default
    if not text.isdigit():
        raise Internal("archive/tar: invalid tar header")
    return int(text)


def _time_ns(text: str | None, default_s: int) -> int:
    if not text:
        return default_s * 1_000_000_000
    whole, _, fraction = text.partition(".")
    if not whole.removeprefix("-").isdigit() or (fraction and not fraction.isdigit()):
        raise Internal("archive/tar: invalid tar header")
    nanoseconds = int(whole) * 1_000_000_000
    part = int(fraction[:9].ljust(9, "0") or "0")
    return nanoseconds - part if whole.startswith("-") else nanoseconds + part
