"""`docker cp`: looking at, reading and writing files of a container, running or not, without leaving its root.

`root` is a mounted root or `/proc/PID/root`; each path is resolved by the kernel inside it (`agent.host.paths`), so a
process that swaps directories for links meanwhile only ever moves us about in its own tree. No program of the
container or the host is run to decompress.
"""

from __future__ import annotations

import asyncio
import errno
import os
import posixpath
import stat
from collections.abc import AsyncIterator, Container, Iterator
from pathlib import Path
from typing import Final

from agent.host import paths
from agent.images.compression import decompress
from agent.images.content import Content
from agent.images.limits import Limits
from agent.images.streams import BlockingChunks, stream_blocking
from agent.images.tar_writer import tar_one, tar_tree
from agent.images.unpack import unpack_archive
from agent.ports.images import ArchiveStat
from wire.errors import Forbidden, Invalid, NotFound

__all__ = ["Archives", "go_file_mode"]

_MAX_LINKS: Final = 40  # as the kernel
_GO_TYPES: Final = {
    stat.S_IFDIR: 1 << 31, stat.S_IFLNK: 1 << 27, stat.S_IFBLK: 1 << 26, stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25, stat.S_IFSOCK: 1 << 24,
}  # fmt: skip


def go_file_mode(mode: int) -> int:
    """Go's `os.FileMode` of a `st_mode`."""
    special = (stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20)
    bits = sum(theirs for ours, theirs in special if mode & ours)
    return (mode & 0o777) | bits | _GO_TYPES.get(stat.S_IFMT(mode), 0)


class Archives:
    """See the module docstring."""

    def __init__(self, content: Content, limits: Limits) -> None:
        self._content = content
        self._limits = limits

    async def stat(self, root: Path, path: str) -> ArchiveStat:
        return await self._content.quick(_stat, root, path)

    async def get(self, root: Path, path: str, hollow: Container[str] = ()) -> tuple[ArchiveStat, AsyncIterator[bytes]]:
        facts, chunks = await self._content.quick(_open_for_reading, root, path, hollow)
        return facts, stream_blocking(chunks)

    async def put(
        self,
        root: Path,
        path: str,
        source: AsyncIterator[bytes],
        *,
        no_overwrite_dir_non_dir: bool = False,
        owner: tuple[int, int] | None = None,
    ) -> None:
        await self._content.quick(_check_destination, root, path)
        chunks = BlockingChunks()

        def work() -> None:
            with paths.open_root(root) as root_fd:
                unpack_archive(
                    decompress(iter(chunks), self._limits),
                    root_fd,
                    _clean(path)[0],
                    no_overwrite_dir_non_dir=no_overwrite_dir_non_dir,
                    owner=owner,
                    limits=self._limits,
                )

        worker = asyncio.ensure_future(self._content.bulk(work))
        worker.add_done_callback(lambda _: chunks.close())
        try:
            await chunks.feed(source)
        except BaseException:
            # The thread has been told; what it was writing ends as cut off as the upload.
            await asyncio.wait([worker])
            if not worker.cancelled():
                worker.exception()
            raise
        try:
            await worker
        except OSError as error:
            if error.errno == errno.EROFS:
                raise Forbidden(f"mounted volume or rootfs is marked read-only: {path}") from error
            raise


def _clean(path: str) -> tuple[str, bool]:
    """(absolute path without dots, whether it asks for what is behind a final link)."""
    if "\0" in path:
        raise Invalid("invalid path: contains a NUL byte")
    trailing = path.endswith(("/", "/.")) or path == "."
    return "/" + posixpath.normpath("/" + path).lstrip("/"), trailing


def _shown_name(path: str, cleaned: str) -> str:
    if path.endswith("/.") or path == ".":
        return "."
    return posixpath.basename(cleaned) or "/"


def _translate(error: OSError, path: str) -> Exception:
    if error.errno in (errno.ENOENT, errno.ELOOP):
        return NotFound(f"Could not find the file {path}")
    if error.errno == errno.ENOTDIR:
        return Invalid(f"lstat {path}: not a directory")
    if error.errno == errno.ENAMETOOLONG:
        return Invalid(f"lstat {path}: file name too long")
    return error


def _stat(root: Path, path: str) -> ArchiveStat:
    cleaned, trailing = _clean(path)
    try:
        with paths.open_root(root) as root_fd:
            return _stat_in(root_fd, path, cleaned, trailing)
    except OSError as error:
        raise _translate(error, path) from error


def _stat_in(root_fd: int, path: str, cleaned: str, trailing: bool) -> ArchiveStat:
    link_target = ""
    if trailing or cleaned == "/":
        descriptor = paths.open_in_root(root_fd, cleaned, os.O_PATH | os.O_DIRECTORY)
        facts = os.fstat(descriptor)
        os.close(descriptor)
    else:
        above, _, name = cleaned.rpartition("/")
        parent = paths.open_in_root(root_fd, above or "/", os.O_PATH | os.O_DIRECTORY)
        try:
            facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(parent)
        if stat.S_ISLNK(facts.st_mode):
            link_target = _evaluate(root_fd, cleaned)
    return ArchiveStat(
        name=_shown_name(path, cleaned),
        size_bytes=facts.st_size,
        mode=go_file_mode(facts.st_mode),
        modified_at_ns=facts.st_mtime_ns,
        link_target=link_target,
        is_dir=stat.S_ISDIR(facts.st_mode),
    )


def _evaluate(root_fd: int, path: str) -> str:
    """Where a path leads inside the root, links followed even when the end does not exist. For showing only."""
    todo = [part for part in path.split("/") if part][::-1]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == ".":
            continue
        if part == "..":
            done = done[:-1]
            continue
        try:
            parent = paths.open_in_root(root_fd, "/" + "/".join(done), os.O_PATH | os.O_DIRECTORY)
            try:
                target = os.readlink(part, dir_fd=parent)
            finally:
                os.close(parent)
        except OSError:  # not a link, or not there
            done.append(part)
            continue
        links += 1
        if links > _MAX_LINKS:
            return ""
        if target.startswith("/"):
            done = []
        todo.extend(piece for piece in reversed(target.split("/")) if piece)
    return "/" + "/".join(done)


def _open_for_reading(root: Path, path: str, hollow: Container[str]) -> tuple[ArchiveStat, Iterator[bytes]]:
    cleaned, trailing = _clean(path)
    try:
        with paths.open_root(root) as root_fd:
            facts = _stat_in(root_fd, path, cleaned, trailing)
            if facts.is_dir:
                # Not behind a link that was put there since we looked: a link would have been answered as a link.
                directory = paths.open_in_root(root_fd, cleaned, os.O_RDONLY | os.O_DIRECTORY)
                return facts, _Closing(directory, tar_tree(directory, prefix=facts.name, hollow=hollow))
            above, _, name = cleaned.rpartition("/")
            parent = paths.open_in_root(root_fd, above or "/", os.O_RDONLY | os.O_DIRECTORY)
            return facts, _Closing(parent, tar_one(parent, name, facts.name))
    except OSError as error:
        raise _translate(error, path) from error


class _Closing(Iterator[bytes]):
    """Chunks, and the fd they are read from: closed with `close` or the last reference, started or not."""

    def __init__(self, descriptor: int, chunks: Iterator[bytes]) -> None:
        self._descriptor = descriptor
        self._chunks = chunks

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            close = getattr(self._chunks, "close", None)
            if close is not None:
                close()
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def _check_destination(root: Path, path: str) -> None:
    cleaned, _ = _clean(path)
    try:
        with paths.open_root(root) as root_fd:
            os.close(paths.open_in_root(root_fd, cleaned, os.O_PATH | os.O_DIRECTORY))
    except NotADirectoryError:
        raise Invalid("extraction point is not a directory") from None
    except OSError as error:
        raise _translate(error, path) from error
