"""Real overlay roots: hostile images cannot reach the host, whiteouts hide, diff, commit and export are Docker's."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.host import kernel, mounts
from agent.images import tar_reader
from agent.images.images import LocalImages
from agent.images.tar_reader import TarEntry
from agent.images.tar_writer import END_OF_ARCHIVE, header
from tests.fakes.images import add_image, tar_of
from tests.fakes.store import MemoryStore
from wire.errors import Internal, Invalid, NotFound

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="overlayfs needs root")]


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[LocalImages]:
    made = LocalImages(tmp_path / "images", MemoryStore())
    await made.start()
    try:
        yield made
    finally:
        await made.recover([])
        await made.close()
        assert mounts.unmount_below(tmp_path) == []


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def import_entries(images: LocalImages, *entries: TarEntry) -> str:
    return await images.import_tar(stream(b"".join(header(entry) for entry in entries) + END_OF_ARCHIVE))


async def run(images: LocalImages, container: str, image_id: str) -> Path:
    await images.prepare(container, image_id)
    return (await images.mount(container)).path


@pytest.mark.parametrize("kind", ["link", "file", "fifo"])
async def test_what_an_image_puts_in_place_of_system_directories_is_hidden(
    images: LocalImages, tmp_path: Path, kind: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    names = ["dev", "proc", "sys", "etc"]
    entries = {
        "link": [TarEntry(name, tar_reader.SYMLINK, link=str(outside)) for name in names],
        "file": [TarEntry(name, tar_reader.REGULAR) for name in names],
        "fifo": [TarEntry(name, tar_reader.FIFO) for name in names],
    }[kind]
    path = await run(images, "c", await import_entries(images, *entries))
    for name in names:
        assert stat.S_ISDIR((path / name).lstat().st_mode)
    for name in ("etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/console", ".dockerenv"):
        assert stat.S_ISREG((path / name).lstat().st_mode)
        (path / name).write_text("from a runtime")
    assert os.readlink(path / "etc/mtab") == "/proc/mounts"
    assert sorted(os.listdir(path / "dev")) == ["console", "pts", "shm"]
    assert os.listdir(outside) == []


async def test_links_in_place_of_the_files_a_runtime_binds_are_hidden(images: LocalImages, tmp_path: Path) -> None:
    target = tmp_path / "secret"
    target.write_text("untouched")
    names = ["etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/console"]
    entries = [TarEntry(name, tar_reader.SYMLINK, link=str(target)) for name in names]
    entries.insert(0, TarEntry("etc/", tar_reader.DIRECTORY, mode=0o750, uid=3, gid=4))
    path = await run(images, "c", await import_entries(images, *entries))
    for name in names:
        (path / name).write_text("from a runtime")
    assert target.read_text() == "untouched"
    facts = (path / "etc").stat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid) == (0o750, 3, 4)


async def test_an_image_of_many_layers_and_equal_ones_is_mounted(images: LocalImages) -> None:
    image_id = await add_image(images, files={"base": b"x"})
    await images.prepare("b", image_id)
    rootfs = await images.mount("b")
    for number in range(150):
        (rootfs.path / f"f{number % 3}").write_text(str(number % 5))
        # The same content twice gives the same layer twice in one stack.
        parent = image_id
        image_id = await images.create_image(
            parent=parent, config={"config": {"Cmd": [str(number)]}}, layers_from=parent, container_id="b"
        )
    assert len(images.resolve(image_id).diff_ids) == 151
    path = await run(images, "c", image_id)
    assert sorted(n for n in os.listdir(path) if n.startswith("f")) == ["f0", "f1", "f2"]
    assert (path / "base").read_text() == "x"


async def test_diff_says_what_docker_says(images: LocalImages) -> None:
    image_id = await add_image(
        images, files={"d/keep": b"1", "d/gone": b"2", "tree/a": b"3", "tree/b": b"4", "same": b"5", "mode": b"6"}
    )
    path = await run(images, "c", image_id)
    assert await images.changes("c") == []
    (path / "d/keep").write_text("changed")
    (path / "d/gone").unlink()
    (path / "d/new").write_text("n")
    (path / "mode").chmod(0o600)
    for name in ("a", "b"):
        (path / "tree" / name).unlink()
    (path / "tree").rmdir()
    (path / "tree").mkdir()
    (path / "tree/c").write_text("c")
    (path / "passing").write_text("x")
    (path / "passing").unlink()
    os.utime(path / "same", ns=((path / "same").stat().st_mtime_ns,) * 2)
    assert await images.changes("c") == [
        (0, "/d"), (2, "/d/gone"), (0, "/d/keep"), (1, "/d/new"), (0, "/mode"),
        (0, "/tree"), (2, "/tree/a"), (2, "/tree/b"), (1, "/tree/c"),
    ]  # fmt: skip
    assert await images.writable_size_bytes("c") == len("changed") + 1 + 1 + 1 + 1


async def test_a_commit_keeps_whiteouts_and_opaque_directories(images: LocalImages) -> None:
    image_id = await add_image(images, files={"gone": b"1", "tree/a": b"2", "kept": b"3"})
    path = await run(images, "c", image_id)
    (path / "gone").unlink()
    (path / "tree/a").unlink()
    (path / "tree").rmdir()
    (path / "tree").mkdir()
    (path / "tree/b").write_text("b")
    committed = await images.commit(
        "c", config={"Cmd": ["x"]}, repo="app", tag="2", author="me", comment="why", created_by="sh"
    )
    image = images.resolve("app:2")
    assert (image.id, image.parent) == (committed, image_id)
    assert image.config["history"][-1].items() >= {"author": "me", "comment": "why", "created_by": "sh"}.items()
    layer = b"".join([piece async for piece in images.save([committed])])
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        top = archive.extractfile(f"blobs/sha256/{image.diff_ids[-1][7:]}")
        assert top is not None
        with tarfile.open(fileobj=io.BytesIO(top.read())) as inner:
            names = set(inner.getnames())
    assert {".wh.gone", "tree", "tree/.wh..wh..opq", "tree/b"} <= names
    path = await run(images, "again", committed)
    assert sorted(os.listdir(path / "tree")) == ["b"]
    assert not (path / "gone").exists()
    assert (path / "kept").read_text() == "3"


async def test_nothing_changed_commits_no_layer(images: LocalImages) -> None:
    image_id = await add_image(images)
    await images.prepare("c", image_id)
    committed = await images.commit("c", config={})
    assert images.resolve(committed).diff_ids == images.resolve(image_id).diff_ids
    assert images.resolve(committed).config["history"][-1]["empty_layer"] is True


async def test_a_layer_opaque_at_its_root_hides_all_below(images: LocalImages) -> None:
    base = await add_image(images, files={"below": b"1"})
    top = await import_entries(
        images, TarEntry(".wh..wh..opq", tar_reader.REGULAR), TarEntry("above", tar_reader.REGULAR)
    )
    lower, upper = images.resolve(base).diff_ids[0], images.resolve(top).diff_ids[0]
    where = images._content.snapshots.paths("x", [lower, upper])
    assert [path.name for path in where.lowers[1:]] == [upper[7:]]


async def test_an_export_of_a_stopped_container_is_its_whole_tree(images: LocalImages) -> None:
    image_id = await add_image(images, files={"a": b"1", "gone": b"2"})
    path = await run(images, "c", image_id)
    (path / "gone").unlink()
    (path / "b").write_text("new")
    await images.unmount("c")
    data = b"".join([piece async for piece in images.export("c")])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
    assert "a" in names
    assert "b" in names
    assert "gone" not in names
    assert not mounts.is_mounted(path)


@pytest.mark.parametrize("form", ["xz", "gz", "bz2", ""])
async def test_no_program_of_the_container_unpacks_for_us(images: LocalImages, form: str, tmp_path: Path) -> None:
    program = f"#!/bin/sh\ntouch {tmp_path}/ran\n".encode()
    names = [
        f"{place}/{name}" for place in ("bin", "usr/bin") for name in ("xz", "unxz", "gzip", "unpigz", "tar", "bzip2")
    ]
    path = await run(images, "c", await add_image(images, files=dict.fromkeys(names, program)))
    for name in names:
        (path / name).chmod(0o755)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{form}") as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("put"), io.BytesIO())
    await images.archive_put(path, "/", stream(packed.getvalue()))
    assert (path / "put").exists()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "asked",
    ["../../../../{outside}", "/../../{outside}", "//{outside}", "link", "link/", "link/canary", "a/../link/canary"],
)
async def test_paths_of_a_container_lead_nowhere_else(images: LocalImages, tmp_path: Path, asked: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("secret")
    path = await run(images, "c", await add_image(images))
    (path / "link").symlink_to(outside)
    wanted = asked.replace("{outside}", str(outside))
    try:
        _, chunks = await images.archive_get(path, wanted)
        assert b"secret" not in b"".join([piece async for piece in chunks])
    except (NotFound, Invalid):
        pass
    try:
        await images.archive_put(path, wanted, stream(tar_of({"canary": b"evil"})))
    except (NotFound, Invalid):
        pass
    assert (outside / "canary").read_text() == "secret"
    assert os.listdir(outside) == ["canary"]


async def test_lost_layers_are_made_again_below_a_root(images: LocalImages) -> None:
    image_id = await add_image(images, files={"a": b"x"})
    path = await run(images, "c", image_id)
    await images.unmount("c")
    images._content.snapshots.drop_layer(images.resolve(image_id).diff_ids[0])
    await images.mount("c")
    assert (path / "a").read_text() == "x"


async def test_a_full_disk_is_said_and_given_back(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    mounts.mount("tmpfs", tmp_path / "small", "tmpfs", data="size=8m")
    images = LocalImages(tmp_path / "small" / "images", MemoryStore())
    try:
        await images.start()
        with pytest.raises(Internal, match="no space left"):
            await add_image(images, files={"big": os.urandom(10 << 20)})
        with pytest.raises(Internal, match="no space left"):  # the blob fits, the unpacked layer does not
            await add_image(images, files={"big": os.urandom(5 << 20)})
        await images.close()
        assert os.listdir(tmp_path / "small/images/layers") == []
        images = LocalImages(tmp_path / "small" / "images", MemoryStore())
        await images.start()
        await add_image(images, "app", files={"big": os.urandom(3 << 20)})
        assert images.resolve("app").size_bytes == 3 << 20
    finally:
        await images.close()
        mounts.unmount_below(tmp_path)


def test_a_kernel_that_takes_all_layers_in_one_page_takes_as_many_as_docker_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Linux 6.5 (Debian 12) they come in one string; with their full paths that would not fit."""
    monkeypatch.setattr(kernel, "kernel_version", lambda: (6, 1))
    layers = [tmp_path / f"{number:064x}" for number in range(125)]
    upper, work, merged = tmp_path / "upper,1", tmp_path / "work,1", tmp_path / "merged"
    for directory in (*layers, upper, work, merged):
        directory.mkdir()
        (directory / directory.name).touch()
    mounts.mount_overlay(merged, layers, upper, work)
    try:
        assert {path.name for path in merged.iterdir()} == {path.name for path in (*layers, upper)}
    finally:
        mounts.unmount(merged)
    with pytest.raises(OSError, match="too many"):
        mounts.mount_overlay(merged, layers * 3, upper, work)
