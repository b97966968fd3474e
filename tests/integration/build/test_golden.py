"""Every golden transcript of Docker Engine 26.1, built here: status, messages, history, configuration."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from agent.build.builder import Builder
from agent.build.options import parse_options
from agent.host import mounts
from agent.images.images import LocalImages
from tests.fakes.chroot_engine import ChrootEngine
from tests.fakes.store import MemoryStore
from tests.integration.build.busybox_root import busybox_tar
from tests.integration.build.transcripts import context_of, image_facts, normalised
from wire.errors import MooringError
from wire.httpstatus import status_of

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="overlayfs and chroot need root"),
]
GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENGINE_DIRECTORY = re.compile(r"/[^ ]*/overlay2/[0-9a-f]{64}/merged")


async def pieces(data: bytes, size: int = 9000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[tuple[Builder, LocalImages]]:
    store = MemoryStore()
    images = LocalImages(tmp_path / "images", store)
    await images.start()
    await images.import_tar(
        pieces(busybox_tar()), repo="busybox", changes={"Cmd": ["sh"], "Env": [DEFAULT_PATH]}, message="Imported from -"
    )
    builder = Builder(
        engine=ChrootEngine(images),  # type: ignore[arg-type]
        images=images,
        store=store,
        state=tmp_path / "build",
        run=tmp_path / "run",
    )
    await builder.start()
    try:
        yield builder, images
        await builder.close()
        assert not os.listdir(tmp_path / "build" / "tmp")
        assert not os.listdir(tmp_path / "images" / "roots"), "a root of a step is left"
    finally:
        mounts.unmount_below(tmp_path)
        await images.close()


async def test_builds_answer_as_docker_does(bench: tuple[Builder, LocalImages]) -> None:
    wrong = []
    for case in GOLDEN:
        made = await build(*bench, case)
        expected = json.loads(ENGINE_DIRECTORY.sub("", json.dumps(case["expected"])))
        if made != expected:
            wrong.append(f"{case['dockerfile']!r}\n  docker: {expected}\n  here:   {made}")
    assert not wrong, f"{len(wrong)} of {len(GOLDEN)} differ:\n" + "\n".join(wrong)


async def build(builder: Builder, images: LocalImages, case: dict[str, Any]) -> dict[str, Any]:
    query = parse_qs(f"nocache=1&forcerm=1&{case.get('query', '')}", keep_blank_values=True)
    messages: list[dict[str, Any]] = []
    status = 200
    try:
        async for message in builder.build(parse_options(query), pieces(context_of(case))):
            messages.append(message)
    except MooringError as error:
        status = status_of(error)
        messages = [{"message": error.message}]
    made: dict[str, Any] = {"status": status, "messages": normalised(messages)}
    ids = [message["aux"]["ID"] for message in messages if "aux" in message]
    if ids:
        image = images.resolve(ids[-1])
        config: Any = image.config["config"]
        made["image"] = image_facts(config, _history(images, image.id, image.config))
    return made


def _history(images: LocalImages, image_id: str, document: Any) -> list[tuple[str, int]]:
    """History as `GET /images/ID/history` has it, newest first, with the size each entry's layer adds."""
    sizes = iter(images.layer_sizes(image_id))
    entries = []
    for entry in document.get("history", []):
        entries.append((entry.get("created_by", ""), 0 if entry.get("empty_layer") else next(sizes)))
    return entries[::-1]
