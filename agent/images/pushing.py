"""`docker push`: layers the registry lacks, five at a time, then config and manifest.

A layer that came from a registry is sent in the very form it came in, so its digest is known beforehand and often
nothing is sent at all. One made here is kept as a plain tar and compressed while it is sent; the digest that comes out
is remembered for the next push.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from agent.images.blobs import digest_of
from agent.images.catalog import CompressedForm, LayerRow
from agent.images.compression import gzip_chunks, prefetch
from agent.images.content import Content
from agent.images.progress import Emit, Meter, aux, from_thread, message, status
from agent.images.registry.client import connect
from agent.images.registry.endpoints import Endpoints
from agent.images.registry.errors import NoCredentials, RegistryError, Unreachable, push_error
from agent.images.registry.manifests import DOCKER_CONFIG, DOCKER_LAYER, OCI_LAYER, Blob, build_manifest, media_type_of
from agent.images.registry.uploads import Uploads
from agent.images.sessions import Sessions
from agent.images.streams import stream_blocking
from agent.ports.images import Credentials, Progress
from wire.errors import Internal, Invalid, MooringError, NotFound
from wire.refs import Reference, parse_reference, parse_tag

__all__ = ["Pushing"]

_PARALLEL: Final = 5
_ATTEMPTS: Final = 5
_GZIP_LEVEL: Final = 1  # a seventh of zlib 6's time for 14 % more bytes
_LONGEST_WAIT_S: Final = 60.0


class Pushing:
    """One per agent. `retry_s` as in `Pulling`."""

    def __init__(self, content: Content, endpoints: Endpoints, sessions: Sessions, *, retry_s: float = 2.0) -> None:
        self._content = content
        self._endpoints = endpoints
        self._sessions = sessions
        self._retry_s = retry_s
        self._slots = asyncio.Semaphore(_PARALLEL)

    async def push(
        self, repo: str, *, tag: str | None, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        """See `agent.ports.images.Images.push`. Without a tag every tag of the repository is pushed."""
        reference = parse_reference(repo)
        if reference.digest:
            raise Invalid("cannot push a digest reference")
        if tag:
            reference = reference.with_tag(parse_tag(tag))
        yield message(f"The push refers to repository [{reference.name}]")
        targets = [reference] if reference.tag else self._tags_of(reference)
        if not self._content.catalog.references(reference.without_suffix()) or not targets:
            raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_name}")
        missing = [target for target in targets if self._content.catalog.find_name(target) is None]
        try:
            client = await connect(self._sessions.get(), self._endpoints.push(reference.domain), credentials)
            if missing:  # told only once the registry was reached
                raise NotFound(f"tag does not exist: {missing[0].familiar}")
            uploads = Uploads(client, reference)
            for target in targets:
                async with aclosing(self._push_one(uploads, target)) as lines:
                    async for line in lines:
                        yield line
        except MooringError as error:
            raise push_error(error) from error
        for target in targets:
            self._content.announce("push", target.familiar, target.familiar_name)

    def _tags_of(self, reference: Reference) -> list[Reference]:
        return [name for name in self._content.catalog.references(reference) if name.tag and not name.digest]

    async def _push_one(self, uploads: Uploads, target: Reference) -> AsyncGenerator[Progress, None]:
        lines: asyncio.Queue[Progress | None] = asyncio.Queue()
        work = asyncio.ensure_future(self._work(uploads, target, lines.put_nowait))
        work.add_done_callback(lambda _: lines.put_nowait(None))
        try:
            while (line := await lines.get()) is not None:
                yield line
            digest, size_bytes = await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
        yield message(f"{target.tag}: digest: {digest} size: {size_bytes}")
        yield aux({"Tag": target.tag, "Digest": digest, "Size": size_bytes})

    async def _work(self, uploads: Uploads, target: Reference, emit: Emit) -> tuple[str, int]:
        content = self._content
        image_id = content.catalog.find_name(target)
        if image_id is None:
            raise NotFound(f"An image does not exist locally with the tag: {target.familiar_name}")
        async with content.lease() as lease:
            image = content.catalog.image(image_id)
            lease.add(image_id, *image.diff_ids)
            config = await content.quick(content.blobs.read, image_id)
            forms = await self._layers(uploads, target, image.diff_ids, emit)
            await self._send_small(uploads, image_id, config)
            layers = [Blob(form.digest, form.size_bytes, _pushed_type(form)) for form in forms]
            data = build_manifest(Blob(image_id, len(config), DOCKER_CONFIG), layers)
            await uploads.put_manifest(data, media_type_of(data), target.tag)
            digest = digest_of(data)
            await content.catalog.name(image_id, target.with_digest(digest))
        return digest, len(data)

    async def _send_small(self, uploads: Uploads, digest: str, data: bytes) -> None:
        if await uploads.has_blob(digest):
            return
        upload = await uploads.begin()
        if upload is not None:
            await uploads.finish(upload, digest, data)

    # layers
    async def _layers(
        self, uploads: Uploads, target: Reference, diff_ids: Sequence[str], emit: Emit
    ) -> list[CompressedForm]:
        unique = list(dict.fromkeys(reversed(diff_ids)))
        for diff_id in unique:
            emit(status(_short(diff_id), "Preparing"))
        for diff_id in unique[_PARALLEL:]:
            emit(status(_short(diff_id), "Waiting"))
        forms: dict[str, CompressedForm] = {}

        async def one(diff_id: str) -> None:
            async with self._slots:
                forms[diff_id] = await self._layer(uploads, target, diff_id, emit)

        tasks = [asyncio.ensure_future(one(diff_id)) for diff_id in unique]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        return [forms[diff_id] for diff_id in diff_ids]

    async def _layer(self, uploads: Uploads, target: Reference, diff_id: str, emit: Emit) -> CompressedForm:
        row = self._content.catalog.layer(diff_id)
        if row is None:
            raise Internal(f"layer {diff_id} is missing")
        attempt = 0
        while True:
            try:
                return await self._try_layer(uploads, target, diff_id, row, emit)
            except (RegistryError, Unreachable) as error:
                attempt += 1
                if isinstance(error, NoCredentials):
                    raise
                if attempt >= _ATTEMPTS or (isinstance(error, RegistryError) and not error.is_temporary):
                    raise
                wait_s = error.retry_after_s if isinstance(error, RegistryError) else 0.0
                left = min(wait_s or self._retry_s * attempt, _LONGEST_WAIT_S)
                while left > 0:
                    seconds = math.ceil(left)
                    emit(status(_short(diff_id), f"Retrying in {seconds} second{'' if seconds == 1 else 's'}"))
                    await asyncio.sleep(min(left, 1.0))
                    left -= 1.0

    async def _try_layer(
        self, uploads: Uploads, target: Reference, diff_id: str, row: LayerRow, emit: Emit
    ) -> CompressedForm:
        layer = _short(diff_id)
        kept = await self._kept_form(row)
        candidates = ([kept] if kept else []) + [form for form in row.forms if not kept or form.digest != kept.digest]
        for form in candidates:
            if await uploads.has_blob(form.digest):
                emit(status(layer, "Layer already exists"))
                return await self._remember(diff_id, form, target)
        upload = None
        for form in candidates:
            source = _other_repository(form, target)
            if source is None:
                continue
            upload = await uploads.begin(mount=form.digest, source=source)
            if upload is None:
                emit(status(layer, f"Mounted from {source.path}"))
                return await self._remember(diff_id, form, target)
            break
        upload = upload or await uploads.begin()
        if upload is None:
            raise Internal("the registry mounted a blob that was not asked for")
        counted = _Outgoing(row, self._content, Meter(from_thread(emit), layer, "Pushing", row.size_bytes))
        async with aclosing(stream_blocking(counted.chunks())) as body:
            upload = await uploads.send(upload, body)
        form = counted.form()
        await uploads.finish(upload, form.digest)
        emit(status(layer, "Pushed"))
        return await self._remember(diff_id, form, target)

    async def _kept_form(self, row: LayerRow) -> CompressedForm | None:
        """The form on disk, when it is one that registries take."""
        if not row.compression:
            return None
        size_bytes = await self._content.quick(self._content.blobs.size_bytes, row.blob)
        known = next((form for form in row.forms if form.digest == row.blob), None)
        media_type = DOCKER_LAYER if row.compression == "gzip" else f"{OCI_LAYER}+zstd"
        return known or CompressedForm(digest=row.blob, size_bytes=size_bytes, media_type=media_type)

    async def _remember(self, diff_id: str, form: CompressedForm, target: Reference) -> CompressedForm:
        """Keep in the layer's row that this repository has this form of it."""
        row = self._content.catalog.layer(diff_id)
        if row is None:
            return form
        known = next((other for other in row.forms if other.digest == form.digest), form)
        repositories = (*(name for name in known.repositories if name != target.name), target.name)[-16:]
        form = msgspec.structs.replace(known, repositories=repositories)
        if form not in row.forms:
            forms = (*(other for other in row.forms if other.digest != form.digest), form)[-8:]
            await self._content.catalog.put_layers({diff_id: msgspec.structs.replace(row, forms=forms)})
        return form


class _Outgoing:
    """A layer on its way out: compressed when it is not yet, counted and hashed in the sending thread."""

    def __init__(self, row: LayerRow, content: Content, meter: Meter) -> None:
        self._row = row
        self._content = content
        self._meter = meter
        self._hash = hashlib.sha256()
        self._size = 0

    def chunks(self) -> Iterator[bytes]:
        plain = self._metered(self._content.blobs.chunks(self._row.blob))
        for piece in plain if self._row.compression else gzip_chunks(prefetch(plain), _GZIP_LEVEL):
            self._hash.update(piece)
            self._size += len(piece)
            yield piece

    def _metered(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._meter.add(len(chunk))
            yield chunk

    def form(self) -> CompressedForm:
        media_type = f"{OCI_LAYER}+zstd" if self._row.compression == "zstd" else DOCKER_LAYER
        return CompressedForm(digest=f"sha256:{self._hash.hexdigest()}", size_bytes=self._size, media_type=media_type)


def _pushed_type(form: CompressedForm) -> str:
    return form.media_type if form.media_type.endswith("+zstd") else DOCKER_LAYER


def _other_repository(form: CompressedForm, target: Reference) -> Reference | None:
    """Another repository of the same registry that had this form, the latest first."""
    for name in reversed(form.repositories):
        reference = parse_reference(name)
        if reference.domain == target.domain and reference.path != target.path:
            return reference
    return None


def _short(diff_id: str) -> str:
    return diff_id.removeprefix("sha256:")[:12]
