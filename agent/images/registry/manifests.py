"""Manifests and indexes, Docker's schema 2 and OCI's: reading them warily, writing ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wire.errors import Invalid, Unsupported
from wire.refs import is_digest

__all__ = [
    "ACCEPT", "CONFIG_TYPES", "DOCKER_CONFIG", "DOCKER_INDEX", "DOCKER_LAYER", "DOCKER_MANIFEST", "OCI_CONFIG",
    "OCI_INDEX", "OCI_LAYER", "OCI_MANIFEST", "Blob", "Index", "Manifest", "build_manifest", "media_type_of",
    "parse_manifest",
]  # fmt: skip

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+"

ACCEPT: Final = (DOCKER_MANIFEST, DOCKER_INDEX, OCI_MANIFEST, OCI_INDEX)
CONFIG_TYPES: Final = (DOCKER_CONFIG, OCI_CONFIG)
_LAYER_TYPES: Final = ("application/vnd.docker.image.rootfs.", "application/vnd.oci.image.layer.")
_MAX_ENTRIES: Final = 1000


@dataclass(frozen=True, slots=True)
class Blob:
    """A descriptor of a config or layer."""

    digest: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image for one platform."""

    config: Blob
    layers: tuple[Blob, ...]
    media_type: str


@dataclass(frozen=True, slots=True)
class Index:
    """The images of several platforms; entries as they are, digests checked."""

    manifests: tuple[Mapping[str, Any], ...]
    media_type: str


def parse_manifest(data: bytes, content_type: str) -> Manifest | Index:
    """Decode by the document's own media type, which has to agree with the server's when both say one.

    Invalid for what is malformed or means two things at once (CVE-2021-41190), Unsupported for schema 1.
    """
    document = _decode(data)
    said = document.get("mediaType")
    if said is not None and not isinstance(said, str):
        raise Invalid("invalid manifest: mediaType is not text")
    if document.get("schemaVersion") == 1 or content_type.startswith(_SCHEMA_1):
        raise Unsupported(
            "Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported. "
            "Suggest the author of the image to upgrade it to the OCI Format or Docker Image manifest v2, schema 2."
        )
    if document.get("schemaVersion") != 2:
        raise Invalid(f"unsupported manifest schema version {document.get('schemaVersion')!r}")
    if "manifests" in document and ("layers" in document or "config" in document):
        raise Invalid("invalid manifest: both an index and an image")
    kind = said or (content_type if content_type in ACCEPT else "")
    if not kind:
        kind = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    if said and content_type in ACCEPT and said != content_type:
        raise Invalid(f"mediaType in manifest should be '{content_type}' not '{said}'")
    if kind in (DOCKER_INDEX, OCI_INDEX):
        return Index(_entries(document), kind)
    if kind not in (DOCKER_MANIFEST, OCI_MANIFEST):
        raise Invalid(f"unsupported manifest media type {kind!r}")
    config = _blob(document.get("config"), "config")
    if config.media_type not in CONFIG_TYPES and config.media_type not in ("", "application/octet-stream"):
        raise Invalid(f"unsupported media type {config.media_type}")
    layers = document.get("layers")
    if not isinstance(layers, list):
        raise Invalid("invalid manifest: no layers")
    if len(layers) > _MAX_ENTRIES:
        raise Invalid("max depth exceeded")
    found = tuple(_blob(layer, "layer") for layer in layers)
    for layer in found:
        if not layer.media_type.startswith(_LAYER_TYPES):
            raise Invalid(f"unsupported media type {layer.media_type}")
    return Manifest(config, found, kind)


def build_manifest(config: Blob, layers: Sequence[Blob]) -> bytes:
    """The manifest of a push, laid out as Docker writes it (three spaces of indentation).

    Docker's schema 2, unless a layer is in a form that only OCI has a name for (zstd).
    """
    is_oci = any(layer.media_type.startswith(OCI_LAYER) for layer in layers)

    def described(blob: Blob, media_type: str) -> dict[str, object]:
        return {"mediaType": media_type, "size": blob.size_bytes, "digest": blob.digest}

    def layer_type(layer: Blob) -> str:
        return f"{OCI_LAYER}+gzip" if is_oci and layer.media_type == DOCKER_LAYER else layer.media_type

    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST if is_oci else DOCKER_MANIFEST,
        "config": described(config, OCI_CONFIG if is_oci else DOCKER_CONFIG),
        "layers": [described(layer, layer_type(layer)) for layer in layers],
    }
    return json.dumps(document, indent=3).encode()


def media_type_of(data: bytes) -> str:
    """What a manifest of ours says it is."""
    return str(_decode(data)["mediaType"])


def _decode(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"invalid manifest: {error}") from error
    if not isinstance(document, dict):
        raise Invalid("invalid manifest: not an object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is given twice")
    return made


def _blob(value: object, what: str) -> Blob:
    if not isinstance(value, dict):
        raise Invalid(f"invalid manifest: {what} is not a descriptor")
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType", "")
    if not isinstance(digest, str) or not digest.startswith("sha256:") or not is_digest(digest):
        raise Invalid(f"invalid manifest: unsupported digest {digest!r}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Invalid(f"invalid manifest: size of {digest}")
    if not isinstance(media_type, str):
        raise Invalid("invalid manifest: mediaType is not text")
    return Blob(digest, size, media_type)


def _entries(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    entries = document.get("manifests")
    if not isinstance(entries, list) or len(entries) > _MAX_ENTRIES:
        raise Invalid("invalid manifest list")
    for entry in entries:
        _blob(entry, "entry")
    return tuple(entries)
