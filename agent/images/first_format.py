"""Image files of Docker's first format, one for each layer, which its `save` still writes beside its manifests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agent.images.blobs import digest_of
from wire.engine.containers import ContainerConfig
from wire.engine.shape import drop_nulls, encode

__all__ = ["first_format_files"]

_EPOCH = "1970-01-01T00:00:00Z"


def first_format_files(document: Mapping[str, Any], diff_ids: Sequence[str]) -> list[bytes]:
    """The files for an image's config `document`: all but the last layer's know of nothing but their parents."""
    files: list[bytes] = []
    chain = parent = ""
    for number, diff_id in enumerate(diff_ids, start=1):
        chain = digest_of(f"{chain} {diff_id}".encode()) if chain else diff_id
        last = number == len(diff_ids)
        described = _described(document) if last else {"created": _EPOCH, "container_config": _config({})}
        identified = {**described, "layer_id": chain} | ({"parent": parent} if parent else {})
        image_id = hashlib.sha256(encode(dict(sorted(identified.items())), escape_html=True)).hexdigest()
        head = {"id": image_id} | ({"parent": parent.removeprefix("sha256:")} if parent else {})
        files.append(encode({**head, **described, "os": document.get("os") or "linux"}, escape_html=True))
        parent = f"sha256:{image_id}"
    return files


def _described(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the first format says of an image, in its order; what is empty is left out."""
    described: dict[str, Any] = {}
    for name in (
        "comment", "created", "container", "container_config", "docker_version", "author", "config", "architecture",
        "variant", "os",
    ):  # fmt: skip
        if name == "container_config" or (name == "config" and document.get(name) is not None):
            described[name] = _config(document.get(name))
        elif document.get(name):
            described[name] = document[name]
    return described


def _config(value: Any) -> Any:
    """A configuration with all of Docker's fields in their order; as it is when it is none."""
    try:
        config: Any = msgspec.to_builtins(msgspec.convert(drop_nulls(value or {}), type=ContainerConfig))
    except msgspec.ValidationError:
        return value
    return config
