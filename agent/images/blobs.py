"""Content by digest: an OCI image layout's `blobs/sha256/`, written so that a name always means whole, checked bytes.

Order of a write: temporary file, fsync, rename, fsync of the directory; only then may a row name it. A file whose
name no row gives is deleted at the next start. Everything here blocks: callers run it in a thread.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from agent.host import failpoints, files
from wire.errors import Internal, Invalid, NotFound
from wire.refs import is_digest

__all__ = ["BlobStore", "BlobWriter", "digest_of"]

_CHUNK: Final = 1 << 20


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class BlobWriter:
    """A blob that is being written. End with `commit` or `abort`; used as a context manager, it aborts what was not
    committed."""

    def __init__(self, store: BlobStore, path: Path, descriptor: int) -> None:
        self._store = store
        self._path = path
        self._descriptor = descriptor
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._hash.update(data)
        view = memoryview(data)
        self.size_bytes += len(view)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def restart(self) -> None:
        """Forget everything written."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def commit(self, expected: str = "") -> str:
        """Make it a blob, durable, and return its digest. Invalid, and nothing stays, when it is not `expected`."""
        digest = self.digest()
        if expected and digest != expected:
            self.abort()
            raise Invalid(f"filesystem layer verification failed for digest {expected}")
        os.fsync(self._descriptor)
        os.fchmod(self._descriptor, 0o600)
        self._close()
        failpoints.hit("images.before_blob_rename")
        self._store.adopt(self._path, digest)
        return digest

    def abort(self) -> None:
        """Drop it; safe to repeat and after `commit`."""
        if self._descriptor >= 0:
            self._close()
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()


class BlobStore:
    """The blobs below `root`. Two writers of one digest are harmless: the bytes are the same."""

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs" / "sha256"
        self._ingest = root / "ingest"
        self._trash = root / "blobs" / "trash"
        self._serial = 0

    def start(self) -> None:
        """Make the directories and drop what an earlier run left half-written. Safe to repeat, not while in use."""
        for directory in (self._blobs, self._ingest, self._trash):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self._ingest.iterdir():
            leftover.unlink()

    def path(self, digest: str) -> Path:
        """Where this digest is or would be. Invalid when it is not a sha256 digest: it is about to be a file name."""
        if not is_digest(digest) or not digest.startswith("sha256:"):
            raise Invalid(f"unsupported digest {digest!r}")
        return self._blobs / digest.removeprefix("sha256:")

    def has(self, digest: str) -> bool:
        return self.path(digest).exists()

    def open_writer(self) -> BlobWriter:
        self._serial += 1
        path = self._ingest / f"{os.getpid()}-{id(self):x}-{self._serial}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        return BlobWriter(self, path, descriptor)

    def adopt(self, path: Path, digest: str) -> None:
        """Give a synced temporary file its name, durably."""
        os.rename(path, self.path(digest))
        files.fsync_directory(self._blobs)

    def put(self, data: bytes) -> str:
        """Store a small blob; returns its digest. Nothing is written when it is there already."""
        digest = digest_of(data)
        if not self.has(digest):
            with self.open_writer() as writer:
                writer.write(data)
                writer.commit(digest)
        return digest

    def open(self, digest: str) -> int:
        """An fd for reading; the caller closes it. The content stays readable even when the blob is deleted."""
        try:
            return os.open(self.path(digest), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"blob {digest} not found") from None

    def read(self, digest: str, limit_bytes: int = 16 << 20) -> bytes:
        """A small blob, checked against its digest. Internal when the disk has changed it."""
        data = files.read_regular(self.path(digest), limit_bytes)
        if digest_of(data) != digest:
            raise Internal(f"blob {digest} is damaged on disk")
        return data

    def chunks(self, digest: str, size: int = _CHUNK) -> Iterator[bytes]:
        """Content in pieces, unchecked; who unpacks it checks the digest of what comes out."""
        descriptor = self.open(digest)
        try:
            while piece := os.read(descriptor, size):
                yield piece
        finally:
            os.close(descriptor)

    def size_bytes(self, digest: str) -> int:
        return self.path(digest).stat().st_size

    def discard(self, digest: str) -> None:
        """Take a blob away at once; its space comes back with `empty_trash`. Safe when absent."""
        self._serial += 1
        with suppress(FileNotFoundError):
            os.rename(self.path(digest), self._trash / f"{os.getpid()}-{self._serial}")

    def empty_trash(self) -> None:
        for entry in list(os.scandir(self._trash)):
            os.unlink(entry.path)

    def digests(self) -> Iterator[str]:
        for entry in os.scandir(self._blobs):
            yield f"sha256:{entry.name}"
