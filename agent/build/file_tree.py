"""What COPY, ADD and bind mounts read from: a tree of files whose links are followed inside it, whatever they say."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

__all__ = ["FileKind", "FileTree", "OutsideTree", "TreeEntry", "clean_tree_path", "walk_tree"]


class FileKind(Enum):
    """What an entry is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One entry. `path` is where it really lies, relative to the root ("" for the root); `mode` has permission bits
    only; `xattrs` hold what goes into a layer; `inode` is given where several names share one."""

    path: str
    kind: FileKind
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    link: str = ""
    device: int = 0
    format: int = 0
    inode: int = 0
    xattrs: dict[str, bytes] = field(default_factory=dict)


class OutsideTree(ValueError):
    """A path that leaves the tree, or goes through something that is no directory."""


class FileTree(Protocol):
    """Paths are relative with slashes, already cleaned (`clean_tree_path`). Blocking: call from a thread."""

    def stat(self, path: str, *, follow: bool = True) -> TreeEntry | None:
        """The entry, or None when absent. Links on the way are followed inside the tree, the last one if `follow`.
        Raises OutsideTree when a component on the way is no directory."""
        ...

    def names(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        ...

    def digest(self, path: str) -> str | None:
        """Content hash of what `path` leads to (`content_hash`), None when it leads nowhere."""
        ...

    def open_file(self, entry: TreeEntry) -> AbstractContextManager[tuple[int, int]]:
        """A descriptor and the offset at which the bytes of a regular file begin."""
        ...


def clean_tree_path(path: str) -> str:
    """Return `path` relative to a tree's root. Raises OutsideTree when it climbs out."""
    cleaned = posixpath.normpath(path.lstrip("/") or ".")
    if cleaned == ".." or cleaned.startswith("../"):
        raise OutsideTree(path)
    return "" if cleaned == "." else cleaned


def walk_tree(tree: FileTree, path: str) -> Iterator[tuple[str, TreeEntry]]:
    """Every entry below directory `path`, not following links, parents first, names in order: (path, entry)."""
    for name in tree.names(path):
        below = f"{path}/{name}" if path else name
        entry = tree.stat(below, follow=False)
        if entry is None:
            continue
        yield below, entry
        if entry.kind is FileKind.DIRECTORY:
            yield from walk_tree(tree, below)
