"""`RUN --mount=…`: what one RUN step sees beside its root file system.

bind   files of the context, a stage or an image, read-only unless `rw`; writes are thrown away
cache  a directory that outlives the build, shared by builds with the same id
tmpfs  an empty directory in memory
secret a file the client offers; `POST /build` carries none, so only `required=false` can work there
ssh    the client's agent; the same
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from agent.build.flags import FlagError

__all__ = ["RunMount", "parse_run_mount"]

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_TRUE = {"true": True, "1": True, "": True, "false": False, "0": False}
_SIZE = re.compile(r"^(\d+(?:\.\d+)?) ?([kmgt]?)i?b?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMount:
    """One mount. `mode` is an octal number or None; `sharing` is `shared`, `private` or `locked` (cache only)."""

    type: str
    target: str = ""
    source: str = ""
    from_: str = ""
    cache_id: str = ""
    sharing: str = "shared"
    read_only: bool = False
    required: bool = False
    size_bytes: int = 0
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    env: str = ""


def parse_run_mount(text: str) -> RunMount:
    """Parse the comma-separated value of the flag. Raises FlagError."""
    fields: dict[str, str] = {}
    for item in next(csv.reader([text]), []):
        key, equals, value = item.partition("=")
        key = key.strip().lower()
        if not equals and key not in ("readonly", "ro", "readwrite", "rw", "required"):
            raise FlagError(f"invalid field '{item}' must be a key=value pair")
        fields[_ALIASES.get(key, key)] = value
    kind = fields.pop("type", "bind").lower()
    if kind not in _TYPES:
        raise FlagError(f'unsupported mount type "{kind}"')
    unknown = set(fields) - _KEYS[kind]
    if unknown:
        raise FlagError(f"unexpected key '{min(unknown)}' in '{text}'")
    mount = RunMount(
        type=kind,
        target=fields.get("target", ""),
        source=fields.get("source", ""),
        from_=fields.get("from", ""),
        cache_id=fields.get("id", ""),
        sharing=_sharing(fields.get("sharing", "shared")),
        read_only=_read_only(kind, fields),
        required=_boolean(fields, "required", False),
        size_bytes=_size(fields.get("size", "")),
        mode=_octal(fields.get("mode")),
        uid=_number(fields, "uid"),
        gid=_number(fields, "gid"),
        env=fields.get("env", ""),
    )
    if not mount.target and kind in ("bind", "cache", "tmpfs"):
        raise FlagError(f'invalid mount target "{mount.target}"')
    return mount


_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_KEYS = {
    "bind": {"target", "source", "from", "readonly", "readwrite"},
    "cache": {"target", "source", "from", "readonly", "readwrite", "id", "sharing", "mode", "uid", "gid"},
    "tmpfs": {"target", "size"},
    "secret": {"target", "source", "id", "required", "mode", "uid", "gid", "env"},
    "ssh": {"target", "id", "required", "mode", "uid", "gid"},
}


def _boolean(fields: dict[str, str], key: str, default: bool) -> bool:
    if key not in fields:
        return default
    value = _TRUE.get(fields[key].lower())
    if value is None:
        raise FlagError(f"invalid value for {key}: {fields[key]}")
    return value


def _read_only(kind: str, fields: dict[str, str]) -> bool:
    if "readwrite" in fields:
        return not _boolean(fields, "readwrite", True)
    return _boolean(fields, "readonly", kind == "bind")


def _sharing(value: str) -> str:
    if value not in ("shared", "private", "locked"):
        raise FlagError(f'unsupported sharing value "{value}"')
    return value


def _size(text: str) -> int:
    if not text:
        return 0
    match = _SIZE.match(text.strip().lower())
    if match is None:
        raise FlagError(f"invalid value for size: {text}")
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2] or " "))


def _octal(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text, 8)
    except ValueError:
        raise FlagError(f"invalid value {text} for mode") from None


def _number(fields: dict[str, str], key: str) -> int:
    text = fields.get(key, "0")
    if not text.isdecimal():
        raise FlagError(f"invalid value for {key}: {text}")
    return int(text)
