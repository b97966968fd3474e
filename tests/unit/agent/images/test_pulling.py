"""Pulls from a registry that cuts, redirects, refuses and lies: what Docker shows, what is retried, what is left."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import zstandard

from agent.images.blobs import BlobWriter, digest_of
from agent.images.limits import Limits
from agent.images.registry.manifests import DOCKER_MANIFEST, OCI_LAYER
from agent.ports.images import Credentials, Progress
from tests.fakes.images import FakeImages, tar_of
from tests.fakes.registry import FakeRegistry, run_fake_registry
from wire.errors import Exhausted, Forbidden, Internal, Invalid, MooringError, NotFound, Unauthenticated, Unsupported

USER = Credentials(username="user", password="secret")


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
    assert os.listdir(tmp_path / "images/ingest") == []


def layer(seed: int, size: int = 300_000) -> tuple[bytes, str]:
    """A gzipped layer that does not compress, and its diff id."""
    tar = tar_of({f"f{seed}": bytes(os.urandom(size))})
    return gzip.compress(tar, 1), digest_of(tar)


async def pull(images: FakeImages, ref: str, **options: object) -> list[Progress]:
    return [line async for line in images.pull(ref, **options)]  # type: ignore[arg-type]


def on_disk(images_dir: Path) -> list[str]:
    return [*os.listdir(images_dir / "blobs/sha256"), *os.listdir(images_dir / "layers")]


async def test_the_lines_are_dockers(registry: FakeRegistry, images: FakeImages) -> None:
    (first, one), (second, two) = layer(1), layer(2)
    digest = registry.add_image("a/b:1", [first, second], [one, two])
    ref = f"{registry.address}/a/b:1"
    lines = await pull(images, ref)
    ids = [digest_of(blob)[7:19] for blob in (first, second)]
    assert lines[0] == {"status": "Pulling from a/b", "id": "1"}
    assert lines[1:3] == [{"status": "Pulling fs layer", "progressDetail": {}, "id": layer_id} for layer_id in ids]
    assert lines[-2:] == [
        {"status": f"Digest: {digest}"},
        {"status": f"Status: Downloaded newer image for {ref}"},
    ]
    for layer_id in ids:
        states = [line["status"] for line in lines if line.get("id") == layer_id]
        order = [
            "Pulling fs layer",
            "Downloading",
            "Verifying Checksum",
            "Download complete",
            "Extracting",
            "Pull complete",
        ]
        assert [state for n, state in enumerate(states) if n == 0 or states[n - 1] != state] == order
    assert images.resolve(ref).repo_digests == (f"{registry.address}/a/b@{digest}",)
    again = await pull(images, ref)
    assert [line["status"] for line in again] == [
        "Pulling from a/b", f"Digest: {digest}", f"Status: Image is up to date for {ref}",
    ]  # fmt: skip


async def test_layers_that_are_there_are_not_fetched(registry: FakeRegistry, images: FakeImages) -> None:
    (base, one), (top, two) = layer(1), layer(2)
    registry.add_image("base:1", [base], [one])
    registry.add_image("app:1", [base, top], [one, two])
    await pull(images, f"{registry.address}/base:1")
    lines = await pull(images, f"{registry.address}/app:1")
    assert lines[1] == {"status": "Already exists", "progressDetail": {}, "id": digest_of(base)[7:19]}
    assert registry.counts[f"GET /v2/app/blobs/{digest_of(base)}"] == 0


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_cut_download_goes_on_where_it_broke_off(
    registry: FakeRegistry, images: FakeImages, ranges: bool
) -> None:
    blob, diff_id = layer(1, 2_000_000)
    registry.add_image("x:1", [blob], [diff_id])
    config = next(digest for digest in registry.blobs if digest != digest_of(blob))
    registry.cut_after = [len(registry.blobs[config]), 1_500_000, 1000, 10]
    registry.ranges = ranges
    lines = await pull(images, f"{registry.address}/x:1")
    assert "Retrying in 1 second" in [line["status"] for line in lines]
    assert images.resolve(f"{registry.address}/x:1").diff_ids == (diff_id,)


async def test_a_registry_that_always_cuts_is_given_up(
    registry: FakeRegistry, images: FakeImages, tmp_path: Path
) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], [diff_id])
    registry.statuses = [200, 503, 503, 503, 503, 503, 503]
    registry.statuses.pop(0)
    with pytest.raises(Internal):
        await pull(images, f"{registry.address}/x:1")
    assert on_disk(tmp_path / "images") == []
    assert images.list() == []


async def test_too_many_requests_waits_as_long_as_told(registry: FakeRegistry, images: FakeImages) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], [diff_id])
    await pull(images, f"{registry.address}/x:1")  # so that the config is not what is refused
    (other, other_id) = layer(2)
    registry.add_image("y:1", [other], [other_id])
    stream = images.pull(f"{registry.address}/y:1")
    lines = []
    async for line in stream:
        lines.append(line["status"])
        if line["status"] == "Pulling fs layer":
            registry.statuses, registry.headers = [429], {"Retry-After": "1"}
    assert "Retrying in 1 second" in lines
    assert lines[-1].startswith("Status: Downloaded")  # type: ignore[attr-defined]


@pytest.mark.parametrize("lie", ["bytes", "longer", "diff_id", "config", "layers"])
async def test_wrong_content_is_refused_and_nothing_stays(
    registry: FakeRegistry, images: FakeImages, tmp_path: Path, lie: str
) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], ["sha256:" + "0" * 64 if lie == "diff_id" else diff_id])
    if lie == "bytes":
        registry.blobs[digest_of(blob)] = blob[:-1] + b"?"
    elif lie == "longer":
        registry.blobs[digest_of(blob)] = blob + b"more"
    elif lie == "config":
        config = next(digest for digest in registry.blobs if digest != digest_of(blob))
        registry.blobs[config] = b"{}"
    elif lie == "layers":
        registry.add_image("x:1", [blob, blob], [diff_id])
    with pytest.raises(Invalid):
        await pull(images, f"{registry.address}/x:1")
    assert on_disk(tmp_path / "images") == []


def manifest_with(**changes: object) -> bytes:
    descriptor = {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": 1,
        "digest": "sha256:" + "a" * 64,
    }
    return json.dumps(
        {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": descriptor, "layers": []} | changes
    ).encode()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"[]", Invalid),
        (b"{" * 100_000, Invalid),
        (b'{"schemaVersion":2,"schemaVersion":2,"layers":[]}', Invalid),
        (manifest_with(schemaVersion=1), Unsupported),
        (manifest_with(manifests=[]), Invalid),
        (manifest_with(mediaType="application/vnd.oci.image.manifest.v1+json"), Invalid),
        (manifest_with(config={"digest": "sha256:../../x", "size": 1}), Invalid),
        (manifest_with(layers=[{"digest": "sha512:" + "a" * 128, "size": 1, "mediaType": OCI_LAYER}]), Invalid),
        (manifest_with(layers=[{"digest": "sha256:" + "A" * 64, "size": 1, "mediaType": OCI_LAYER}]), Invalid),
        (manifest_with(layers=[{"digest": "sha256:" + "a" * 64, "size": -1, "mediaType": OCI_LAYER}]), Invalid),
        (manifest_with(layers=[{"digest": "sha256:" + "a" * 64, "size": 1, "mediaType": "text/html"}]), Invalid),
        (manifest_with(config={"digest": "sha256:" + "a" * 64, "size": 1, "mediaType": "application/helm"}), Invalid),
        (b" " * (5 << 20), Invalid),
    ],
)
async def test_malformed_manifests_are_refused(
    registry: FakeRegistry, images: FakeImages, data: bytes, error: type[MooringError]
) -> None:
    registry.put("x:1", data, DOCKER_MANIFEST)
    with pytest.raises(error):
        await pull(images, f"{registry.address}/x:1")


async def test_the_platform_chooses_from_an_index(registry: FakeRegistry, images: FakeImages) -> None:
    digests = {}
    for architecture in ("arm64", "amd64"):
        blob, diff_id = layer(1)
        config = {"architecture": architecture}
        digests[architecture] = registry.add_image(f"x:{architecture}", [blob], [diff_id], config=config)
    entries = [(digest, {"os": "linux", "architecture": name}) for name, digest in digests.items()]
    index = registry.add_index("x:1", entries)
    ref = f"{registry.address}/x:1"
    await pull(images, ref, platform="linux/arm64")
    assert images.resolve(ref).config["architecture"] == "arm64"
    assert images.resolve(ref).repo_digests[0].endswith(index)
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x in the manifest list entries"):
        await pull(images, ref, platform="linux/s390x")
    with pytest.raises(Invalid):
        await pull(images, ref, platform="nosuch")


async def test_an_image_of_one_platform_only_is_pulled_and_then_complained_about(
    registry: FakeRegistry, images: FakeImages
) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], [diff_id])
    with pytest.raises(NotFound, match="wanted linux/arm64, actual: linux/amd64"):
        await pull(images, f"{registry.address}/x:1", platform="linux/arm64")


async def test_what_is_not_there_is_said_before_the_first_line(registry: FakeRegistry, images: FakeImages) -> None:
    ref = f"{registry.address}/x:nosuch"
    with pytest.raises(NotFound) as caught:
        await anext(images.pull(ref))
    assert caught.value.message == f"manifest for {ref} not found: manifest unknown: manifest unknown"


async def test_a_closed_port_is_named_as_go_does(images: FakeImages) -> None:
    with pytest.raises(Internal) as caught:
        await anext(images.pull("127.0.0.1:1/x"))
    assert caught.value.message == 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'


@pytest.mark.parametrize("auth", ["basic", "bearer"])
async def test_credentials_are_sent_as_the_challenge_asks(
    registry: FakeRegistry, images: FakeImages, auth: str
) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], [diff_id])
    registry.auth = auth
    await pull(images, f"{registry.address}/x:1", credentials=USER)
    tokens = [path for _, path, _ in registry.requests if path.startswith("/token")]
    assert len(tokens) == (1 if auth == "bearer" else 0)


async def test_an_anonymous_token_suffices_where_the_registry_gives_one(
    registry: FakeRegistry, images: FakeImages
) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], [diff_id])
    registry.auth = "bearer"
    await pull(images, f"{registry.address}/x:1")
    [(_, path, sent)] = [request for request in registry.requests if request[1].startswith("/token")]
    assert "scope=repository:x:pull" in path
    assert sent == ""


async def test_an_identity_token_is_exchanged_and_logging_in_brings_one(
    registry: FakeRegistry, images: FakeImages
) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], [diff_id])
    registry.auth = "bearer"
    login = Credentials(username="user", password="secret", server_address=registry.address)
    assert await images.check_login(login) == "identity"
    await pull(images, f"{registry.address}/x:1", credentials=Credentials(identity_token="identity"))
    assert any(method == "POST" and path == "/token" for method, path, _ in registry.requests)
    with pytest.raises(Internal, match="unauthorized: bad refresh token"):
        await pull(images, f"{registry.address}/x:1", credentials=Credentials(identity_token="wrong"))


@pytest.mark.parametrize("auth", ["basic", "bearer"])
async def test_a_wrong_password_is_unauthenticated(registry: FakeRegistry, images: FakeImages, auth: str) -> None:
    registry.auth = auth
    wrong = Credentials(username="user", password="wrong", server_address=registry.address)
    with pytest.raises(Unauthenticated):
        await images.check_login(wrong)


async def test_no_credentials_for_basic_are_said_in_dockers_words(registry: FakeRegistry, images: FakeImages) -> None:
    registry.auth = "basic"
    with pytest.raises(Internal, match="no basic auth credentials"):
        await pull(images, f"{registry.address}/x:1")


async def test_a_redirect_elsewhere_is_followed_without_the_token(registry: FakeRegistry, images: FakeImages) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], [diff_id])
    registry.auth = "bearer"
    async with run_fake_registry() as other:
        other.blobs = registry.blobs
        registry.redirect = f"http://{other.address}"
        await pull(images, f"{registry.address}/x:1", credentials=USER)
        assert other.requests
        assert {sent for _, _, sent in other.requests} == {""}


async def test_a_redirect_loop_ends(registry: FakeRegistry, images: FakeImages) -> None:
    blob, diff_id = layer(1)
    registry.add_image("x:1", [blob], [diff_id])
    registry.redirect = f"http://{registry.address}/v2/x/blobs/{digest_of(blob)}?"
    with pytest.raises(Internal):
        await pull(images, f"{registry.address}/x:1")
    assert len(registry.requests) < 30


@pytest.mark.parametrize("form", ["zstd", "plain", "gzip members"])
async def test_layers_in_other_forms(registry: FakeRegistry, images: FakeImages, form: str) -> None:
    tar = tar_of({"f": os.urandom(50_000)})
    members = gzip.compress(tar[:999]) + gzip.compress(tar[999:])
    blob = {"zstd": zstandard.compress(tar), "plain": tar, "gzip members": members}[form]
    registry.add_image("x:1", [blob], [digest_of(tar)])
    await pull(images, f"{registry.address}/x:1")
    data = b"".join([piece async for piece in images.save([f"{registry.address}/x:1"])])
    assert tar in data


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, zstandard.compress])
async def test_a_bomb_is_stopped(registry: FakeRegistry, tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    images = FakeImages(tmp_path / "images", limits=Limits(ratio=50, ratio_free_bytes=100_000))
    await images.start()
    tar = tar_of({"zeros": bytes(4 << 20)})
    registry.add_image("x:1", [compress(tar)], [digest_of(tar)])
    with pytest.raises(Exhausted, match="expands to more than is allowed"):
        await pull(images, f"{registry.address}/x:1")
    await images.close()
    assert on_disk(tmp_path / "images") == []


async def test_pulls_of_one_image_fetch_each_layer_once_and_outlive_each_other(
    registry: FakeRegistry, images: FakeImages
) -> None:
    blob, diff_id = layer(1, 3_000_000)
    registry.add_image("x:1", [blob], [diff_id])
    ref = f"{registry.address}/x:1"
    first = images.pull(ref)
    while (await anext(first))["status"] != "Downloading":
        pass
    second = asyncio.ensure_future(pull(images, ref))
    third = asyncio.ensure_future(pull(images, ref))
    await asyncio.sleep(0)
    await first.aclose()  # type: ignore[attr-defined]
    for lines in await asyncio.gather(second, third):
        assert lines[-1]["status"] == f"Status: Downloaded newer image for {ref}"
    assert images.resolve(ref).diff_ids == (diff_id,)
    assert registry.counts[f"GET /v2/x/blobs/{digest_of(blob)}"] <= 2


async def test_a_pull_cancelled_while_its_file_is_opened_leaves_nothing(
    registry: FakeRegistry, images: FakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, one = layer(1)
    registry.add_image("a/b:1", [content], [one])
    opened, go_on = asyncio.Event(), threading.Event()
    loop, blobs = asyncio.get_running_loop(), images._content.blobs
    make = blobs.open_writer

    def open_slowly() -> BlobWriter:
        writer = make()
        loop.call_soon_threadsafe(opened.set)
        go_on.wait()
        return writer

    monkeypatch.setattr(blobs, "open_writer", open_slowly)
    pulling = asyncio.create_task(pull(images, f"{registry.address}/a/b:1"))
    await opened.wait()
    pulling.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(pulling, return_exceptions=True)  # and see the fixture


@pytest.mark.parametrize("ref", ["scratch", "docker.io/library/scratch:1", f"scratch@sha256:{'a' * 64}"])
async def test_the_name_of_no_image_is_reserved(images: FakeImages, ref: str) -> None:
    with pytest.raises(Forbidden) as caught:
        await pull(images, ref)
    assert caught.value.message == "'scratch' is a reserved name"


async def test_a_cancelled_pull_leaves_nothing(registry: FakeRegistry, images: FakeImages, tmp_path: Path) -> None:
    blob, diff_id = layer(1, 3_000_000)
    registry.add_image("x:1", [blob], [diff_id])
    stream = images.pull(f"{registry.address}/x:1")
    while (await anext(stream))["status"] != "Downloading":
        pass
    await stream.aclose()  # type: ignore[attr-defined]
    assert on_disk(tmp_path / "images") == []
    assert os.listdir(tmp_path / "images/ingest") == []


async def test_a_mirror_is_asked_first_and_passed_over_when_it_lacks_the_image(tmp_path: Path) -> None:
    async with run_fake_registry() as mirror:
        blob, diff_id = layer(1)
        mirror.add_image("library/busybox:latest", [blob], [diff_id])
        images = FakeImages(tmp_path / "images")
        images._pulling._endpoints._mirrors = [f"http://{mirror.address}"]
        await images.start()
        try:
            lines = await pull(images, "busybox", credentials=USER)
            assert lines[0] == {"status": "Pulling from library/busybox", "id": "latest"}
            assert images.resolve("busybox").repo_tags == ("busybox:latest",)
            assert {sent for _, _, sent in mirror.requests} == {""}
            with pytest.raises(Internal, match=r"registry-1\.docker\.io"):
                await pull(images, "busybox:nosuch")
        finally:
            await images.close()


async def test_all_tags_are_pulled(registry: FakeRegistry, images: FakeImages) -> None:
    for tag in ("1", "2"):
        blob, diff_id = layer(int(tag))
        registry.add_image(f"x:{tag}", [blob], [diff_id])
    lines = await pull(images, f"{registry.address}/x", all_tags=True)
    assert [line["id"] for line in lines if line["status"] == "Pulling from x"] == ["1", "2"]
    assert lines[-1]["status"] == f"Status: Downloaded newer image for {registry.address}/x"
