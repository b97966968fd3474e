"""Pushes: what is sent and what is not, what Docker shows, and that a pull brings the same image back."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.images.blobs import digest_of
from agent.ports.images import Credentials, Progress
from tests.fakes.images import FakeImages, add_image, tar_of
from tests.fakes.registry import FakeRegistry, run_fake_registry
from wire.errors import Internal, Invalid, NotFound


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with run_fake_registry() as made:
        yield made


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[FakeImages]:
    made = FakeImages(tmp_path / "images")
    await made.start()
    yield made
    await made.close()


async def push(images: FakeImages, repo: str, tag: str | None, **options: object) -> list[Progress]:
    return [line async for line in images.push(repo, tag=tag, **options)]  # type: ignore[arg-type]


async def test_a_push_sends_layer_config_and_manifest(registry: FakeRegistry, images: FakeImages) -> None:
    repo = f"{registry.address}/a/b"
    image_id = await add_image(images, repo, "1")
    [diff_id] = images.resolve(image_id).diff_ids
    lines = await push(images, repo, "1")
    data, _ = registry.manifests["a/b:1"]
    layer = diff_id[7:19]
    assert lines[0] == {"status": f"The push refers to repository [{repo}]"}
    assert lines[1] == {"status": "Preparing", "progressDetail": {}, "id": layer}
    assert lines[-3] == {"status": "Pushed", "progressDetail": {}, "id": layer}
    assert lines[-2] == {"status": f"1: digest: {digest_of(data)} size: {len(data)}"}
    assert lines[-1] == {
        "progressDetail": {}, "aux": {"Tag": "1", "Digest": digest_of(data), "Size": len(data)}
    }  # fmt: skip
    manifest = json.loads(data)
    assert manifest["config"]["digest"] == image_id
    [described] = manifest["layers"]
    assert digest_of(gzip.decompress(registry.blobs[described["digest"]])) == diff_id
    assert images.resolve(image_id).repo_digests == (f"{repo}@{digest_of(data)}",)


async def test_what_the_registry_has_is_not_sent_again(registry: FakeRegistry, images: FakeImages) -> None:
    repo = f"{registry.address}/a"
    await add_image(images, repo, "1")
    await push(images, repo, "1")
    sent = len(registry.uploads)
    lines = await push(images, repo, "1")
    assert "Layer already exists" in [line.get("status") for line in lines]
    assert len(registry.uploads) == sent


async def test_a_layer_of_another_repository_is_mounted(registry: FakeRegistry, images: FakeImages) -> None:
    image_id = await add_image(images, f"{registry.address}/team/a", "1")
    await push(images, f"{registry.address}/team/a", "1")
    await images.tag(image_id, f"{registry.address}/b", "2")
    registry.denies_having = True
    lines = await push(images, f"{registry.address}/b", "2")
    assert "Mounted from team/a" in [line.get("status") for line in lines]
    assert [source for _, source in registry.mounted] == ["team/a"]
    assert registry.manifests["b:2"] == registry.manifests["team/a:1"]


async def test_what_came_from_a_registry_goes_back_in_the_same_form(registry: FakeRegistry, images: FakeImages) -> None:
    tar = tar_of({"f": b"x" * 10_000})
    blob = gzip.compress(tar, 9)
    registry.add_image("x:1", [blob], [digest_of(tar)])
    async for _ in images.pull(f"{registry.address}/x:1"):
        pass
    async with run_fake_registry() as other:
        await images.tag(images.resolve(f"{registry.address}/x:1").id, f"{other.address}/y", "1")
        await push(images, f"{other.address}/y", "1")
        assert digest_of(blob) in other.blobs


async def test_a_broken_upload_begins_again(registry: FakeRegistry, images: FakeImages) -> None:
    registry.break_uploads = 2
    await add_image(images, f"{registry.address}/a", "1", files={"f": b"x" * 200_000})
    lines = await push(images, f"{registry.address}/a", "1")
    assert "Retrying in 1 second" in [line.get("status") for line in lines]
    assert "a:1" in registry.manifests


async def test_every_tag_is_pushed_when_none_is_named(registry: FakeRegistry, images: FakeImages) -> None:
    repo = f"{registry.address}/a"
    image_id = await add_image(images, repo, "1")
    await images.tag(image_id, repo, "2")
    lines = await push(images, repo, None)
    assert [line["aux"]["Tag"] for line in lines if "aux" in line] == ["1", "2"]  # type: ignore[index]


async def test_what_is_not_here_is_said_after_the_first_line(registry: FakeRegistry, images: FakeImages) -> None:
    stream = images.push(f"{registry.address}/nosuch", tag="1")
    assert (await anext(stream))["status"] == f"The push refers to repository [{registry.address}/nosuch]"
    with pytest.raises(NotFound, match="An image does not exist locally with the tag: "):
        await anext(stream)


async def test_bad_references_are_refused(images: FakeImages) -> None:
    for repo, tag in (("A", "1"), ("a", "x y"), ("a@sha256:" + "a" * 64, None)):
        with pytest.raises(Invalid):
            await push(images, repo, tag)


async def test_credentials_are_needed_where_they_are_asked_for(registry: FakeRegistry, images: FakeImages) -> None:
    registry.auth = "basic"
    await add_image(images, f"{registry.address}/a", "1")
    with pytest.raises(Internal, match="no basic auth credentials"):
        await push(images, f"{registry.address}/a", "1")
    await push(images, f"{registry.address}/a", "1", credentials=Credentials(username="user", password="secret"))
    assert "a:1" in registry.manifests
