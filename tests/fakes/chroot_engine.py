"""The part of the engine that the builder uses, with `chroot` in place of a container: for tests of the builder alone.

It shows the builder real root file systems, exit codes and output without a runtime or a network. Needs root.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from pathlib import Path

from agent.engine.image_holds import ImageHold, ImageHolds
from agent.ports.images import Credentials, Images, Progress
from agent.ports.runtime import ExitStatus
from wire.engine.containers import CreateRequest, Mount
from wire.errors import NotFound

__all__ = ["ChrootEngine"]


class _Session:
    tty = False

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        while (piece := await self.pieces.get()) is not None:
            yield piece

    async def close(self) -> None:
        pass


class ChrootEngine:
    """See the module docstring. `created` keeps every request; `containers` those not removed yet."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self.image_holds = ImageHolds()
        self.created: list[CreateRequest] = []
        self.containers: dict[str, CreateRequest] = {}
        self.names: dict[str, str] = {}
        self._sessions: dict[str, _Session] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._mounts: dict[str, list[Mount]] = {}
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._exits: dict[str, asyncio.Future[tuple[ExitStatus, str]]] = {}

    async def image_tag(self, ref: str, repo: str, tag: str = "") -> bool:
        await self._images.tag(ref, repo, tag)
        return True

    def let_go(self, container_id: str) -> None:
        """Nobody prunes here."""

    def hold_images(self) -> ImageHold:
        return self.image_holds.open()

    def publish(self, kind: str, action: str, actor_id: str, attributes: Mapping[str, str]) -> None:
        """Nobody listens to events here."""

    async def image_pull(
        self, ref: str, *, platform: str = "", all_tags: bool = False, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        raise NotFound(f"no registry here for {ref}")

    async def create(
        self,
        name: str,
        body: CreateRequest,
        platform: str = "",
        *,
        own_mounts: Sequence[Mount] = (),
        held: bool = False,
    ) -> tuple[str, list[str]]:
        container_id = os.urandom(32).hex()
        await self._images.prepare(container_id, body.image)
        self.created.append(body)
        self._mounts[container_id] = [*own_mounts, *((body.host_config.mounts or []) if body.host_config else [])]
        self.containers[container_id] = body
        self.names[name] = container_id
        self._exits[container_id] = asyncio.get_running_loop().create_future()
        return container_id, []

    async def attach(self, ref: str, **_: bool) -> _Session:
        self._sessions[ref] = _Session()
        return self._sessions[ref]

    def wait(self, ref: str, condition: str = "") -> Awaitable[tuple[ExitStatus, str]]:
        return self._exits[ref]

    async def start(self, ref: str) -> None:
        body = self.containers[ref]
        rootfs = await self._images.mount(ref)
        for mount in self._mounts[ref]:
            await self._mount(rootfs.path, mount)
        words = body.cmd if isinstance(body.cmd, list) else []
        env = dict(item.partition("=")[::2] for item in body.env or [])
        process = await asyncio.create_subprocess_exec(
            "unshare", "--mount", "--propagation", "unchanged", "--root", str(rootfs.path),
            "--wd", body.working_dir or "/", *words,
            env=env, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._processes[ref] = process
        self._followers[ref] = asyncio.create_task(self._follow(ref, process))

    async def _mount(self, root: Path, mount: Mount) -> None:
        target = root / str(mount.target).lstrip("/")
        source = Path(str(mount.source)) if mount.type == "bind" else None
        if source is not None and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        else:
            target.mkdir(parents=True, exist_ok=True)
        words = ["mount", "--bind", str(source)] if source else ["mount", "-t", "tmpfs", "tmpfs"]
        done = await asyncio.create_subprocess_exec(*words, str(target))
        await done.wait()

    async def _follow(self, ref: str, process: asyncio.subprocess.Process) -> None:
        session = self._sessions[ref]

        async def pump(number: int, stream: asyncio.StreamReader) -> None:
            while piece := await stream.read(65536):
                await session.pieces.put((number, piece))

        assert process.stdout is not None
        assert process.stderr is not None
        await asyncio.gather(pump(1, process.stdout), pump(2, process.stderr))
        code = await process.wait()
        await session.pieces.put(None)
        await self._unmount_all(ref)
        self._exits[ref].set_result((ExitStatus(code=code if code >= 0 else 128 - code, exited_at=0.0), ""))

    async def _unmount_all(self, ref: str) -> None:
        rootfs = await self._images.mount(ref)
        for mount in reversed(self._mounts[ref]):
            target = rootfs.path / str(mount.target).lstrip("/")
            done = await asyncio.create_subprocess_exec("umount", "--lazy", str(target))
            await done.wait()

    async def kill(self, ref: str) -> None:
        process = self._processes.get(ref)
        if process is not None and process.returncode is None:
            process.kill()

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False) -> None:
        ref = self.names.get(ref, ref)
        if self.containers.get(ref) is None:
            raise NotFound(f"No such container: {ref}")
        if ref in self._followers:
            await self.kill(ref)
            await self._followers.pop(ref)
        self.containers.pop(ref)
        await self._images.remove(ref)
