"""COPY and ADD: find what the sources name, then write it into the stage's root."""

from __future__ import annotations

import os
import posixpath
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from agent.build.copy_sources import CopyItem, combined_hash, document_item, find_items, walk_item
from agent.build.file_tree import FileKind, FileTree
from agent.build.ignore import IgnoreRules
from agent.build.instructions import Add, Copy
from agent.build.mounted_tree import MountedTree
from agent.build.owners import resolve_owner
from agent.build.remote_sources import RemoteSource, fetch_source, is_git_source, is_url
from agent.build.root_writer import Ownership, RootWriter
from agent.build.step_cache import step_key
from agent.build.step_context import StepContext
from agent.build.tar_header import BLOCK_BYTES, BadHeader, parse_header
from agent.host.threads import in_thread
from agent.images.compression import decompress
from agent.ports.images import Progress
from wire.errors import Internal, Invalid, MooringError

__all__ = ["CopyStep"]

_PIECE = 1 << 20


@dataclass(slots=True)
class _Archive:
    """A local archive that ADD unpacks at `path`."""

    tree: FileTree
    item: CopyItem
    path: str


@dataclass(slots=True)
class _Found:
    """A source's items and the tree they are in."""

    tree: FileTree
    items: list[CopyItem]
    unpack: bool = False


@dataclass(kw_only=True)
class CopyStep:
    """One COPY or ADD of a stage. `from_image` is the image that `--from` names, None for the context.

    Call `prepare` once (it may fetch and mount), then `history_text`, then `write` when the result is not cached, and
    `close` in any case.
    """

    context: StepContext
    instruction: Copy | Add
    working_dir: str
    from_image: str | None = None
    downloads: list[Progress] = field(default_factory=list)  # what a client is told of the files that were fetched
    _found: list[_Found] = field(default_factory=list)
    _digest: str = ""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def _keyword(self) -> str:
        return "ADD" if isinstance(self.instruction, Add) else "COPY"

    @property
    def _exclude(self) -> IgnoreRules | None:
        return IgnoreRules(list(self.instruction.exclude)) if self.instruction.exclude else None

    async def close(self) -> None:
        """Let go of what `prepare` opened. Safe to repeat."""
        await self._stack.aclose()

    async def prepare(self) -> None:
        """Find the sources and their hash. Raises Invalid with Docker's text."""
        if self.from_image is not None:
            key = step_key(self.from_image, "\0".join(self.instruction.sources), self.instruction.exclude)
            known = self.context.cache.find_hash(key)
            if known is not None:
                self._digest = known
                return
            await self._find_all()
            self._digest = combined_hash(self._items)
            await self.context.cache.put_hash(key, self.from_image, self._digest)
            return
        await self._find_all()
        self._digest = combined_hash(self._items)

    @property
    def _items(self) -> list[CopyItem]:
        return [item for found in self._found for item in found.items]

    async def _find_all(self) -> None:
        try:
            tree: FileTree = self.context.context
            if self.from_image is not None:
                tree = await self._stack.enter_async_context(self.context.tree_of(self.from_image))
            for source in self.instruction.sources:
                self._found.append(await self._find(tree, source))
            documents = [document_item(document) for document in self.instruction.documents]
            if documents:
                self._found.append(_Found(tree, documents))
            if not self._items:
                raise Invalid("no source files were specified")
        except MooringError as error:
            raise type(error)(f"{self._keyword} failed: {error.message}", **error.details) from None
        if len(self._items) > 1 and not self.instruction.destination.endswith("/"):
            raise Invalid(
                f"When using {self._keyword} with more than one source file, the destination must be a directory and"
                " end with a /"
            )

    async def _find(self, tree: FileTree, source: str) -> _Found:
        if isinstance(self.instruction, Add):
            if is_url(source) or is_git_source(source):
                return await self._fetch(source)
            if self.instruction.checksum:
                raise Invalid("checksum can't be specified for non-HTTP(S) sources")
            items = await self._find_items(tree, source)
            return _Found(tree, items, unpack=True)
        if source.startswith(("http://", "https://")):
            raise Invalid("source can't be a URL for COPY")
        return _Found(tree, await self._find_items(tree, source))

    async def _find_items(self, tree: FileTree, source: str) -> list[CopyItem]:
        exclude = self._exclude
        in_context = self.from_image is None
        return await in_thread(find_items, tree, source, exclude=exclude, in_context=in_context)

    async def _fetch(self, source: str) -> _Found:
        assert isinstance(self.instruction, Add)
        fetched: RemoteSource = await self._stack.enter_async_context(
            fetch_source(
                source,
                scratch=self.context.scratch,
                checksum=self.instruction.checksum,
                keep_git_dir=self.instruction.keep_git_dir,
                destination=self.instruction.destination,
                tell=self.downloads.append,
            )
        )
        tree = MountedTree(fetched.root)
        self._stack.callback(tree.close)
        return _Found(tree, await in_thread(fetched.items, tree))

    # the result
    def history_text(self) -> str:
        """What history shows: `COPY --chown=… file:… in /x `."""
        flags = "".join(f"--{name}={value} " for name, value in (("chown", self.instruction.chown),) if value)
        return f"{self._keyword} {flags}{self._digest} in {self.instruction.destination} "

    def key_inputs(self) -> list[str]:
        """What else decides the result, beside the text."""
        instruction = self.instruction
        inputs = [f"chmod={instruction.chmod}"] if instruction.chmod else []
        inputs += [f"exclude={pattern}" for pattern in instruction.exclude]
        if isinstance(instruction, Copy) and instruction.parents:
            inputs += ["parents", *instruction.sources]
        return inputs

    async def write(self, root: Path) -> None:
        """Write everything into a mounted root. Raises Invalid or Internal; what was written stays."""
        if not self._found:
            await self._find_all()  # the hash was known and the step was not
        archives: list[_Archive] = []
        try:
            await in_thread(self._write, root, archives)
            for archive in archives:
                chunks = _read_in_thread(archive.tree, archive.item)
                try:
                    await self.context.images.archive_put(root, f"/{archive.path}", chunks)
                except Invalid as error:
                    raise Invalid(f"failed to copy files: {error.message}") from error
        except OSError as error:
            what = f"{error.filename}: " if isinstance(error.filename, str) else ""
            raise Internal(f"failed to copy files: {what}{(error.strerror or str(error)).lower()}") from error

    def _write(self, root: Path, archives: list[_Archive]) -> None:
        owned = MountedTree(root)
        try:
            owner = (0, 0) if self.from_image is None else None
            if self.instruction.chown:
                owner = resolve_owner(self.instruction.chown, owned)
        finally:
            owned.close()
        ownership = Ownership(owner, _parse_mode(self.instruction.chmod))
        writer = RootWriter(root)
        try:
            destination = self.instruction.destination
            target = writer.resolve(posixpath.join("/", self.working_dir, destination))
            into = destination.endswith("/") or writer.is_directory(target)
            for found in self._found:
                for item in found.items:
                    self._write_item(writer, found, item, target, into, ownership, archives)
        finally:
            writer.close()

    def _write_item(
        self,
        writer: RootWriter,
        found: _Found,
        item: CopyItem,
        target: str,
        into: bool,
        ownership: Ownership,
        archives: list[_Archive],
    ) -> None:
        if isinstance(self.instruction, Copy) and self.instruction.parents:
            target, into = self._with_parents(writer, item, target, ownership), True
        if item.entry is not None and item.entry.kind is FileKind.DIRECTORY:
            writer.ensure_directory(target.rpartition("/")[0], (0, 0))
            try:
                writer.ensure_directory(target, ownership.owner)
            except NotADirectoryError:
                raise Internal(
                    f"failed to copy files: failed to copy directory: mkdir /{target}: not a directory"
                ) from None
            exclude = self._exclude
            for relative, entry in walk_item(found.tree, item, exclude):
                writer.put(found.tree, entry, f"{target}/{relative}".lstrip("/"), ownership)
            return
        if found.unpack and item.entry is not None and _is_archive(found.tree, item):
            writer.ensure_directory(target, (0, 0))
            archives.append(_Archive(found.tree, item, target))
            return
        if into or writer.is_directory(target):
            directory, path = target, f"{target}/{item.name}".lstrip("/")
        else:
            directory, path = target.rpartition("/")[0], target
        try:
            writer.ensure_directory(directory, ownership.owner or (0, 0))
        except NotADirectoryError:
            raise Internal(f"failed to copy files: lstat /{path}: not a directory") from None
        path = writer.resolve(path)
        if item.document is not None:
            data = item.document.encode("utf-8", "surrogateescape")
            mode = 0o644 if ownership.mode is None else ownership.mode
            writer.put_bytes(data, path, ownership.owner or (0, 0), mode)
        elif item.entry is not None:
            writer.put(found.tree, item.entry, path, ownership)

    def _with_parents(self, writer: RootWriter, item: CopyItem, target: str, ownership: Ownership) -> str:
        """The directory that `--parents` keeps for this source: what follows a `/./` pivot, or all of its path."""
        kept = item.path
        for source in self.instruction.sources:
            before, pivot, _ = source.lstrip("/").partition("/./")
            prefix = posixpath.normpath(before)
            if pivot and (kept == prefix or kept.startswith(f"{prefix}/")):
                kept = kept[len(prefix) :].lstrip("/")
        if item.entry is None or item.entry.kind is not FileKind.DIRECTORY:
            kept = posixpath.dirname(kept)
        path = writer.resolve(f"{target}/{kept}")
        writer.ensure_directory(path, ownership.owner or (0, 0))
        return path


def _parse_mode(text: str) -> int | None:
    if not text:
        return None
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777:
        raise Invalid(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
    return mode


def _is_archive(tree: FileTree, item: CopyItem) -> bool:
    """Whether the file is a tar, plain or compressed, told from its content."""
    try:
        head = b""
        for piece in decompress(_read(tree, item, limit_bytes=4 << 20)):
            head += piece
            if len(head) >= BLOCK_BYTES:
                break
    except MooringError:
        return False
    if len(head) < BLOCK_BYTES or not head[:BLOCK_BYTES].strip(b"\0"):
        return False
    try:
        parse_header(head[:BLOCK_BYTES])
    except BadHeader:
        return False
    return True


def _read(tree: FileTree, item: CopyItem, limit_bytes: int | None = None) -> Iterator[bytes]:
    assert item.entry is not None
    left = item.entry.size if limit_bytes is None else min(item.entry.size, limit_bytes)
    with tree.open_file(item.entry) as (descriptor, offset):
        while left and (piece := os.pread(descriptor, min(left, _PIECE), offset)):
            yield piece
            offset += len(piece)
            left -= len(piece)


async def _read_in_thread(tree: FileTree, item: CopyItem) -> AsyncIterator[bytes]:
    pieces = _read(tree, item)
    while (piece := await in_thread(next, pieces, None)) is not None:
        yield piece
