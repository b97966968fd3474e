"""The files of a `docker load` archive as they would lie in a directory that it is unpacked into, as in a chroot.

Nothing is unpacked: names are keys of dictionaries, so that none of them can lead anywhere. But they mean what they
would there, links included, and what cannot be had is told as Docker tells of its directory.
"""

from __future__ import annotations

import json
import posixpath
from typing import Any, Final

from agent.images import tar_reader
from agent.images.blobs import BlobWriter
from agent.images.tar_reader import TarEntry
from wire.engine.json_syntax import describe_syntax_error
from wire.errors import Invalid

__all__ = ["ArchiveTree"]

_MAX_LINKS: Final = 255


def _rooted(name: str) -> str:
    """`name` below the root, without its slash: no name leads above it."""
    return posixpath.normpath("/" + name).lstrip("/")


class ArchiveTree:
    """Small files with their content, large ones as blobs being written, links, directories; `shown` is the directory
    that messages name. Whoever makes it closes it."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.small: dict[str, bytes] = {}
        self.large: dict[str, BlobWriter] = {}
        self._links: dict[str, str] = {}
        self._directories: set[str] = {""}

    def close(self) -> None:
        for writer in self.large.values():
            writer.abort()

    # what the archive brings, in its order
    def add(self, entry: TarEntry) -> str:
        """Note a directory or a link; return the name under which a regular file's content is to be kept."""
        name = self._place(_rooted(entry.name))
        if entry.kind == tar_reader.DIRECTORY:
            self._directories.add(name)
            return name
        self._forget(name)
        if entry.kind == tar_reader.SYMLINK:
            self._links[name] = _rooted(posixpath.join("/", posixpath.dirname(name), entry.link))
        elif entry.kind == tar_reader.HARDLINK:
            target = _rooted(entry.link)
            if self._follow(target) not in self:
                raise Invalid(f"link /{target} /{name}: no such file or directory")
            self._links[name] = target
        return name

    def _place(self, name: str) -> str:
        """Where a file comes to lie whose directory may be a link; the directory is made."""
        parent, slash, base = name.rpartition("/")
        directory = self._follow(parent)
        if directory != parent and directory not in self._directories:
            raise Invalid(f"open /{name}: no such file or directory")
        made = directory
        while made not in self._directories:
            self._directories.add(made)
            made = made.rpartition("/")[0]
        return f"{directory}{slash}{base}" if directory else base

    def _forget(self, name: str) -> None:
        self._links.pop(name, None)
        self.small.pop(name, None)
        replaced = self.large.pop(name, None)
        if replaced is not None:
            replaced.abort()

    # what is asked of it
    def __contains__(self, name: str) -> bool:
        return name in self.small or name in self.large or name in self._directories

    def top_directories(self) -> list[str]:
        return sorted(name for name in self._directories if name and "/" not in name)

    def _follow(self, name: str) -> str:
        """`name` with every link on its way followed; what is not there stands for itself."""
        rest = [part for part in name.split("/") if part]
        current: list[str] = []
        followed = 0
        while rest:
            current.append(rest.pop(0))
            target = self._links.get("/".join(current))
            if target is not None:
                followed += 1
                if followed > _MAX_LINKS:
                    raise Invalid(f"evalSymlinksInScope: too many links in {self.shown}/{name}")
                current, rest = [], [*(part for part in target.split("/") if part), *rest]
        return "/".join(current)

    def locate(self, name: str) -> str:
        """The name that `name` of a manifest stands for, be it there or not. Invalid when it leads outside."""
        path = posixpath.normpath(f"{self.shown}/{name}")
        if path != self.shown and not path.startswith(f"{self.shown}/"):
            raise Invalid(f"evalSymlinksInScope: {path} is not in {self.shown}")
        return self._follow(path[len(self.shown) + 1 :])

    def resolve(self, name: str) -> str:
        """The same of a file that is there; Invalid when it is not."""
        found = self.locate(name)
        if found in self._directories:
            raise Invalid(f"read {self.shown}/{found}".rstrip("/") + ": is a directory")
        if found not in self:
            raise self.missing(found)
        return found

    def missing(self, name: str) -> Invalid:
        """What Docker says of a file that the archive should have."""
        return Invalid(f"open {self.shown}/{name}: no such file or directory")

    def read(self, name: str) -> bytes:
        found = self.resolve(name)
        if found not in self.small:
            raise Invalid(f"invalid archive: {name} is too large")
        return self.small[found]

    def object(self, name: str) -> Any:
        try:
            return json.loads(self.read(name))
        except (ValueError, RecursionError) as error:
            raise Invalid(describe_syntax_error(self.read(name))) from error
