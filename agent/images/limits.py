"""What an image may cost us: bounds on everything whose size somebody else chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DEFAULT_LIMITS", "MAX_LAYERS", "Limits"]

MAX_LAYERS: Final = 499
"""overlayfs takes 500 lower directories, and one of them is the init layer (see `snapshots`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Per archive or layer. Real images stay far below; what is above is a bomb or a mistake."""

    entries: int = 1_500_000
    total_bytes: int = 128 << 30
    entry_bytes: int = 48 << 30
    name_bytes: int = 4096  # PATH_MAX
    metadata_bytes: int = 4 << 20  # one PAX header or long name; the kernel caps an xattr at 64 KiB anyway
    metadata_chain: int = 8  # PAX and GNU headers in a row before one entry
    sparse_extents: int = 100_000
    ratio: int = 1_100  # decompressed to compressed, looked at past `ratio_free_bytes`: gzip makes 1,030 of zeros
    ratio_free_bytes: int = 1 << 30


DEFAULT_LIMITS: Final = Limits()
