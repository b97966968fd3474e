"""Layers and container roots on disk: the seam between the room and how a storage driver keeps them.

`OverlaySnapshotter` unpacks every layer into a directory of its own, once per diff id, and stacks directories with
overlayfs. A driver that mounts an index over the tar instead has the same methods. Below `root`:

    layers/<hex of diff id>/        one unpacked layer, whiteouts in overlayfs's form, never changed
    inits/<look>/                   init layers (see init_layer)
    roots/<container id>/{upper,work,merged}
    trash/                          what is being deleted

A name in `layers` or `roots` means complete. A layer directory is a cache of its blob: it can be deleted and unpacked
again. Everything here blocks.
"""

from __future__ import annotations

import array
import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from agent.host import failpoints, mounts, syscalls
from agent.images.init_layer import ensure_init_layer
from agent.images.layer_view import is_opaque
from agent.images.limits import DEFAULT_LIMITS, MAX_LAYERS, Limits
from agent.images.trees import remove_tree
from agent.images.unpack import Unpacked, unpack_layer
from wire.errors import Conflict, Internal, Invalid, NotFound

__all__ = ["OverlaySnapshotter", "RootPaths", "Snapshotter"]

_log = logging.getLogger(__name__)
_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
# An upper with redirects or metadata-only copies could not be exported by walking it; the kernel's defaults vary.
_OPTIONS: Final[Sequence[mounts.Parameter]] = (("index", "off"), ("redirect_dir", "off"), ("metacopy", "off"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RootPaths:
    """Where a container's root is: `lowers` top first, the init layer among them."""

    merged: Path
    upper: Path
    work: Path
    lowers: tuple[Path, ...]


class Snapshotter(Protocol):
    """What the room asks of a storage driver. Names are diff ids (`sha256:…`) and container ids."""

    driver: str

    def start(self) -> None: ...
    def has_layer(self, diff_id: str) -> bool: ...
    def layer_ids(self) -> set[str]: ...
    def unpack(self, chunks: Iterable[bytes], expected: str = "") -> tuple[str, Unpacked]: ...
    def take_upper(self, container_id: str, diff_id: str) -> None: ...
    def drop_layer(self, diff_id: str) -> None: ...
    def root_ids(self) -> set[str]: ...
    def prepare(self, container_id: str) -> None: ...
    def paths(self, container_id: str, diff_ids: Sequence[str], *, init: bool = True) -> RootPaths: ...
    def image_data(self, diff_ids: Sequence[str]) -> dict[str, str]: ...
    def mount(self, container_id: str, diff_ids: Sequence[str], *, init: bool = True) -> RootPaths: ...
    def unmount(self, container_id: str) -> None: ...
    def drop_root(self, container_id: str) -> None: ...
    def empty_trash(self) -> None: ...
    def sync(self) -> None: ...


class OverlaySnapshotter:
    """See the module docstring."""

    driver = "overlay2"

    def __init__(self, root: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self._root = root
        self._layers = root / "layers"
        self._inits = root / "inits"
        self._roots = root / "roots"
        self._trash = root / "trash"
        self._limits = limits
        self._serial = 0

    def start(self) -> None:
        """Make the directories; move what an earlier run left half-made to the trash."""
        for directory in (self._layers, self._inits, self._roots, self._trash):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _spread_children(self._layers)
        for parent in (self._layers, self._inits, self._roots):
            for entry in list(os.scandir(parent)):
                if entry.name.startswith("."):
                    self._discard(Path(entry.path))

    # layers
    def layer_path(self, diff_id: str) -> Path:
        return self._layers / diff_id.removeprefix("sha256:")

    def has_layer(self, diff_id: str) -> bool:
        return self.layer_path(diff_id).exists()

    def layer_ids(self) -> set[str]:
        return {f"sha256:{entry.name}" for entry in os.scandir(self._layers) if not entry.name.startswith(".")}

    def unpack(self, chunks: Iterable[bytes], expected: str = "") -> tuple[str, Unpacked]:
        """Unpack an uncompressed tar; returns its diff id. Nothing stays on error. Invalid when it is not `expected`.

        Not on disk for sure until `sync`. Unpacking one layer twice at a time is harmless.
        """
        temporary = self._new_name(self._layers)
        temporary.mkdir(mode=0o755)
        digest = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for chunk in chunks:
                digest.update(chunk)
                yield chunk

        try:
            temporary.chmod(0o755)
            descriptor = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                unpacked = self._fill(hashed(), descriptor)
            finally:
                os.close(descriptor)
            diff_id = f"sha256:{digest.hexdigest()}"
            if expected and diff_id != expected:
                raise Invalid(f"wrong diff id calculated on extraction {diff_id!r}", diff_id=diff_id)
            final = self.layer_path(diff_id)
            failpoints.hit("images.before_layer_rename")
            try:
                temporary.rename(final)
            except OSError:
                if not final.exists():
                    raise
                self._discard(temporary)  # somebody unpacked the same layer meanwhile
        except BaseException:
            self._discard(temporary)
            raise
        return diff_id, unpacked

    def _fill(self, chunks: Iterable[bytes], directory: int) -> Unpacked:
        return unpack_layer(chunks, directory, self._limits)

    def take_upper(self, container_id: str, diff_id: str) -> None:
        """Make a root's writable directory the layer `diff_id`, whose tar was written from it. The root is unmounted
        and of no use afterwards. An upper has a layer's form already; only its own mode is not the container's."""
        self.unmount(container_id)
        upper = self._root_of(container_id) / "upper"
        try:
            upper.rename(self.layer_path(diff_id))
        except OSError:
            if not self.has_layer(diff_id):
                raise

    def drop_layer(self, diff_id: str) -> None:
        """Take the layer away; its files go with `empty_trash`. Safe when absent. No root may use it."""
        self._discard(self.layer_path(diff_id))

    # roots
    def _root_of(self, container_id: str) -> Path:
        if not _ID.fullmatch(container_id):
            raise Internal(f"not a container id: {container_id!r}")
        return self._roots / container_id

    def root_ids(self) -> set[str]:
        return {entry.name for entry in os.scandir(self._roots) if not entry.name.startswith(".")}

    def prepare(self, container_id: str) -> None:
        """Make an empty writable layer. Conflict when there is one."""
        final = self._root_of(container_id)
        if final.exists():
            raise Conflict(f"a root file system for container {container_id} exists already")
        temporary = self._roots / f".{container_id}"
        temporary.mkdir(mode=0o700)
        for name, mode in (("upper", 0o755), ("work", 0o700), ("merged", 0o700)):
            (temporary / name).mkdir()
            (temporary / name).chmod(mode)
        failpoints.hit("images.before_root_rename")
        temporary.rename(final)

    def paths(self, container_id: str, diff_ids: Sequence[str], *, init: bool = True) -> RootPaths:
        """Where everything of this root is. `diff_ids` are the image's, lowest first. Without `init` the root is the
        image's alone."""
        if len(diff_ids) > MAX_LAYERS:
            raise Invalid("max depth exceeded")
        # overlayfs refuses a directory that it has already. Only the topmost of equal layers can be seen anyway.
        lowers: list[Path] = []
        for diff_id in dict.fromkeys(reversed(diff_ids)):
            lowers.append(self.layer_path(diff_id))
            if is_opaque(str(lowers[-1])):  # overlayfs does not heed the mark on the root of a layer
                break
        home = self._root_of(container_id)
        if init:
            lowers.insert(0, ensure_init_layer(self._inits, lowers))
        elif not lowers:  # overlayfs wants one
            lowers.append(self._inits / "none")
            lowers[0].mkdir(mode=0o755, exist_ok=True)
        return RootPaths(merged=home / "merged", upper=home / "upper", work=home / "work", lowers=tuple(lowers))

    def image_data(self, diff_ids: Sequence[str]) -> dict[str, str]:
        """`GraphDriver.Data` of an image: its top layer is the upper one. It is never mounted by itself, so the merged
        and the work directory are only names, as in Docker."""
        layers = [str(self.layer_path(diff_id)) for diff_id in reversed(diff_ids)]
        if not layers:
            return {}
        data = {"LowerDir": ":".join(layers[1:])} if layers[1:] else {}
        top = layers[0]
        return data | {"MergedDir": f"{top}.merged", "UpperDir": top, "WorkDir": f"{top}.work"}

    def mount(self, container_id: str, diff_ids: Sequence[str], *, init: bool = True) -> RootPaths:
        """Mount the root at `merged`; nothing when it is mounted. NotFound without `prepare`."""
        where = self.paths(container_id, diff_ids, init=init)
        try:
            mounted = where.merged.stat().st_dev != where.upper.stat().st_dev
        except FileNotFoundError:
            raise NotFound(f"no root file system for container {container_id}") from None
        if not mounted:
            mounts.mount_overlay(where.merged, where.lowers, where.upper, where.work, parameters=_OPTIONS)
        return where

    def unmount(self, container_id: str) -> None:
        """Safe when it is not mounted."""
        merged = self._root_of(container_id) / "merged"
        while mounts.unmount(merged):
            pass

    def drop_root(self, container_id: str) -> None:
        """Unmount and take away; the files go with `empty_trash`. Safe when absent."""
        self.unmount(container_id)
        failpoints.hit("images.after_unmount")
        self._discard(self._root_of(container_id))

    # deleting
    def _new_name(self, parent: Path) -> Path:
        self._serial += 1
        return parent / f".{os.getpid()}-{id(self):x}-{self._serial}"

    def _discard(self, path: Path) -> None:
        try:
            path.rename(self._new_name(self._trash))
        except FileNotFoundError:
            pass

    def empty_trash(self) -> None:
        """Delete what was taken away. Safe to repeat and to interrupt."""
        for entry in list(os.scandir(self._trash)):
            mounts.unmount(f"{entry.path}/merged")
            try:
                remove_tree(entry.path)
            except OSError as error:
                # Tried again with the next one, and at the next start.
                _log.warning("images.trash path=%s: %s", entry.path, error)

    def sync(self) -> None:
        """Everything unpacked so far survives a power cut once this returns."""
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            syscalls.check(syscalls.libc.syncfs(descriptor), "syncfs", self._root)
        finally:
            os.close(descriptor)


_FS_IOC_GETFLAGS: Final = 0x80086601
_FS_IOC_SETFLAGS: Final = 0x40086602
_FS_TOPDIR_FL: Final = 0x00020000


def _spread_children(directory: Path) -> None:
    """Ask ext4 to put each subdirectory into a block group of its own, as it does below the root (`chattr +T`).

    Otherwise layers crowd into the groups where others were just deleted, and every create there first passes over all
    inodes deleted in the last minutes (ext4's recently_deleted): measured as two thirds of an unpack's kernel time.
    Elsewhere the flag does not exist, and nothing is lost.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = array.array("l", [0])
        fcntl.ioctl(descriptor, _FS_IOC_GETFLAGS, flags)
        flags[0] |= _FS_TOPDIR_FL
        fcntl.ioctl(descriptor, _FS_IOC_SETFLAGS, flags)
    except OSError:
        pass
    finally:
        os.close(descriptor)
