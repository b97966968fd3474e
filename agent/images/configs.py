"""Image config documents: reading others' within limits, writing ours the way Docker's are written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from agent.images.limits import MAX_LAYERS
from wire.errors import Invalid
from wire.refs import is_digest

__all__ = [
    "EMPTY_LAYER", "HOST_ARCHITECTURE", "ConfigFacts", "container_config", "encode_config", "format_time",
    "host_architecture", "new_history", "parse_config", "parse_time",
]  # fmt: skip

EMPTY_LAYER: Final = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
"""Diff id of a tar of two zero blocks. Docker does not put it into an image; history says `empty_layer`."""

_ZERO_TIME: Final = -62135596800.0  # Go's zero time, year 1


def host_architecture(machine: str) -> str:
    """Go's name for what `uname -m` says."""
    return {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386", "i386": "386"}.get(
        machine, machine
    )


HOST_ARCHITECTURE: Final = host_architecture(os.uname().machine)

ConfigFacts = tuple[Mapping[str, Any], tuple[str, ...], float]
"""The decoded document, its diff ids, when the image was created (seconds since the epoch)."""


def parse_config(data: bytes) -> ConfigFacts:
    """Decode and check an image config. Invalid when it is not one or has too many layers."""
    try:
        document = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise Invalid(f"invalid image config: {error}") from error
    if not isinstance(document, dict):
        raise Invalid("invalid image config: not an object")
    rootfs = document.get("rootfs")
    if not isinstance(rootfs, dict):
        raise Invalid("invalid image JSON, no RootFS key")
    diff_ids = rootfs.get("diff_ids") or []
    if not isinstance(diff_ids, list) or not all(isinstance(d, str) and is_digest(d) for d in diff_ids):
        raise Invalid("invalid image config: bad diff_ids")
    if len(diff_ids) > MAX_LAYERS:
        raise Invalid("max depth exceeded")
    for key, kind in (("config", dict), ("history", list)):
        value = document.get(key)
        if value is not None and not isinstance(value, kind):
            raise Invalid(f"invalid image config: bad {key}")
    created = document.get("created")
    return document, tuple(diff_ids), parse_time(created) if isinstance(created, str) else _ZERO_TIME


def encode_config(document: Mapping[str, Any]) -> bytes:
    """As Docker writes it: top-level keys sorted, those below as they are, no white space, and <, >, & escaped."""
    text = json.dumps(dict(sorted(document.items())), separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode()


def container_config(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Docker's container config with nothing set, and `changes` over it."""
    empty: dict[str, Any] = {
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False,
        "AttachStderr": False, "Tty": False, "OpenStdin": False, "StdinOnce": False, "Env": None, "Cmd": None,
        "Image": "", "Volumes": None, "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": None,
    }  # fmt: skip
    return empty | dict(changes or {})


def new_history(
    created: str, *, author: str = "", created_by: str = "", comment: str = "", empty_layer: bool = False
) -> dict[str, Any]:
    """One history entry; what is empty is left out, as Go does."""
    entry: dict[str, Any] = {"created": created}
    for key, value in (("author", author), ("created_by", created_by), ("comment", comment)):
        if value:
            entry[key] = value
    if empty_layer:
        entry["empty_layer"] = True
    return entry


def format_time(ns: int) -> str:
    """RFC 3339 in UTC of nanoseconds since the epoch, with as many digits as needed, as Go prints time."""
    whole, fraction = divmod(ns, 1_000_000_000)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def parse_time(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time; Go's zero time when it is not one."""
    head, dot, rest = text.partition(".")
    if dot:  # Python reads at most microseconds
        digits = rest.rstrip("Zz").split("+")[0].split("-")[0]
        zone = rest[len(digits) :] or "Z"
        text = f"{head}.{digits[:6]}{zone}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _ZERO_TIME
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
