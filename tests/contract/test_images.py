"""What every implementation of the image port promises, the fake driver's and overlayfs's alike."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest

from agent.images.images import LocalImages
from agent.ports.images import Images
from tests.fakes.images import FakeImages, add_image, tar_of
from tests.fakes.store import MemoryStore
from wire.errors import Conflict, Invalid, MooringError, NotFound

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="overlayfs needs root")


class Bench:
    """Images of one kind on a directory and a store that outlive them, so that they can be started again."""

    def __init__(self, kind: str, root: Path) -> None:
        self.kind, self.root, self.store = kind, root, MemoryStore()
        self.images: Images = self.new()
        self.news: list[tuple[str, str, str]] = []

    def new(self) -> Images:
        if self.kind == "fake":
            return FakeImages(self.root, self.store)
        return LocalImages(self.root, self.store, retry_s=0.01)

    async def start(self) -> Images:
        self.images = self.new()
        await self.images.start()
        self.images.watch(lambda action, actor, name: self.news.append((action, actor, name)))
        return self.images

    def files(self) -> dict[str, list[str]]:
        """Every layer, blob and root on disk."""
        return {
            name: sorted(os.listdir(self.root / name))
            for name in ("layers", "blobs/sha256", "roots", "ingest")
        }  # fmt: skip


@pytest.fixture(params=["fake", pytest.param("overlay", marks=[pytest.mark.root, needs_root])])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(request.param, tmp_path / "images")
    await made.start()
    yield made
    await made.images.recover([])
    await made.images.close()
    assert made.files()["roots"] == []
    assert made.files()["ingest"] == []


@pytest.fixture
def images(bench: Bench) -> Images:
    return bench.images


async def stream(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def collect(source: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in source])


async def test_an_image_is_found_by_every_way_of_naming_it(images: Images) -> None:
    image_id = await add_image(images, "user/app", "1")
    for ref in ("user/app:1", "docker.io/user/app:1", image_id, image_id[7:], image_id[:20], image_id[7:13]):
        assert images.resolve(ref).id == image_id
    assert images.resolve("user/app:1").repo_tags == ("user/app:1",)
    assert [image.id for image in images.list()] == [image_id]


@pytest.mark.parametrize(
    ("ref", "shown"),
    [("nosuch", "nosuch:latest"), ("a/b:c", "a/b:c"), ("sha256:abc", "sha256:abc"), ("f" * 64, "sha256:" + "f" * 64)],
)
async def test_an_unknown_image_is_named_in_dockers_words(images: Images, ref: str, shown: str) -> None:
    with pytest.raises(NotFound) as caught:
        images.resolve(ref)
    assert caught.value.message == f"No such image: {shown}"


async def test_a_tag_moves_and_the_old_image_stays_without_a_name(bench: Bench) -> None:
    old = await add_image(bench.images, "app", files={"a": b"1"})
    new = await add_image(bench.images, "app", files={"a": b"2"})
    assert bench.images.resolve("app").id == new
    assert bench.images.resolve(old).repo_tags == ()
    await bench.images.tag(old, "other", "")
    assert bench.images.resolve("other:latest").id == old
    assert bench.news[-1] == ("tag", old, "other:latest")


@pytest.mark.parametrize(("repo", "tag"), [("sha256", "x"), ("Upper", ""), ("x", "a b"), ("x@sha256:" + "a" * 64, "")])
async def test_bad_names_are_refused_and_nothing_changes(images: Images, repo: str, tag: str) -> None:
    image_id = await add_image(images)
    with pytest.raises(Invalid):
        await images.tag(image_id, repo, tag)
    assert images.resolve(image_id).repo_tags == ()


async def test_untagging_and_deleting_leave_nothing(bench: Bench) -> None:
    image_id = await add_image(bench.images, "app")
    with pytest.raises(Conflict):
        await bench.images.delete(image_id)
    assert await bench.images.untag("app") == "app:latest"
    diff_ids = bench.images.resolve(image_id).diff_ids
    assert await bench.images.delete(image_id) == [image_id, diff_ids[0]]
    assert bench.files() == {"layers": [], "blobs/sha256": [], "roots": [], "ingest": []}
    assert [action for action, _, _ in bench.news] == ["tag", "import", "untag", "delete"]
    with pytest.raises(NotFound):
        await bench.images.untag("app")


async def test_shared_layers_stay_until_the_last_image_goes(images: Images) -> None:
    base = await add_image(images, "base")
    child = await images.create_image(parent=base, config={"config": {"Cmd": ["x"]}}, layers_from=base)
    assert images.children(base) == [child]
    assert images.shared_size_bytes(child) == images.resolve(child).size_bytes == 6
    await images.untag("base")
    assert await images.delete(child, prune_parents=False) == [child]
    assert images.layers_size_bytes() == 6
    assert len(await images.delete(base)) == 2
    assert images.layers_size_bytes() == 0


async def test_deleting_a_child_takes_its_nameless_parents_along(images: Images) -> None:
    base = await add_image(images, "base")
    middle = await images.create_image(parent=base, config={"config": {"Cmd": ["m"]}}, layers_from=base)
    child = await images.create_image(parent=middle, config={"config": {"Cmd": ["c"]}}, layers_from=middle)
    assert await images.delete(child) == [child, middle]
    assert images.resolve("base").id == base


async def test_an_import_says_what_docker_says(images: Images) -> None:
    image_id = await images.import_tar(
        stream(tar_of({"a": b"x"})), message="Imported from -", changes={"Cmd": ["sh"]}, platform="linux/arm64"
    )
    config = images.resolve(image_id).config
    assert (config["os"], config["architecture"], config["comment"]) == ("linux", "arm64", "Imported from -")
    assert config["config"]["Cmd"] == ["sh"]
    assert config["config"]["Entrypoint"] is None
    assert [entry["comment"] for entry in config["history"]] == ["Imported from -"]


@pytest.mark.parametrize("data", [b"not a tar at all" * 100, tar_of({"../../x": b"evil"}), tar_of({"a": b"x"})[:700]])
async def test_a_bad_import_leaves_nothing(bench: Bench, data: bytes) -> None:
    with pytest.raises(Invalid):
        await bench.images.import_tar(stream(data))
    assert bench.files() == {"layers": [], "blobs/sha256": [], "roots": [], "ingest": []}


async def test_save_and_load_give_the_same_image(bench: Bench) -> None:
    base = await add_image(bench.images, "base", "1")
    child = await bench.images.create_image(parent=base, config={"config": {"Cmd": ["x"]}}, layers_from=base)
    await bench.images.tag(child, "app", "2")
    archive = await collect(bench.images.save(["base:1", "app", child]))
    with tarfile.open(fileobj=BytesIO(archive)) as reference:
        manifests = json.load(reference.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert [manifest["RepoTags"] for manifest in manifests] == [["base:1"], ["app:2"]]
    await bench.images.untag("app:2")
    await bench.images.untag("base:1")
    await bench.images.delete(child)
    assert bench.files()["blobs/sha256"] == []
    lines = [line async for line in bench.images.load(stream(archive), quiet=True)]
    assert lines == [{"stream": "Loaded image: base:1\n"}, {"stream": "Loaded image: app:2\n"}]
    assert bench.images.resolve("app:2").id == child
    assert bench.images.resolve("app:2").parent == base


async def test_loading_over_a_name_says_so(images: Images) -> None:
    first = await add_image(images, "app", files={"a": b"1"})
    archive = await collect(images.save(["app"]))
    second = await add_image(images, "app", files={"a": b"2"})
    lines = [line async for line in images.load(stream(archive), quiet=True)]
    assert lines[0] == {
        "stream": f"The image app:latest already exists, renaming the old one with ID {second} to empty string\n"
    }
    assert images.resolve("app").id == first


async def test_saving_what_is_not_there_fails_before_the_first_byte(images: Images) -> None:
    with pytest.raises(NotFound, match=r"^No such image: nosuch$"):
        await anext(images.save(["nosuch"]))


async def test_a_root_is_made_once_and_removed_as_often_as_asked(images: Images) -> None:
    image_id = await add_image(images)
    rootfs = await images.prepare("c1", image_id)
    with pytest.raises(Conflict):
        await images.prepare("c1", image_id)
    assert await images.mount("c1") == await images.mount("c1") == rootfs
    assert rootfs.upper.is_dir()
    await images.unmount("c1")
    await images.unmount("c1")
    await images.remove("c1")
    await images.remove("c1")
    with pytest.raises(NotFound):
        await images.mount("c1")


async def test_an_empty_root_needs_no_image(images: Images) -> None:
    rootfs = await images.prepare("scratch", "")
    assert (await images.mount("scratch")).path == rootfs.path
    assert await images.changes("scratch") == []


async def test_an_images_layers_outlive_it_under_a_container(bench: Bench) -> None:
    image_id = await add_image(bench.images)
    await bench.images.prepare("c1", image_id)
    await bench.images.delete(image_id)
    assert len(bench.files()["layers"]) == 1
    await bench.images.mount("c1")
    await bench.images.remove("c1")
    assert bench.files()["layers"] == []


async def test_recover_keeps_the_roots_it_is_told_and_no_other(bench: Bench) -> None:
    image_id = await add_image(bench.images)
    for container in ("keep", "drop"):
        await bench.images.prepare(container, image_id)
        await bench.images.mount(container)
    await bench.images.close()
    images = await bench.start()
    await images.recover(["keep"])
    assert bench.files()["roots"] == ["keep"]
    assert (await images.mount("keep")).image_id == image_id


async def test_start_deletes_what_no_row_names(bench: Bench) -> None:
    await add_image(bench.images, "app")
    before = bench.files()
    await bench.images.close()
    (bench.root / "blobs/sha256" / ("a" * 64)).write_text("orphan")
    (bench.root / "ingest" / "half").write_text("half")
    (bench.root / "layers" / ("b" * 64)).mkdir()
    (bench.root / "layers" / ".half").mkdir()
    (bench.root / "roots" / "gone" / "upper").mkdir(parents=True)
    await bench.start()
    assert bench.files() == before


async def test_a_layer_lost_with_the_power_is_made_again(bench: Bench) -> None:
    image_id = await add_image(bench.images, files={"a": b"x"})
    [layer] = bench.files()["layers"]
    (bench.root / "layers" / layer).rename(bench.root / "trash" / "x")
    await bench.images.prepare("c1", image_id)
    assert bench.files()["layers"] == [layer]


async def test_copying_into_a_root_and_out_of_it(images: Images) -> None:
    image_id = await add_image(images)
    await images.prepare("c1", image_id)
    root = (await images.mount("c1")).path
    (root / "to").mkdir()
    await images.archive_put(root, "/to", stream(tar_of({"dir/f": b"content"})))
    facts = await images.archive_stat(root, "to/dir/f")
    assert (facts.name, facts.size_bytes, facts.mode, facts.is_dir) == ("f", 7, 0o644, False)
    facts, chunks = await images.archive_get(root, "/to/dir")
    with tarfile.open(fileobj=BytesIO(await collect(chunks))) as reference:
        assert reference.getnames() == ["dir", "dir/f"]
    with pytest.raises(NotFound):
        await images.archive_stat(root, "/nosuch")
    with pytest.raises(Invalid, match="extraction point is not a directory"):
        await images.archive_put(root, "/to/dir/f", stream(b""))


async def test_reports_of_platforms_nobody_has_are_refused(images: Images) -> None:
    with pytest.raises(MooringError):
        await images.import_tar(stream(tar_of({})), platform="nosuch/os/x/y")
