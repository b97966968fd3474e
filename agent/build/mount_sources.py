"""What `RUN --mount` flags mean on this host: directories made ready for the length of one step."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.build.copy_sources import find_items, walk_item
from agent.build.file_tree import FileKind, FileTree, OutsideTree, clean_tree_path
from agent.build.mounted_tree import MountedTree
from agent.build.root_writer import Ownership, RootWriter
from agent.build.run_mounts import RunMount
from agent.build.step_context import StepContext, new_container_id
from agent.build.syntax import Heredoc
from agent.host import files, paths
from agent.host.threads import in_thread
from wire.engine.containers import Mount, TmpfsOptions
from wire.errors import Invalid, NotFound

__all__ = ["PreparedMounts", "mount_inputs", "prepare_mounts"]

StageImage = Callable[[str], Awaitable[str]]
"""Finds the image that a `from` names: a stage (waited for), or an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedMounts:
    """Mounts of a container (`binds` of directories made ready here, and `tmpfs`), and the environment that secrets
    asked for by `env=` give it."""

    binds: tuple[Mount, ...] = ()
    tmpfs: tuple[Mount, ...] = ()
    environment: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(mount.target for mount in (*self.binds, *self.tmpfs) if isinstance(mount.target, str))


async def mount_inputs(context: StepContext, mounts: Sequence[RunMount], image_of: StageImage) -> list[str]:
    """What of the mounts decides the step's result: the flags, and the content of bound files."""
    inputs = []
    for mount in mounts:
        inputs.append(repr(mount))
        if mount.type != "bind":
            continue
        if mount.from_:
            inputs.append(await image_of(mount.from_))
        else:
            inputs.append(await in_thread(_content_of, context.context, mount.source))
    return inputs


def _content_of(tree: FileTree, source: str) -> str:
    return find_items(tree, source or ".", exclude=None, in_context=True)[0].digest


@asynccontextmanager
async def prepare_mounts(
    context: StepContext,
    mounts: Sequence[RunMount],
    image_of: StageImage,
    working_dir: str,
    script: Heredoc | None = None,
) -> AsyncIterator[PreparedMounts]:
    """Have the mounts ready for the length of the block. Writes to bound files are thrown away afterwards.

    `script` is shown as an executable file `/dev/pipes/NAME`.
    """
    async with AsyncExitStack() as stack:
        ready: list[Mount] = []
        if script is not None:
            path = _private_file(context.scratch, script.text().encode("utf-8", "surrogateescape"), stack, mode=0o755)
            ready.append(_bind(path, f"/dev/pipes/{script.name}", read_only=True))
        environment: list[str] = []
        for mount in mounts:
            target = posixpath.normpath(posixpath.join("/", working_dir, mount.target))
            if mount.type == "bind":
                source = await _bound(context, mount, image_of, stack)
                ready.append(_bind(source, target, mount.read_only))
            elif mount.type == "cache":
                path, made = await stack.enter_async_context(
                    context.cache_mounts.use(
                        mount.cache_id or target,
                        target=target,
                        sharing=mount.sharing,
                        mode=0o755 if mount.mode is None else mount.mode,
                        owner=(mount.uid, mount.gid),
                    )
                )
                if made and mount.from_:
                    await _seed(context, mount, image_of, path)
                ready.append(_bind(path, target, mount.read_only))
            elif mount.type == "tmpfs":
                options = TmpfsOptions(size_bytes=mount.size_bytes) if mount.size_bytes else TmpfsOptions()
                ready.append(Mount(type="tmpfs", target=target, tmpfs_options=options))
            else:
                secret = await _secret(context, mount, stack)
                if secret is None:
                    continue
                name, path = secret
                if mount.env:
                    environment.append(f"{mount.env}={path.read_text()}")
                if mount.target or not mount.env:
                    where = target if mount.target else f"/run/secrets/{name}"
                    ready.append(_bind(path, where, read_only=True))
        yield PreparedMounts(
            binds=tuple(mount for mount in ready if mount.type == "bind"),
            tmpfs=tuple(mount for mount in ready if mount.type == "tmpfs"),
            environment=tuple(environment),
        )


def _bind(source: Path, target: str, read_only: bool) -> Mount:
    return Mount(type="bind", source=str(source), target=target, read_only=read_only)


async def _bound(context: StepContext, mount: RunMount, image_of: StageImage, stack: AsyncExitStack) -> Path:
    if mount.from_:
        image_id = await image_of(mount.from_)
        rootfs = await stack.enter_async_context(context.mounted(image_id))
        return await in_thread(_inside, rootfs.path, mount.source)
    directory = context.scratch / new_container_id()
    await in_thread(_materialise, context.context, mount.source, directory)
    stack.callback(shutil.rmtree, directory, True)
    return directory / "mount"


def _inside(root: Path, source: str) -> Path:
    try:
        return Path(paths.resolve_in_root(root, source or "/"))
    except OSError:
        raise NotFound(f"failed to compute cache key: {source}: not found") from None


def _materialise(tree: FileTree, source: str, directory: Path) -> None:
    """Write what `source` names to `directory/mount`, for a step that wants files of the context as a mount."""
    directory.mkdir(mode=0o700, parents=True)
    try:
        entry = tree.stat(clean_tree_path(source or "."))
    except OutsideTree:
        raise Invalid(f"forbidden path outside the build context: {source} ()") from None
    if entry is None:
        raise NotFound(f'failed to compute cache key: "{source}": not found')
    writer = RootWriter(directory)
    try:
        keep = Ownership(None)
        writer.put(tree, entry, "mount", keep)
        if entry.kind is FileKind.DIRECTORY:
            (item,) = find_items(tree, source or ".", exclude=None, in_context=True, with_digest=False)
            for relative, below in walk_item(tree, item, None):
                writer.put(tree, below, f"mount/{relative}", keep)
    finally:
        writer.close()


async def _seed(context: StepContext, mount: RunMount, image_of: StageImage, path: Path) -> None:
    """Fill a new cache directory from a stage or image."""
    image_id = await image_of(mount.from_)
    async with context.tree_of(image_id) as tree:
        await in_thread(_fill, tree, mount.source, path)


def _fill(tree: MountedTree, source: str, path: Path) -> None:
    (item,) = find_items(tree, source or "/", exclude=None, in_context=False, with_digest=False)
    writer = RootWriter(path)
    try:
        for relative, below in walk_item(tree, item, None):
            writer.put(tree, below, relative, Ownership(None))
    finally:
        writer.close()


async def _secret(context: StepContext, mount: RunMount, stack: AsyncExitStack) -> tuple[str, Path] | None:
    """A file holding the secret, outside every layer; None when the client has none and none is required."""
    name = mount.cache_id or posixpath.basename(mount.source or mount.target)
    content = context.secrets.get(name) if mount.type == "secret" else None
    if content is None:
        if mount.required:
            what = "secret" if mount.type == "secret" else "ssh key"
            raise NotFound(f"{what} {name or 'default'}: not found")
        return None
    mode = 0o400 if mount.mode is None else mount.mode
    return name, _private_file(context.secrets_directory, content, stack, mode=mode, owner=(mount.uid, mount.gid))


def _private_file(
    directory: Path, content: bytes, stack: AsyncExitStack, *, mode: int, owner: tuple[int, int] = (0, 0)
) -> Path:
    """A small file below a directory that only root may enter; gone when the step ends."""
    place = directory / new_container_id()
    place.mkdir(mode=0o700, parents=True)
    stack.callback(shutil.rmtree, place, True)
    path = place / "file"
    files.write_file(path, content)
    os.chown(path, *owner)
    path.chmod(mode)
    return path


def remove_mount_points(root: Path, upper: Path, targets: Sequence[str]) -> None:
    """Take away the empty files and directories that exist only because something was mounted on them. Blocking."""
    writer = RootWriter(root)
    try:
        for target in targets:
            path = writer.resolve(target)
            while path:
                made_here = (upper / path).exists()
                if not made_here or not writer.is_empty(path):
                    break
                writer.remove_empty(path)
                path = path.rpartition("/")[0]
    finally:
        with suppress(OSError):
            writer.close()
