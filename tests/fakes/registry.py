"""A registry in the test's own event loop that misbehaves on demand."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from agent.images.blobs import digest_of
from agent.images.registry.manifests import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
)

__all__ = ["FakeRegistry", "run_fake_registry"]


@dataclass
class FakeRegistry:
    """What it has and how it behaves; tests change it at will between and during requests."""

    address: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)  # "repo:tag" or "repo@digest"
    auth: str = ""  # "", "basic", "bearer"
    user: tuple[str, str] = ("user", "secret")
    identity_token: str = "identity"
    cut_after: list[int] = field(default_factory=list)  # bytes after which successive blob answers break off
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)  # answers to the next blob requests, instead of content
    headers: dict[str, str] = field(default_factory=dict)  # sent with `statuses`
    redirect: str = ""  # where blobs are redirected to
    extra: bytes = b""  # sent after a blob's content
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path with query, Authorization
    counts: Counter[str] = field(default_factory=Counter)
    uploads: dict[str, bytes] = field(default_factory=dict)
    mounted: list[tuple[str, str]] = field(default_factory=list)
    break_uploads: int = 0
    denies_having: bool = False  # as a repository that has not got what others have

    def add_image(
        self,
        name: str,
        layers: list[bytes],
        diff_ids: list[str],
        *,
        config: dict[str, Any] | None = None,
        layer_type: str = DOCKER_LAYER,
    ) -> str:
        """An image under `repo:tag`; returns the manifest's digest."""
        document = {"architecture": "amd64", "os": "linux", "config": {}} | (config or {})
        document["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
        data = json.dumps(document).encode()
        self.blobs[digest_of(data)] = data
        for layer in layers:
            self.blobs[digest_of(layer)] = layer
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": DOCKER_MANIFEST,
                "config": {"mediaType": DOCKER_CONFIG, "size": len(data), "digest": digest_of(data)},
                "layers": [{"mediaType": layer_type, "size": len(x), "digest": digest_of(x)} for x in layers],
            }
        ).encode()
        return self.put(name, manifest, DOCKER_MANIFEST)

    def add_index(self, name: str, entries: list[tuple[str, dict[str, str]]]) -> str:
        """An index over manifests that are there (by digest)."""
        repo = name.partition(":")[0]
        manifests = [
            {
                "mediaType": DOCKER_MANIFEST,
                "digest": digest,
                "size": len(self.manifests[f"{repo}@{digest}"][0]),
                "platform": platform,
            }
            for digest, platform in entries
        ]
        data = json.dumps({"schemaVersion": 2, "mediaType": DOCKER_INDEX, "manifests": manifests}).encode()
        return self.put(name, data, DOCKER_INDEX)

    def put(self, name: str, data: bytes, media_type: str) -> str:
        repo = name.partition(":")[0]
        self.manifests[name] = self.manifests[f"{repo}@{digest_of(data)}"] = (data, media_type)
        return digest_of(data)

    # serving
    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/v2/", self._base)
        app.router.add_get("/token", self._token)
        app.router.add_post("/token", self._token)
        app.router.add_route("*", "/v2/{repo:.+}/manifests/{which}", self._manifest)
        app.router.add_get("/v2/{repo:.+}/tags/list", self._tags)
        app.router.add_post("/v2/{repo:.+}/blobs/uploads/", self._begin)
        app.router.add_route("*", "/v2/{repo:.+}/blobs/uploads/{id}", self._upload)
        app.router.add_route("*", "/v2/{repo:.+}/blobs/{digest}", self._blob)
        app.router.add_get("/elsewhere/{digest}", self._elsewhere)
        return app

    def _note(self, request: web.Request) -> None:
        self.requests.append((request.method, request.path_qs, request.headers.get("Authorization", "")))
        self.counts[f"{request.method} {request.path}"] += 1

    def _challenge(self, scope: str = "") -> web.Response:
        if self.auth == "basic":
            value = 'Basic realm="test"'
        else:
            wanted = f',scope="{scope}"' if scope else ""
            value = f'Bearer realm="http://{self.address}/token",service="test"{wanted}'
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return web.json_response(body, status=401, headers={"WWW-Authenticate": value})

    def _refused(self, request: web.Request, scope: str = "") -> web.Response | None:
        self._note(request)
        sent = request.headers.get("Authorization", "")
        pair = base64.b64encode(":".join(self.user).encode()).decode()
        if self.auth == "basic" and sent != f"Basic {pair}":
            return self._challenge()
        if self.auth == "bearer" and not sent.startswith(f"Bearer token-{scope}"):
            return self._challenge(scope)
        return None

    async def _base(self, request: web.Request) -> web.Response:
        self._note(request)
        refused = None
        if self.auth and not request.headers.get("Authorization"):
            refused = self._challenge()
        elif self.auth == "basic":
            refused = self._refused(request)
        return refused or web.Response(text="{}")

    async def _token(self, request: web.Request) -> web.Response:
        self._note(request)
        if request.method == "POST":
            form = await request.post()
            if form["refresh_token"] != self.identity_token:
                return web.json_response({"details": "bad refresh token"}, status=401)
            return web.json_response({"access_token": f"token-{form['scope']}"})
        given = request.headers.get("Authorization", "")
        pair = base64.b64encode(":".join(self.user).encode()).decode()
        if given and given != f"Basic {pair}":
            return web.json_response({"details": "incorrect username or password"}, status=401)
        scopes = " ".join(request.query.getall("scope", []))
        answer: dict[str, object] = {"token": f"token-{scopes}", "expires_in": 300}
        if request.query.get("offline_token"):
            answer["refresh_token"] = self.identity_token
        return web.json_response(answer)

    async def _manifest(self, request: web.Request) -> web.Response:
        repo, which = request.match_info["repo"], request.match_info["which"]
        if refused := self._refused(request, f"repository:{repo}:pull"):
            return refused
        if request.method == "PUT":
            self.put(f"{repo}:{which}", await request.read(), request.headers["Content-Type"])
            return web.Response(status=201)
        found = self.manifests.get(f"{repo}@{which}" if which.startswith("sha256:") else f"{repo}:{which}")
        if found is None:
            body = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            return web.json_response(body, status=404)
        return web.Response(body=found[0], headers={"Content-Type": found[1]})

    async def _tags(self, request: web.Request) -> web.Response:
        repo = request.match_info["repo"]
        tags = sorted(name.partition(":")[2] for name in self.manifests if name.startswith(f"{repo}:"))
        return web.json_response({"name": repo, "tags": tags})

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        repo, digest = request.match_info["repo"], request.match_info["digest"]
        if refused := self._refused(request, f"repository:{repo}:pull"):
            return refused
        if request.method == "HEAD":
            return web.Response(status=200 if digest in self.blobs and not self.denies_having else 404)
        if self.statuses:
            return web.Response(status=self.statuses.pop(0), text="no", headers=self.headers)
        if self.redirect:
            return web.Response(status=307, headers={"Location": f"{self.redirect}/elsewhere/{digest}"})
        return await self._content(request, digest)

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        return await self._content(request, request.match_info["digest"])

    async def _content(self, request: web.Request, digest: str) -> web.StreamResponse:
        data = self.blobs.get(digest)
        if data is None:
            return web.json_response({"errors": [{"code": "BLOB_UNKNOWN", "message": "blob unknown"}]}, status=404)
        data += self.extra
        start, status, headers = 0, 200, {}
        wanted = request.headers.get("Range", "")
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            status, headers = 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(data) - start
        await response.prepare(request)
        end = len(data)
        if self.cut_after:
            end = min(end, start + self.cut_after.pop(0))
        await response.write(data[start:end])
        if end < len(data):
            assert request.transport is not None
            request.transport.close()
        return response

    async def _begin(self, request: web.Request) -> web.Response:
        repo = request.match_info["repo"]
        if refused := self._refused(request, f"repository:{repo}:pull"):
            return refused
        mount = request.query.get("mount", "")
        if mount in self.blobs:
            self.mounted.append((mount, request.query["from"]))
            return web.Response(status=201)
        number = str(len(self.uploads))
        self.uploads[number] = b""
        return web.Response(status=202, headers={"Location": f"/v2/{repo}/blobs/uploads/{number}?state=x%2Fy"})

    async def _upload(self, request: web.Request) -> web.Response:
        self._note(request)
        number = request.match_info["id"]
        assert request.rel_url.raw_query_string.startswith("state=x%2Fy")
        if self.break_uploads and request.method == "PATCH":
            self.break_uploads -= 1
            assert request.transport is not None
            request.transport.close()
        self.uploads[number] += await request.read()
        if request.method == "PATCH":
            return web.Response(status=202, headers={"Location": str(request.rel_url)})
        digest = request.query["digest"]
        if digest_of(self.uploads[number]) != digest:
            body = {"errors": [{"code": "DIGEST_INVALID", "message": "provided digest did not match uploaded content"}]}
            return web.json_response(body, status=400)
        self.blobs[digest] = self.uploads[number]
        return web.Response(status=201)


@contextlib.asynccontextmanager
async def run_fake_registry(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeRegistry]:
    """Serve one on a free port of 127.0.0.1."""
    registry = FakeRegistry()
    runner = web.AppRunner(registry.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    registry.address = f"127.0.0.1:{port}"
    try:
        yield registry
    finally:
        await runner.cleanup()
