"""Killed at any line: afterwards the disk holds exactly what the rows name, and the same verb simply works."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host import mounts
from agent.images.images import LocalImages
from agent.storage.sqlite import SqliteStore
from tests.fakes.images import add_image
from tests.registries import run_registry

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="overlayfs needs root"),
]
REPOSITORY = Path(__file__).resolve().parents[3]


def run(root: Path, verb: str, ref: str = "", failpoint: str = "") -> int:
    """Do it in a process of its own; returns its exit status, negative for a signal."""
    environment = dict(os.environ) | {"MOORING_FAILPOINT": failpoint, "PYTHONPATH": str(REPOSITORY)}
    argv = [sys.executable, "-m", "tests.integration.images.victim", str(root), verb, ref]
    done = subprocess.run(argv, env=environment, cwd=REPOSITORY, timeout=60, capture_output=True)
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(done.stderr.decode())
    return done.returncode


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "images").mkdir()
    yield tmp_path
    mounts.unmount_below(tmp_path)


def check(root: Path, containers: tuple[str, ...] = ()) -> dict[str, str]:
    """Start on what is there, keep these containers, compare disk and rows; returns tag → image id."""

    async def look() -> dict[str, str]:
        store = SqliteStore(root / "journal.sqlite3")
        images = LocalImages(root / "images", store)
        await images.start()
        await images.recover(containers)
        found = images.list()
        catalog = images._catalog
        names = {tag: image.id for image in found for tag in image.repo_tags}
        for image in found:  # complete: each can be saved, which checks every byte
            async for _ in images.save([image.id]):
                pass
        await images.close()
        await store.close()
        base = root / "images"
        assert {f"sha256:{name}" for name in os.listdir(base / "layers")} == set(catalog.layers())
        assert {f"sha256:{name}" for name in os.listdir(base / "blobs/sha256")} == catalog.named_blobs()
        used = {diff_id for image in found for diff_id in image.diff_ids}
        used |= {diff_id for c in containers if (row := catalog.root(c)) for diff_id in row.diff_ids}
        assert set(catalog.layers()) == used
        assert set(os.listdir(base / "roots")) == set(catalog.root_ids())
        for scratch in ("ingest", "trash", "blobs/trash"):
            assert os.listdir(base / scratch) == []
        return names

    return asyncio.run(look())


def mounted(root: Path) -> list[str]:
    return [entry.mountpoint for entry in mounts.iter_mounts() if entry.mountpoint.startswith(str(root))]


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A two-layer image in a registry."""
    with run_registry() as address:
        root = tmp_path_factory.mktemp("origin")

        async def push() -> None:
            store = SqliteStore(root / "journal.sqlite3")
            images = LocalImages(root / "images", store)
            await images.start()
            base = await add_image(images, files={"a": os.urandom(3_000_000), "b": b"b"})
            rootfs = await images.prepare("c", base)
            (rootfs.upper / "top").write_bytes(os.urandom(100_000))
            (rootfs.upper / "second").write_bytes(b"x")
            await images.commit("c", config={}, repo=f"{address}/app", tag="1")
            await images.remove("c")
            async for _ in images.push(f"{address}/app", tag="1"):
                pass
            await images.close()
            await store.close()

        asyncio.run(push())
        yield f"{address}/app:1"


PULL = [
    "pull.after_manifest", "pull.mid_blob", "images.before_blob_rename", "pull.after_blob_fsync", "images.mid_extract",
    "images.before_layer_rename", "pull.after_extract", "pull.before_tag", "images.before_image_row",
]  # fmt: skip


@pytest.mark.parametrize("failpoint", PULL)
def test_a_pull_killed_is_repeated(root: Path, remote: str, failpoint: str) -> None:
    assert run(root, "pull", remote, failpoint) == -signal.SIGKILL
    assert check(root) == {}
    assert run(root, "pull", remote) == 0
    assert list(check(root)) == [remote]


@pytest.mark.parametrize(
    "failpoint", ["images.before_blob_rename", "images.before_layer_rename", "images.before_image_row"]
)
def test_an_import_killed_is_repeated(root: Path, failpoint: str) -> None:
    assert run(root, "import", failpoint=failpoint) == -signal.SIGKILL
    assert check(root) == {}
    assert run(root, "import") == 0
    assert list(check(root)) == ["app:1"]


@pytest.mark.parametrize("failpoint", ["images.after_image_row_removed", "images.after_layer_rows"])
def test_a_delete_killed_is_finished_by_the_next_start(root: Path, failpoint: str) -> None:
    run(root, "import")
    assert run(root, "delete", failpoint=failpoint) == -signal.SIGKILL
    assert check(root) == {}
    assert os.listdir(root / "images/layers") == []


@pytest.mark.parametrize("failpoint", ["images.after_root_row", "images.before_root_rename"])
def test_a_root_half_made_is_gone_when_its_container_is(root: Path, failpoint: str) -> None:
    run(root, "import")
    assert run(root, "run", failpoint=failpoint) == -signal.SIGKILL
    check(root)
    assert os.listdir(root / "images/roots") == []
    assert run(root, "run") == 0
    check(root, ("c1",))
    assert len(mounted(root)) == 1


@pytest.mark.parametrize("failpoint", ["images.after_unmount", "images.before_root_row_removed"])
def test_a_removal_killed_is_repeated(root: Path, failpoint: str) -> None:
    run(root, "import")
    run(root, "run")
    assert run(root, "remove", failpoint=failpoint) == -signal.SIGKILL
    assert run(root, "remove") == 0
    check(root, ("c1",))
    assert os.listdir(root / "images/roots") == []
    assert mounted(root) == []


def test_a_mounted_root_survives_the_agent(root: Path) -> None:
    run(root, "import")
    run(root, "run")
    check(root, ("c1",))
    [point] = mounted(root)
    assert (Path(point) / "new").read_text() == "written"


@pytest.mark.parametrize(
    "failpoint",
    ["images.before_blob_rename", "images.before_layer_rename", "images.before_image_row"],
)
def test_a_commit_killed_is_repeated(root: Path, failpoint: str) -> None:
    run(root, "import")
    run(root, "run")
    assert run(root, "commit", failpoint=failpoint) == -signal.SIGKILL
    assert list(check(root, ("c1",))) == ["app:1"]
    assert run(root, "commit") == 0
    assert sorted(check(root, ("c1",))) == ["app:1", "app:2"]
