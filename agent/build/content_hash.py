"""Content hashes of files as Docker's classic builder writes them into history (`COPY file:<sha256> in /x`).

Each file is hashed over the fields of its tar header that matter (not its times) and its bytes; a directory over the
sorted hashes below it; several sources over theirs in order. Equal content therefore has equal hashes on Docker and
here, and the same value keys the build cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["hash_strings", "header_hash"]


def header_hash(
    *,
    name: str,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    typeflag: str,
    linkname: str = "",
    uname: str = "",
    gname: str = "",
    devmajor: int = 0,
    devminor: int = 0,
    xattrs: Mapping[str, bytes] | None = None,
) -> _Hash:
    """Start the hash of one file from its header; the caller adds the bytes of a regular file."""
    fields = (
        ("name", name),
        ("mode", str(mode)),
        ("uid", str(uid)),
        ("gid", str(gid)),
        ("size", str(size)),
        ("typeflag", typeflag),
        ("linkname", linkname),
        ("uname", uname),
        ("gname", gname),
        ("devmajor", str(devmajor)),
        ("devminor", str(devminor)),
    )
    digest = hashlib.sha256("".join(key + value for key, value in fields).encode("utf-8", "surrogateescape"))
    for key in sorted(xattrs or ()):
        digest.update(key.encode("utf-8", "surrogateescape") + (xattrs or {})[key])
    return digest


def hash_strings(prefix: str, hashes: Iterable[str]) -> str:
    """One hash for several, `prefix:<sha256>`; the order counts."""
    return f"{prefix}:{hashlib.sha256(','.join(hashes).encode()).hexdigest()}"
