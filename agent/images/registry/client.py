"""HTTP to one registry: authorised requests, manifests by digest, blobs that resume, uploads.

Everything that comes back is bounded and checked here: a manifest against the digest it was asked by, a blob against
size and digest, a redirect against losing TLS and against being shown our credentials.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from agent.host.lookup import HostResolver
from agent.images.blobs import digest_of
from agent.images.registry.auth import Authorizer, parse_challenges
from agent.images.registry.endpoints import Endpoint, proxy_for
from agent.images.registry.errors import NoCredentials, RegistryError, Unreachable, parse_error, unreachable
from agent.images.registry.manifests import ACCEPT
from agent.ports.images import Credentials
from wire.errors import Internal, Invalid
from wire.refs import Reference, is_digest

__all__ = ["RegistryClient", "connect", "new_session", "pull_scope"]

_MANIFEST_BYTES: Final = 4 << 20
_ERROR_BYTES: Final = 64 << 10
_MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
USER_AGENT: Final = "mooring-agent/0.1"


def new_session() -> aiohttp.ClientSession:
    """The one session of the room; its owner closes it. No cookies: registries that set them do so to track sessions
    between their own front ends, and tokens of two users must never mix."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=16, ttl_dns_cache=30, resolver=HostResolver()),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        auto_decompress=False,
        read_bufsize=1 << 20,
    )


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest as it came: exact bytes, their digest, and the media type the server said."""

    data: bytes
    digest: str
    media_type: str


async def connect(
    session: aiohttp.ClientSession, endpoints: Sequence[Endpoint], credentials: Credentials | None
) -> RegistryClient:
    """The first endpoint that answers `/v2/`. Raises the last one's error, as Docker shows it."""
    failure: Exception | None = None
    for endpoint in endpoints:
        client = RegistryClient(session, endpoint, None if endpoint.mirror else credentials)
        try:
            await client.ping()
        except (Unreachable, RegistryError) as error:
            failure = error
            # A server that speaks HTTPS and refuses is the right one; only silence or plain HTTP means: next.
            if isinstance(error, RegistryError) and not endpoint.mirror:
                raise
            continue
        return client
    assert failure is not None
    raise failure


class RegistryClient:
    """One endpoint, for one operation. Not shared between users."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: Endpoint, credentials: Credentials | None) -> None:
        self._session = session
        self.endpoint = endpoint
        self.authorizer = Authorizer(session, credentials)

    async def ping(self) -> None:
        """Ask `/v2/` what this is and how it wants to be asked."""
        url = f"{self.endpoint.url}/v2/"
        try:
            async with self._session.get(
                url, ssl=self.endpoint.tls, proxy=proxy_for(url), allow_redirects=False
            ) as response:
                if response.status == 401:
                    self.authorizer.learn(response.headers)
                elif response.status not in (200, 404, 403) and response.status not in _REDIRECTS:
                    raise await self._error(response, "GET", url)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise unreachable(error, "GET", url) from error

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        scopes: Sequence[str],
        *,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (200,),
        data: Any = None,
        follow: bool = False,
        told_as: str = "",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An authorised request whose status is one of `accept`; anything else is raised as RegistryError.

        A 401 is answered once with a fresh token. Only `follow` follows redirects, without our credentials when they
        lead to another origin. `data` that is a generator cannot be sent again: callers ask for a token beforehand.
        `told_as` is the method Docker would have tried first.
        """
        for attempt in (0, 1):
            try:
                authorization = await self.authorizer.header(scopes, tls=self.endpoint.tls)
                if not authorization and attempt:
                    raise NoCredentials(f'{told_as or _go_method(method)} "{url}": no basic auth credentials')
                async with self._follow(method, url, authorization, headers or {}, data, follow) as response:
                    if response.status in accept:
                        yield response
                        return
                    if response.status == 401 and not attempt and self.authorizer.learn(response.headers):
                        self.authorizer.forget()
                        if data is not None and not isinstance(data, bytes):
                            # A stream is spent: whoever has it begins again, with a new token.
                            raise Unreachable(f'{_go_method(method)} "{url}": token expired during the upload')
                        continue
                    raise await self._error(response, method, url)
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                raise unreachable(error, _go_method(method), url) from error

    @asynccontextmanager
    async def _follow(
        self, method: str, url: str, authorization: str, headers: Mapping[str, str], data: Any, follow: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        # Not the URL's own: an upload's address, too, may be on somebody else's host.
        origin = _origin(self.endpoint.url)
        for _ in range(_MAX_REDIRECTS + 1):
            sent = dict(headers)
            if authorization and _origin(url) == origin:
                sent["Authorization"] = authorization
            response = await self._session.request(
                method,
                URL(url, encoded=True),
                headers=sent,
                data=data,
                ssl=self.endpoint.tls,
                proxy=proxy_for(url),
                allow_redirects=False,
            )
            if not follow or response.status not in _REDIRECTS:
                async with response:
                    yield response
                return
            location = response.headers.get("Location", "")
            await response.release()
            target = urljoin(url, location)
            if not location or urlsplit(target).scheme not in ("http", "https"):
                raise Internal(f"invalid redirect from {url}")
            if url.startswith("https:") and not target.startswith("https:"):
                raise Internal(f"refusing a redirect from {url} that gives up TLS")
            url = target
        raise Internal(f'{_go_method(method)} "{url}": stopped after {_MAX_REDIRECTS} redirects')

    async def _error(self, response: aiohttp.ClientResponse, method: str, url: str) -> RegistryError:
        body = b"" if method == "HEAD" else await response.content.read(_ERROR_BYTES)
        if response.status == 401:
            for challenge in parse_challenges(response.headers.getall("WWW-Authenticate", [])):
                said = challenge.parameters.get("error")
                description = challenge.parameters.get("error_description")
                if said == "insufficient_scope":
                    text = description or "requested access to the resource is denied"
                    return RegistryError(f"denied: {text}", status=401, code="DENIED")
                if said == "invalid_token":
                    text = description or "authentication required"
                    return RegistryError(f"unauthorized: {text}", status=401, code="UNAUTHORIZED")
        return parse_error(response.status, response.reason or "", body, response.headers, method, url)

    def url(self, reference: Reference, rest: str) -> str:
        return f"{self.endpoint.url}/v2/{reference.path}/{rest}"

    # manifests
    async def get_manifest(self, reference: Reference, which: str, accept: Sequence[str] = ACCEPT) -> Fetched:
        """By tag or digest; a digest is checked against the bytes."""
        url = self.url(reference, f"manifests/{which}")
        headers = {"Accept": ", ".join(accept)}
        async with self.request(
            "GET",
            url,
            [pull_scope(reference)],
            headers=headers,
            follow=True,
            told_as="" if is_digest(which) else "Head",
        ) as response:
            data = await _read_bounded(response, _MANIFEST_BYTES)
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        digest = digest_of(data)
        if is_digest(which) and which != digest:
            raise Invalid(f"manifest verification failed for digest {which}")
        return Fetched(data, digest, media_type)

    async def list_tags(self, reference: Reference) -> list[str]:
        """All tags, page by page."""
        url = self.url(reference, "tags/list")
        tags: list[str] = []
        for _ in range(1000):
            async with self.request("GET", url, [pull_scope(reference)], follow=True) as response:
                document = _object(await _read_bounded(response, _MANIFEST_BYTES))
                tags.extend(str(tag) for tag in document.get("tags") or [])
                link = response.links.get("next")
            if link is None or link.get("url") is None:
                break
            target = urljoin(url, str(link["url"]))
            if _origin(target) != _origin(url):
                break
            url = target
        return tags

    # blobs
    async def get_small_blob(self, reference: Reference, digest: str, limit_bytes: int) -> bytes:
        """A config: whole, checked."""
        url = self.url(reference, f"blobs/{digest}")
        async with self.request("GET", url, [pull_scope(reference)], follow=True) as response:
            data = await _read_bounded(response, limit_bytes)
        if digest_of(data) != digest:
            raise Invalid(f"image config verification failed for digest {digest}")
        return data

    @asynccontextmanager
    async def open_blob(
        self, reference: Reference, digest: str, offset: int
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """(where the answer starts, its chunks). It starts at `offset`, or at 0 from a server without ranges."""
        url = self.url(reference, f"blobs/{digest}")
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        async with self.request(
            "GET", url, [pull_scope(reference)], headers=headers, accept=(200, 206), follow=True
        ) as response:
            start = 0
            if response.status == 206:
                match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
                if match is None or int(match.group(1)) != offset:
                    raise RegistryError("registry answered with a range that was not asked for", status=502)
                start = offset
            try:
                yield start, response.content.iter_any()
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                raise unreachable(error, "Get", url) from error


def pull_scope(reference: Reference) -> str:
    return f"repository:{reference.path}:pull"


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _go_method(method: str) -> str:
    return method.capitalize()


async def _read_bounded(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit_bytes:
            raise Invalid(f"answer of the registry is larger than {limit_bytes} bytes")
        parts.append(chunk)
    return b"".join(parts)


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Internal("unable to decode the registry's answer")
    return document
