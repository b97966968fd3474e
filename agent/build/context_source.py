"""Where a build's files come from: the request's body, a URL, a git repository or a lone Dockerfile."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from agent.build.context import BuildContext, empty_context, spool_context
from agent.build.file_tree import FileKind, OutsideTree, clean_tree_path, walk_tree
from agent.build.ignore import IgnoreRules, parse_ignore
from agent.build.mounted_tree import MountedTree
from agent.build.remote_sources import clone_repository, download, is_git_source, is_url
from agent.build.step_context import new_container_id
from agent.host.threads import in_thread
from wire.errors import Internal, Invalid, MooringError

__all__ = ["open_context", "read_dockerfile"]

_BATCH_BYTES = 1 << 20
_PIECE = 1 << 20
_DOCKERFILE_BYTES_MAX = 4 << 20
_DEFAULT = "Dockerfile"
_TEXT_TYPES = ("text/plain", "text/x-dockerfile")


async def open_context(remote: str, body: AsyncIterator[bytes], *, dockerfile: str, directory: Path) -> BuildContext:
    """Spool the context below `directory`; the caller closes it. Raises in Docker's words; nothing is left then."""
    if not remote:
        return await _spool(body, directory)
    if is_git_source(remote):
        return await _from_git(remote, directory)
    if is_url(remote):
        return await _from_url(remote, directory)
    raise Internal(f"remoteURL ({remote}) could not be recognized as URL")


async def _spool(body: AsyncIterator[bytes], directory: Path) -> BuildContext:
    source = _Batches(body)
    spooling = asyncio.get_running_loop().run_in_executor(None, spool_context, source, directory)
    try:
        return await asyncio.shield(spooling)
    except asyncio.CancelledError:
        await source.aclose()  # which ends the thread
        await asyncio.wait([spooling])
        if spooling.exception() is None:
            spooling.result().close()
        raise
    finally:
        await source.aclose()


class _Batches:
    """An asynchronous stream as a blocking iterator for a thread: pieces are gathered, one batch ahead."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Task[bytes] | None = self._loop.create_task(self._gather())

    async def _gather(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for piece in self._body:
            parts.append(piece)
            size += len(piece)
            if size >= _BATCH_BYTES:
                break
        return b"".join(parts)

    async def _take(self) -> bytes:
        if self._next is None:
            return b""
        batch = await self._next
        self._next = self._loop.create_task(self._gather()) if batch else None
        return batch

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        batch = asyncio.run_coroutine_threadsafe(self._take(), self._loop).result()
        if not batch:
            raise StopIteration
        return batch

    async def aclose(self) -> None:
        """End the reading of a stream that is not wanted any more. Not `close`: a thread that is done with its iterator
        calls that, and could not await it."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait((self._next,))


async def _from_git(remote: str, directory: Path) -> BuildContext:
    place = directory / new_container_id()
    place.mkdir(mode=0o700, parents=True)
    try:
        root = await clone_repository(remote, place / "tree")
        shutil.rmtree(place / "tree" / ".git", ignore_errors=True)
        return await in_thread(_from_directory, root, directory)
    finally:
        await in_thread(shutil.rmtree, place, True)


def _from_directory(root: Path, directory: Path) -> BuildContext:
    context = empty_context(directory)
    tree = MountedTree(root)
    try:
        for path, entry in walk_tree(tree, ""):
            content = b""
            if entry.kind is FileKind.FILE:
                with tree.open_file(entry) as (descriptor, _):
                    content = _read_all(descriptor)
            context.add_entry(path, entry, content)
    except BaseException:
        context.close()
        raise
    finally:
        tree.close()
    return context


def _read_all(descriptor: int) -> bytes:
    parts = []
    while piece := os.read(descriptor, _PIECE):
        parts.append(piece)
    return b"".join(parts)


async def _from_url(remote: str, directory: Path) -> BuildContext:
    place = directory / new_container_id()
    place.mkdir(mode=0o700, parents=True)
    try:
        try:
            fetched = await download(remote, place / "context")
        except MooringError as error:
            raise Internal(f"error downloading remote context {remote}: {error.message}") from None
        return await in_thread(_from_file, fetched.path, fetched.content_type, directory)
    finally:
        await in_thread(shutil.rmtree, place, True)


def _from_file(path: Path, content_type: str, directory: Path) -> BuildContext:
    with open(path, "rb") as file:
        if content_type in _TEXT_TYPES or _looks_like_text(file.peek(512)[:512]):
            context = empty_context(directory)
            context.add_file(_DEFAULT, file.read(_DOCKERFILE_BYTES_MAX))
            return context
        return spool_context(iter(lambda: file.read(_PIECE), b""), directory)


def _looks_like_text(head: bytes) -> bool:
    return b"\0" not in head and bool(head) and head.isascii()


def read_dockerfile(context: BuildContext, name: str) -> str:
    """Return the Dockerfile's text, and take out of the context what its ignore files keep from COPY.

    Docker's client has left out what `.dockerignore` names but always sends the Dockerfile and the ignore file itself,
    so those two are still to be taken out here. An ignore file beside the Dockerfile (`NAME.dockerignore`) is unknown
    to that client: it counts for the whole context. Raises Internal or Invalid in Docker's words.
    """
    wanted = name or _DEFAULT
    try:
        path = clean_tree_path(wanted)
        if not name and context.stat(path) is None and context.stat(path.lower()) is not None:
            path = path.lower()
        content = context.read(path, _DOCKERFILE_BYTES_MAX)
    except OutsideTree:
        raise Internal(f"forbidden path outside the build context: {wanted} ()") from None
    except FileNotFoundError:
        raise Internal(f"Cannot locate specified Dockerfile: {wanted}") from None
    except IsADirectoryError:
        raise Internal(f"unexpected error reading Dockerfile: read {path}: is a directory") from None
    if not content:
        raise Invalid(f"the Dockerfile ({path}) cannot be empty")
    own_ignore = f"{path}.dockerignore"
    if context.stat(own_ignore) is not None:
        _leave_out(context, _rules(context, own_ignore))
    elif context.stat(".dockerignore") is not None:
        rules = _rules(context, ".dockerignore")
        for candidate in (path, ".dockerignore"):
            if rules.excludes(candidate):
                context.remove(candidate)
    return content.decode("utf-8", "surrogateescape")


def _rules(context: BuildContext, path: str) -> IgnoreRules:
    try:
        return parse_ignore(context.read(path).decode("utf-8", "replace"))
    except ValueError as error:
        raise Internal(f"error reading {path}: {error}") from None
    except (FileNotFoundError, IsADirectoryError):
        return IgnoreRules([])


def _leave_out(context: BuildContext, rules: IgnoreRules) -> None:
    gone = [
        path
        for path, entry in walk_tree(context, "")
        if rules.excludes(path) and not (rules.has_exceptions and entry.kind is FileKind.DIRECTORY)
    ]
    context.filter(gone)
