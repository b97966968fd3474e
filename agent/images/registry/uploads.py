"""The pushing half of the protocol: ask first, mount what the registry has elsewhere, upload, name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from agent.images.registry.client import RegistryClient, pull_scope
from wire.errors import Internal
from wire.refs import Reference

__all__ = ["Uploads"]

_OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload session of the registry; `url` changes with every answer."""

    url: str


class Uploads:
    """Uploads to one repository."""

    def __init__(self, client: RegistryClient, reference: Reference) -> None:
        self._client = client
        self._reference = reference
        self._scopes = [f"repository:{reference.path}:pull,push"]

    async def has_blob(self, digest: str) -> bool:
        url = self._client.url(self._reference, f"blobs/{digest}")
        async with self._client.request("HEAD", url, self._scopes, accept=(200, 404), follow=True) as response:
            return response.status == 200

    async def begin(self, *, mount: str = "", source: Reference | None = None) -> Upload | None:
        """Open an upload; None when the registry mounted the blob `mount` from `source` instead."""
        url = self._client.url(self._reference, "blobs/uploads/")
        scopes = list(self._scopes)
        if source is not None:
            url += f"?mount={quote(mount)}&from={quote(source.path, safe='/')}"
            scopes.append(pull_scope(source))
        async with self._client.request("POST", url, scopes, accept=(201, 202), data=b"") as response:
            if response.status == 201:
                return None
            return Upload(self._location(url, response.headers.get("Location", "")))

    async def send(self, upload: Upload, chunks: AsyncIterator[bytes]) -> Upload:
        """Stream the content. It cannot be resumed: on an error begin again."""
        headers = {"Content-Type": _OCTETS}
        async with self._client.request(
            "PATCH", upload.url, self._scopes, headers=headers, accept=(202, 204), data=chunks
        ) as response:
            return Upload(self._location(upload.url, response.headers.get("Location", upload.url)))

    async def finish(self, upload: Upload, digest: str, data: bytes = b"") -> None:
        """End the upload, with its (last) bytes when they are few; the registry checks the digest."""
        url = f"{upload.url}{'&' if urlsplit(upload.url).query else '?'}digest={quote(digest)}"
        headers = {"Content-Type": _OCTETS, "Content-Length": str(len(data))}
        async with self._client.request("PUT", url, self._scopes, headers=headers, accept=(201, 204), data=data):
            return

    async def put_manifest(self, data: bytes, media_type: str, tag: str) -> None:
        url = self._client.url(self._reference, f"manifests/{tag}")
        headers = {"Content-Type": media_type}
        async with self._client.request("PUT", url, self._scopes, headers=headers, accept=(201, 202), data=data):
            return

    @staticmethod
    def _location(url: str, location: str) -> str:
        """Absolute form of an upload's address. It may lead to another host (object storage); the client does not send
        our credentials there."""
        target = urljoin(url, location)
        if not location or urlsplit(target).scheme not in ("http", "https"):
            raise Internal(f"invalid upload location from {url}")
        return target
