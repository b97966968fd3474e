"""Images without root and without a registry: the real room on the driver that unpacks nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from agent.images import tar_reader
from agent.images.fake import FakeSnapshotter
from agent.images.images import LocalImages
from agent.images.limits import DEFAULT_LIMITS, Limits
from agent.images.tar_reader import TarEntry
from agent.images.tar_writer import END_OF_ARCHIVE, header
from agent.ports.images import Images
from tests.fakes.store import MemoryStore

__all__ = ["FakeImages", "add_image", "tar_of"]


class FakeImages(LocalImages):
    """`agent.ports.images.Images` in `root`, a scratch directory; `start` it and `close` it as the real one."""

    def __init__(self, root: Path, store: MemoryStore | None = None, limits: Limits = DEFAULT_LIMITS) -> None:
        snapshots = FakeSnapshotter(root, limits)
        super().__init__(root, store or MemoryStore(), snapshots=snapshots, limits=limits, retry_s=0.01)


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A root tar with these files."""
    pieces: list[bytes] = []
    for name, data in files.items():
        pieces.append(header(TarEntry(name, tar_reader.REGULAR, size_bytes=len(data))))
        pieces.append(data + bytes(-len(data) % 512))
    return b"".join(pieces) + END_OF_ARCHIVE


async def add_image(
    images: Images,
    repo: str = "",
    tag: str = "",
    *,
    files: Mapping[str, bytes] | None = None,
    changes: Mapping[str, object] | None = None,
) -> str:
    """Import a small image; returns its id."""

    async def source() -> AsyncIterator[bytes]:
        yield tar_of(files or {"etc/hello": b"hello\n"})

    return await images.import_tar(source(), repo=repo, tag=tag, changes=changes)
