"""A whole engine over fakes: everything Docker's verbs touch, without root and without a kernel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.build.changes import apply_changes
from agent.config import Config
from agent.engine.engine import Engine
from agent.logs.store import FileLogs
from agent.ports.runtime import Runtime
from agent.runtime.fake import FakeRuntime
from tests.fakes.images import FakeImages, add_image
from tests.fakes.networking import FakeNetworking
from tests.fakes.store import MemoryStore
from tests.fakes.volumes import FakeVolumes

__all__ = ["Rig", "open_rig"]


@dataclass
class Rig:
    """The engine and what it stands on."""

    engine: Engine
    runtime: Any
    images: FakeImages
    networking: FakeNetworking
    volumes: FakeVolumes
    store: MemoryStore
    config: Config


@asynccontextmanager
async def open_rig(
    root: Path,
    *,
    store: MemoryStore | None = None,
    runtime: Runtime | None = None,
    files: Mapping[str, bytes] | None = None,
) -> AsyncIterator[Rig]:
    """An engine that has started up and knows the image `busybox`. Give `store` and `root` again for a restart."""
    kept = store or MemoryStore()
    config = Config(data=root / "data", run=root / "run", instance="test", runtime="fake")
    images = FakeImages(config.images, kept)
    await images.start()
    networking = FakeNetworking()
    await networking.start()
    volumes = FakeVolumes(root / "volumes")
    logs = FileLogs()
    used = runtime or FakeRuntime(pace=0.01)
    engine = Engine(
        config=config,
        store=kept,
        runtime=used,
        images=images,
        networking=networking,
        volumes=volumes,
        logs=logs,
        apply_changes=apply_changes,
    )
    if not any("busybox:latest" in image.repo_tags for image in images.list()):
        await add_image(images, "docker.io/library/busybox", "latest", files=files, changes={"Cmd": ["sh"]})
    await engine.start_up()
    try:
        yield Rig(engine, used, images, networking, volumes, kept, config)
    finally:
        await engine.close()
        await used.close()
        await logs.close()
        await networking.close()
        await images.close()
