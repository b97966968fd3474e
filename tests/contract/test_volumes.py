"""The volume port: the local driver and the fake answer the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.config import Config
from agent.ports.volumes import Volumes
from agent.volumes.local import LocalVolumes
from tests.fakes.store import MemoryStore
from tests.fakes.volumes import FakeVolumes
from wire.errors import Conflict, Invalid, NotFound


def _local(root: Path) -> Volumes:
    return LocalVolumes(Config(data=root), MemoryStore())


def _fake(root: Path) -> Volumes:
    return FakeVolumes(root / "volumes")


@pytest.fixture(params=[_local, _fake], ids=["local", "fake"])
def volumes(request: pytest.FixtureRequest, tmp_path: Path) -> Volumes:
    make: Callable[[Path], Volumes] = request.param
    return make(tmp_path)


async def test_creating_an_existing_name_returns_it_unchanged(volumes: Volumes) -> None:
    made = await volumes.create("data", labels={"a": "b"})
    again = await volumes.create("data", labels={"a": "c"}, options={"type": "tmpfs", "device": "tmpfs"})
    assert again == made
    assert made.mountpoint.is_dir()


async def test_a_volume_without_a_name_is_marked_anonymous(volumes: Volumes) -> None:
    made = await volumes.create(None)
    assert made.anonymous
    assert len(made.name) == 64
    assert made.labels == {"com.docker.volume.anonymous": ""}


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("a", {}, "create a: volume name is too short, names should be at least two alphanumeric characters"),
        (
            "a/b",
            {},
            (
                'create a/b: "a/b" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
            ),
        ),
        ("ok", {"foo": "bar"}, 'create ok: invalid option: "foo"'),
        ("ok", {"type": "tmpfs"}, 'create ok: missing required option: "device"'),
        ("ok", {"device": "tmpfs"}, 'create ok: missing required option: "type"'),
        ("ok", {"size": "junk"}, "create ok: invalid size: 'junk'"),
        ("ok", {"size": "10m"}, "create ok: quota size requested but no quota support"),
    ],
)
async def test_refusals_have_dockers_words(volumes: Volumes, name: str, options: dict[str, str], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        await volumes.create(name, options=options)
    assert caught.value.message == text
    assert volumes.list() == []


async def test_an_unknown_driver_is_not_found(volumes: Volumes) -> None:
    with pytest.raises(NotFound, match='error looking up volume plugin nosuch: plugin "nosuch" not found'):
        await volumes.create("data", driver="nosuch")


async def test_a_mounted_volume_cannot_be_removed(volumes: Volumes) -> None:
    await volumes.create("data")
    source = await volumes.mount("data", "c1")
    (source / "file").write_text("x")
    with pytest.raises(Conflict, match=r"remove data: volume is in use - \[c1\]"):
        await volumes.remove("data", force=True)
    await volumes.unmount("data", "c1")
    await volumes.remove("data")
    with pytest.raises(NotFound, match="get data: no such volume"):
        volumes.get("data")
    with pytest.raises(NotFound, match="get data: no such volume"):
        await volumes.remove("data")
    await volumes.remove("data", force=True)
    assert not source.exists()


async def test_copy_up_fills_an_empty_volume_once(volumes: Volumes, tmp_path: Path) -> None:
    rootfs = tmp_path / "rootfs"
    (rootfs / "etc/app").mkdir(parents=True)
    (rootfs / "etc/app/config").write_text("from image")
    os.symlink("config", rootfs / "etc/app/link")
    await volumes.create("data")
    target = await volumes.mount("data", "c1")
    await volumes.copy_up("data", rootfs, "/etc/app")
    assert (target / "config").read_text() == "from image"
    assert os.readlink(target / "link") == "config"
    (rootfs / "etc/app/config").write_text("changed")
    await volumes.copy_up("data", rootfs, "/etc/app")
    assert (target / "config").read_text() == "from image"
    assert await volumes.usage_bytes("data") >= len("from image")


async def test_copy_up_of_a_path_that_is_not_there_is_nothing(volumes: Volumes, tmp_path: Path) -> None:
    await volumes.create("data")
    target = await volumes.mount("data", "c1")
    await volumes.copy_up("data", tmp_path, "/nowhere")
    assert list(target.iterdir()) == []
