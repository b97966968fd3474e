"""Which files the sources of a COPY or ADD name, and the hash that stands for them in history and cache."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.build.content_hash import hash_strings, header_hash
from agent.build.file_tree import FileKind, FileTree, OutsideTree, TreeEntry, clean_tree_path, walk_tree
from agent.build.ignore import IgnoreRules
from agent.build.syntax import Heredoc
from wire.errors import Invalid
from wire.go_path import MalformedPattern, path_pattern

__all__ = ["CopyItem", "combined_hash", "document_item", "find_items", "walk_item"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyItem:
    """One thing to copy. `name` is what it is called at the destination; `path` where the source named it.

    `document` is the text of an inline file, and then there is no `entry`.
    """

    name: str
    path: str
    digest: str
    entry: TreeEntry | None = None
    document: str | None = None


def find_items(
    tree: FileTree, source: str, *, exclude: IgnoreRules | None, in_context: bool, with_digest: bool = True
) -> list[CopyItem]:
    """What `source` (a path or a pattern) names. Raises Invalid with Docker's text, without its `COPY failed: `."""
    stripped = source[1:] if len(source) > 1 and source.startswith("/") else source
    stripped = stripped.removeprefix("./")
    if _has_wildcards(stripped):
        try:
            pattern = path_pattern(posixpath.normpath(stripped))
        except MalformedPattern:
            return []
        found = []
        for path, _ in walk_tree(tree, ""):
            if pattern.fullmatch(path) and not (exclude and exclude.excludes(path)):
                item = _item(tree, path, exclude, with_digest)
                if item is None:
                    raise _missing(path, in_context)
                found.append(item)
        return found
    try:
        path = clean_tree_path(stripped)
        item = _item(tree, path, exclude, with_digest)
    except OutsideTree:
        raise Invalid(f"forbidden path outside the build context: {stripped} ()") from None
    if item is None:
        raise _missing(stripped, in_context)
    return [item]


def _missing(shown: str, in_context: bool) -> Invalid:
    text = f"stat {shown}: file does not exist"
    return Invalid(f"file not found in build context or excluded by .dockerignore: {text}" if in_context else text)


def _item(tree: FileTree, path: str, exclude: IgnoreRules | None, with_digest: bool) -> CopyItem | None:
    entry = tree.stat(path)
    if entry is None:
        return None
    digest = ""
    if with_digest and entry.kind is FileKind.DIRECTORY:
        digest = hash_strings("dir", sorted(_digests_below(tree, entry.path, exclude)))
    elif with_digest:
        digest = f"file:{tree.digest(path) or path}"
    return CopyItem(name=posixpath.basename(path), path=path, digest=digest, entry=entry)


def _digests_below(tree: FileTree, path: str, exclude: IgnoreRules | None) -> Iterator[str]:
    if path and (own := tree.digest(path)) is not None:
        yield own
    for below, _ in walk_tree(tree, path):
        if exclude and exclude.excludes(_relative(below, path)):
            continue
        digest = tree.digest(below)
        if digest is not None:
            yield digest


def walk_item(tree: FileTree, item: CopyItem, exclude: IgnoreRules | None) -> Iterator[tuple[str, TreeEntry]]:
    """Everything below a directory item that is copied, with paths relative to it, parents first."""
    assert item.entry is not None
    top = item.entry.path
    for below, entry in walk_tree(tree, top):
        relative = _relative(below, top)
        if exclude and exclude.excludes(relative) and not (exclude.has_exceptions and entry.kind is FileKind.DIRECTORY):
            continue
        yield relative, entry


def document_item(document: Heredoc) -> CopyItem:
    """An inline file as an item."""
    text = document.text()
    data = text.encode("utf-8", "surrogateescape")
    digest = header_hash(name=document.name, mode=0o644, uid=0, gid=0, size=len(data), typeflag="0")
    digest.update(data)
    return CopyItem(name=document.name, path=document.name, digest=f"file:{digest.hexdigest()}", document=text)


def combined_hash(items: Sequence[CopyItem]) -> str:
    """The hash of all items together, in order."""
    return items[0].digest if len(items) == 1 else hash_strings("multi", (item.digest for item in items))


def _relative(path: str, top: str) -> str:
    return path[len(top) + 1 :] if top else path


def _has_wildcards(path: str) -> bool:
    position = 0
    while position < len(path):
        if path[position] == "\\":
            position += 1
        elif path[position] in "*?[":
            return True
        position += 1
    return False
