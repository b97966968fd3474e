"""Archives of other writers and of nobody good: layouts old and new load, names in them lead nowhere."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.images.blobs import digest_of
from agent.images.registry.manifests import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from tests.fakes.images import FakeImages, tar_of
from wire.errors import Invalid, MooringError

LAYERS = [tar_of({"a": os.urandom(1000)}), tar_of({"b": os.urandom(2 << 20)})]


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[FakeImages]:
    made = FakeImages(tmp_path / "images")
    await made.start()
    yield made
    await made.close()
    assert os.listdir(tmp_path / "images/ingest") == []


def config_of(layers: list[bytes], **more: object) -> bytes:
    rootfs = {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}
    return json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs} | more).encode()


def pack(files: dict[str, bytes | tuple[bytes, str]]) -> bytes:
    """A tar; a pair is a link of that type to that name."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                info.type, info.linkname = content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def before_25(**changes: Any) -> dict[str, Any]:
    """Docker's layout before 25: a directory per layer, equal layers as links."""
    config = config_of([*LAYERS, LAYERS[0]])
    manifest = {
        "Config": "c.json",
        "RepoTags": ["app:1"],
        "Layers": ["x/layer.tar", "y/layer.tar", "z/layer.tar"],
    }
    return {
        "x/layer.tar": LAYERS[0],
        "z/layer.tar": (tarfile.SYMTYPE, "../x/layer.tar"),
        "c.json": config,
        "y/layer.tar": LAYERS[1],
        "manifest.json": json.dumps([manifest | changes]).encode(),
    }


def oci(*, compress: bool, name: str = "docker.io/library/app:1") -> dict[str, Any]:
    """A plain OCI layout with an index over two platforms."""
    files: dict[str, Any] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    entries = []

    def blob(data: bytes, media_type: str) -> dict[str, object]:
        files[f"blobs/sha256/{digest_of(data)[7:]}"] = data
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    for architecture in ("s390x", "amd64"):
        packed = [gzip.compress(layer) if compress else layer for layer in LAYERS]
        layer_type = f"{OCI_LAYER}+gzip" if compress else OCI_LAYER
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": blob(config_of(LAYERS, architecture=architecture), OCI_CONFIG),
            "layers": [blob(layer, layer_type) for layer in packed],
        }
        platform = {"os": "linux", "architecture": architecture}
        entries.append(blob(json.dumps(manifest).encode(), OCI_MANIFEST) | {"platform": platform})
    inner = blob(json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode(), OCI_INDEX)
    annotations = {"org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "manifests": [inner | {"annotations": annotations}]}
    return files | {"index.json": json.dumps(index).encode()}


async def load(images: FakeImages, data: bytes) -> list[object]:
    return [line async for line in images.load(io.BytesIO(data), quiet=True)]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
async def test_an_archive_of_an_older_docker(images: FakeImages, compress: Any) -> None:
    assert await load(images, compress(pack(before_25()))) == [{"stream": "Loaded image: app:1\n"}]
    image = images.resolve("app:1")
    assert image.diff_ids == (digest_of(LAYERS[0]), digest_of(LAYERS[1]), digest_of(LAYERS[0]))


@pytest.mark.parametrize("compress", [True, False])
async def test_an_oci_layout(images: FakeImages, compress: bool) -> None:
    assert await load(images, pack(oci(compress=compress))) == [{"stream": "Loaded image: app:1\n"}]
    assert images.resolve("app:1").config["architecture"] == "amd64"


async def test_an_oci_layout_without_a_usable_name(images: FakeImages) -> None:
    [line] = await load(images, pack(oci(compress=False, name="latest")))
    assert line == {"stream": f"Loaded image ID: {images.list()[0].id}\n"}


@pytest.mark.parametrize(
    "files",
    [
        {"x": b"nothing"},
        {"repositories": b"{}"},
        {"manifest.json": b"not json"},
        {"manifest.json": b"[" * 100_000},
        {"manifest.json": b'[{"Config": 5}]'},
        before_25(Config="../../../../etc/passwd"),
        before_25(Config="/etc/passwd"),
        before_25(Layers=["x/layer.tar", "../../../etc/passwd", "z/layer.tar"]),
        before_25(Layers=["x/layer.tar"]),
        before_25(Layers=["x/layer.tar", "x/layer.tar", "z/layer.tar"]),
        before_25(RepoTags=["app:<script>"]),
        before_25(RepoTags=["app:1\n"]),
        before_25(RepoTags=["app:" + "t" * 300]),
        before_25(RepoTags=["app@sha256:" + "a" * 64]),
        before_25() | {"z/layer.tar": (tarfile.SYMTYPE, "/etc/passwd")},
        before_25() | {"z/layer.tar": (tarfile.SYMTYPE, "../z/layer.tar")},
        before_25() | {"z/layer.tar": (tarfile.LNKTYPE, "../../../../etc/passwd")},
        before_25() | {"c.json": b"{}"},
        before_25() | {"c.json": config_of([*LAYERS, LAYERS[0]], os="windows")},
        before_25() | {"y/layer.tar": LAYERS[1][:-2000]},
        {"oci-layout": b"{}", "index.json": b'{"manifests":[{"digest":"sha256:../../x"}]}'},
    ],
)
async def test_hostile_archives_leave_nothing(images: FakeImages, tmp_path: Path, files: dict[str, Any]) -> None:
    with pytest.raises(MooringError):
        await load(images, pack(files))
    assert images.list() == []
    for place in ("blobs/sha256", "layers", "ingest"):
        assert os.listdir(tmp_path / "images" / place) == []


@pytest.mark.parametrize(
    ("files", "refusal"),
    [
        (before_25(Config="../../../../etc/passwd"), "evalSymlinksInScope: ABOVE is not in TMP"),
        (before_25(Config="/etc/passwd"), "open TMP/etc/passwd: no such file or directory"),
        (before_25(Config="x"), "read TMP/x: is a directory"),
        (before_25(Layers=["x/layer.tar", "../../../etc/passwd", "z/layer.tar"]),
         "evalSymlinksInScope: ABOVE is not in TMP"),
        (before_25() | {"z/layer.tar": (tarfile.SYMTYPE, "/etc/passwd")},
         "open TMP/etc/passwd: no such file or directory"),
        (before_25() | {"z/layer.tar": (tarfile.SYMTYPE, "../z/layer.tar")},
         "evalSymlinksInScope: too many links in TMP/z/layer.tar"),
        (before_25() | {"z/layer.tar": (tarfile.LNKTYPE, "../../../../etc/passwd")},
         "link /etc/passwd /z/layer.tar: no such file or directory"),
        ({"s": (tarfile.SYMTYPE, "/tmp"), "s/evil": b"x"}, "open /s/evil: no such file or directory"),
        ({"../evil": b"x"}, "open TMP/repositories: no such file or directory"),
        ({"/abs/evil": b"x"}, "open TMP/abs/json: no such file or directory"),
        (before_25(Layers=["x/layer.tar", "x/layer.tar", "z/layer.tar"]),
         f'invalid diffID for layer 1: expected "{digest_of(LAYERS[1])}", got "{digest_of(LAYERS[0])}"'),
    ],
)  # fmt: skip
async def test_what_cannot_be_had_is_told_in_dockers_words(
    images: FakeImages, files: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await load(images, pack(files))
    said = re.sub(r"/\S+/tmp/docker-import-\d+", "TMP", caught.value.message)
    assert re.sub(r"(?<=InScope: )/\S+", "ABOVE", said) == refusal


async def test_names_and_links_stay_below_the_root_of_the_archive(images: FakeImages) -> None:
    files = before_25(Config="deep/../config") | {
        "config": (tarfile.SYMTYPE, "/../d/c.json"),
        "d": (tarfile.SYMTYPE, "e"),
    }
    moved = {f"../../{name}" if name == "x/layer.tar" else name: content for name, content in files.items()}
    moved["e/c.json"] = moved.pop("c.json")
    assert await load(images, pack(moved)) == [{"stream": "Loaded image: app:1\n"}]


async def test_a_cut_archive_is_refused(images: FakeImages) -> None:
    data = pack(before_25())
    with pytest.raises(Invalid, match="unexpected EOF"):
        await load(images, data[: len(data) // 2])


async def test_an_upload_that_breaks_off_leaves_nothing(images: FakeImages, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield pack(before_25())[: 1 << 20]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        async for _ in images.load(breaking()):
            pass
    assert os.listdir(tmp_path / "images/blobs/sha256") == []
