"""Managed plugins are kept as records, and nothing runs one."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.engine import plugins
from agent.engine.context import Context
from tests.fakes.store import MemoryStore
from wire import errors

CONFIG = {"description": "dummy", "entrypoint": ["/dummy"], "env": [{"name": "DEBUG", "value": "0"}]}


def context() -> Context:
    return cast(Context, SimpleNamespace(store=MemoryStore()))


async def archive(files: dict[str, bytes]) -> AsyncIterator[bytes]:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    yield out.getvalue()


def plugin(config: Any = CONFIG) -> AsyncIterator[bytes]:
    return archive({"config.json": json.dumps(config).encode(), "rootfs/file": b"x"})


async def test_a_plugin_is_listed_inspected_and_removed(tmp_path: Path) -> None:
    ctx = context()
    await plugins.create(ctx, "team/dummy", plugin(), tmp_path)
    found = plugins.inspect(ctx, "team/dummy")
    assert found["Name"] == "team/dummy:latest"
    assert found["Config"]["Entrypoint"] == ["/dummy"]
    assert found["Settings"]["Env"] == ["DEBUG=0"]
    assert found["Enabled"] is False
    assert plugins.inspect(ctx, found["Id"][:12]) == found
    with pytest.raises(errors.Conflict, match="plugin team/dummy:latest already exists"):
        await plugins.create(ctx, "team/dummy:latest", plugin(), tmp_path)
    await plugins.remove(ctx, "team/dummy")
    assert plugins.listing(ctx) == []
    with pytest.raises(errors.NotFound, match='plugin "team/dummy" not found'):
        plugins.inspect(ctx, "team/dummy")


async def test_what_would_run_a_plugin_is_refused(tmp_path: Path) -> None:
    ctx = context()
    await plugins.create(ctx, "dummy", plugin(), tmp_path)
    with pytest.raises(errors.Unsupported, match="does not run plugins"):
        plugins.refuse(ctx, "dummy", "enable")
    with pytest.raises(errors.Invalid, match="already disabled"):
        plugins.refuse(ctx, "dummy", "disable")
    with pytest.raises(errors.NotFound):
        plugins.refuse(ctx, "other", "enable")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"config.json": b"{}"},
        {"rootfs/x": b""},
        {"config.json": b"{", "rootfs/x": b""},
        {"config.json": b"[]", "rootfs/x": b""},
    ],
)
async def test_a_bad_archive_leaves_nothing(tmp_path: Path, files: dict[str, bytes]) -> None:
    ctx = context()
    with pytest.raises(errors.Invalid):
        await plugins.create(ctx, "bad", archive(files), tmp_path)
    assert plugins.listing(ctx) == []
    assert list(tmp_path.iterdir()) == []
