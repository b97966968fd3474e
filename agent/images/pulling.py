"""`docker pull`: manifest, config, layers three at a time, then one transaction that makes them an image with names.

Failures before the first progress line are raised before it, as Docker answers them with a status; later ones are
raised where they happen and the caller puts them into the stream.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from agent.host import failpoints
from agent.images.blobs import BlobWriter
from agent.images.catalog import CompressedForm, LayerRow, Lease
from agent.images.configs import parse_config
from agent.images.content import Content, write_all
from agent.images.platforms import HOST, WantedPlatform, choose_manifest, parse_platform
from agent.images.progress import Emit, Meter, from_thread, message, status, transfer
from agent.images.registry.client import Fetched, RegistryClient, connect
from agent.images.registry.endpoints import Endpoints
from agent.images.registry.errors import RegistryError, Unreachable, pull_error
from agent.images.registry.manifests import ACCEPT, Blob, Index, Manifest, parse_manifest
from agent.images.sessions import Sessions
from agent.images.transfers import Transfers
from agent.ports.images import Credentials, Progress
from wire.errors import Forbidden, Invalid, MooringError, NotFound
from wire.refs import Reference, parse_reference

__all__ = ["Pulling", "short_id"]

_PARALLEL: Final = 3
_ATTEMPTS: Final = 5
_CONFIG_BYTES: Final = 8 << 20
_PIECE: Final = 1 << 20
_LONGEST_WAIT_S: Final = 60.0


class Pulling:
    """One per agent. `retry_s` is the unit of the waits between attempts: 1, 2, 3… times it."""

    def __init__(self, content: Content, endpoints: Endpoints, sessions: Sessions, *, retry_s: float = 2.0) -> None:
        self._content = content
        self._endpoints = endpoints
        self._sessions = sessions
        self._retry_s = retry_s
        self._slots = asyncio.Semaphore(_PARALLEL)
        self._transfers: Transfers[LayerRow] = Transfers()

    async def pull(
        self, ref: str, *, platform: str = "", all_tags: bool = False, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        """See `agent.ports.images.Images.pull`."""
        reference = parse_reference(ref)
        wanted = parse_platform(platform)
        if all_tags and not reference.is_name_only:
            raise Invalid("tag can't be used with --all-tags/-a")
        if reference.familiar_name == "scratch":
            raise Forbidden("'scratch' is a reserved name")
        try:
            client = await connect(self._sessions.get(), self._endpoints.pull(reference.domain), credentials)
            if all_tags:
                tags = await client.list_tags(reference)
                if not tags:
                    raise NotFound(f"no tags found for repository {reference.familiar_name}")
                targets = [reference.with_tag(tag) for tag in tags]
            else:
                targets = [reference.with_default_tag()]
            first = await self._fetch_with_mirror(client, targets[0], credentials)
        except MooringError as error:
            raise pull_error(error, reference if all_tags else reference.with_default_tag()) from error
        newer = False
        client, fetched = first
        for number, target in enumerate(targets):
            if number:
                try:
                    fetched = await client.get_manifest(target, target.digest or target.tag)
                except MooringError as error:
                    raise pull_error(error, target) from error
            outcome: list[bool] = []
            async with aclosing(self._pull_one(client, target, fetched, wanted, outcome)) as lines:
                async for line in lines:
                    yield line
            newer = newer or outcome[0]
        shown = reference.familiar if all_tags else targets[0].familiar
        yield message(
            f"Status: Downloaded newer image for {shown}" if newer else f"Status: Image is up to date for {shown}"
        )
        self._content.announce("pull", shown, reference.familiar_name)
        if not all_tags:
            self._check_platform(targets[0], wanted)

    async def _fetch_with_mirror(
        self, client: RegistryClient, target: Reference, credentials: Credentials | None
    ) -> tuple[RegistryClient, Fetched]:
        """A mirror that lacks the image or fails is passed over for the registry itself."""
        which = target.digest or target.tag
        try:
            return client, await client.get_manifest(target, which)
        except (RegistryError, Unreachable):
            if not client.endpoint.mirror:
                raise
        rest = [endpoint for endpoint in self._endpoints.pull(target.domain) if not endpoint.mirror]
        client = await connect(self._sessions.get(), rest, credentials)
        return client, await client.get_manifest(target, which)

    def _check_platform(self, target: Reference, wanted: WantedPlatform) -> None:
        if not wanted.os:
            return
        image = self._content.catalog.image(self._content.catalog.resolve(str(target)))
        system, architecture = str(image.config.get("os") or ""), str(image.config.get("architecture") or "")
        if (system, architecture) != (wanted.os, wanted.architecture):
            raise NotFound(
                f"image with reference {target.familiar} was found but does not match the specified platform: wanted "
                f"{wanted}, actual: {system}/{architecture}"
            )

    # one tag
    async def _pull_one(
        self,
        client: RegistryClient,
        target: Reference,
        fetched: Fetched,
        wanted: WantedPlatform,
        outcome: list[bool],
    ) -> AsyncGenerator[Progress, None]:
        yield message(f"Pulling from {target.path}", target.tag or target.familiar)
        lines: asyncio.Queue[Progress | None] = asyncio.Queue()
        work = asyncio.ensure_future(self._work(client, target, fetched, wanted, lines.put_nowait))
        work.add_done_callback(lambda _: lines.put_nowait(None))
        try:
            while (line := await lines.get()) is not None:
                yield line
            try:
                outcome.append(await work)
            except MooringError as error:
                raise pull_error(error, target) from error
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
        yield message(f"Digest: {fetched.digest}")

    async def _work(
        self, client: RegistryClient, target: Reference, fetched: Fetched, wanted: WantedPlatform, emit: Emit
    ) -> bool:
        """Everything between the first line and the last; whether a name moved."""
        content = self._content
        manifest = await self._choose(client, target, fetched, wanted)
        failpoints.hit("pull.after_manifest")
        names = [target.with_digest(fetched.digest)]
        if target.tag:
            names.append(target.with_tag(target.tag))
        image_id = manifest.config.digest
        current = [content.catalog.find_name(name) for name in names]
        if all(known == image_id for known in current) and content.catalog.has_image(image_id):
            return False
        async with content.lease() as lease:
            lease.add(image_id)
            layers: dict[str, LayerRow] = {}
            if content.catalog.has_image(image_id):
                lease.add(*content.catalog.image(image_id).diff_ids)  # the image may be deleted while we read
                data = await content.quick(content.blobs.read, image_id)
            else:
                data = await client.get_small_blob(target, image_id, _CONFIG_BYTES)
                _, diff_ids, _ = parse_config(data)
                layers = await self._layers(client, target, manifest.layers, diff_ids, lease, emit)
            failpoints.hit("pull.before_tag")
            await content.add_image(data, layers, lease, names=names)
        return current[-1] != image_id

    async def _choose(
        self, client: RegistryClient, target: Reference, fetched: Fetched, wanted: WantedPlatform
    ) -> Manifest:
        document = parse_manifest(fetched.data, fetched.media_type)
        if isinstance(document, Manifest):
            return document
        entry = choose_manifest(document.manifests, wanted)
        if entry is None:
            sought = WantedPlatform(wanted.os or HOST.os, wanted.architecture or HOST.architecture, wanted.variant)
            raise NotFound(f"no matching manifest for {sought} in the manifest list entries")
        inner = await client.get_manifest(target, str(entry["digest"]), ACCEPT)
        document = parse_manifest(inner.data, inner.media_type)
        if isinstance(document, Index):
            raise Invalid("an index inside an index is not supported")
        return document

    # layers
    async def _layers(
        self,
        client: RegistryClient,
        target: Reference,
        blobs: Sequence[Blob],
        diff_ids: Sequence[str],
        lease: Lease,
        emit: Emit,
    ) -> dict[str, LayerRow]:
        if len(blobs) != len(diff_ids):
            raise Invalid(f"mismatched image rootfs and manifest layers ({len(diff_ids)} and {len(blobs)})")
        content = self._content
        lease.add(*diff_ids)
        missing: dict[str, Blob] = {}
        for blob, diff_id in zip(blobs, diff_ids, strict=True):
            if content.catalog.layer(diff_id) is not None or diff_id in missing:
                emit(status(short_id(blob.digest), "Already exists"))
            else:
                missing[diff_id] = blob
        for blob in missing.values():
            emit(status(short_id(blob.digest), "Pulling fs layer"))
        # Leased by every pull that waits, so that the one which began a transfer may leave before the others.
        lease.add(*(blob.digest for blob in missing.values()))
        rows: dict[str, LayerRow] = {}

        async def one(diff_id: str, blob: Blob) -> None:
            def work(tell: Emit) -> Awaitable[LayerRow]:
                return self._fetch_layer(client, target, blob, diff_id, tell)

            rows[diff_id] = await self._transfers.run(f"{blob.digest} {diff_id}", emit, work)

        tasks = [asyncio.ensure_future(one(diff_id, blob)) for diff_id, blob in missing.items()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        return rows

    async def _fetch_layer(
        self, client: RegistryClient, target: Reference, blob: Blob, diff_id: str, emit: Emit
    ) -> LayerRow:
        content = self._content
        layer = short_id(blob.digest)
        if not content.blobs.has(blob.digest):
            if self._slots.locked():
                emit(status(layer, "Waiting"))
            async with self._slots:
                await self._download(client, target, blob, emit)
        emit(status(layer, "Download complete"))
        meter = Meter(from_thread(emit), layer, "Extracting", blob.size_bytes)
        lease = content.catalog.new_lease()
        try:
            _, row = await content.unpack_blob(blob.digest, lease, diff_id, on_read=meter.add)
        finally:
            lease.release()
        failpoints.hit("pull.after_extract")
        form = CompressedForm(
            digest=blob.digest, size_bytes=blob.size_bytes, media_type=blob.media_type, repositories=(target.name,)
        )
        if row.compression:
            row = msgspec.structs.replace(row, forms=(form,))
        emit(transfer(layer, "Extracting", blob.size_bytes, blob.size_bytes))
        emit(status(layer, "Pull complete"))
        return row

    async def _download(self, client: RegistryClient, target: Reference, blob: Blob, emit: Emit) -> None:
        """Bring the blob to disk, checked. A cut connection goes on where it broke off; refusals are final."""
        content = self._content
        layer = short_id(blob.digest)
        writer = await content.open_writer()
        attempt = 0
        try:
            meter = Meter(emit, layer, "Downloading", blob.size_bytes)
            while True:
                before = writer.size_bytes
                try:
                    await self._download_rest(client, target, blob, writer, meter)
                    break
                except (RegistryError, Unreachable) as error:
                    if isinstance(error, RegistryError) and not error.is_temporary:
                        raise
                    # What arrived counts as success: only attempts without progress are counted.
                    attempt = 1 if writer.size_bytes > before else attempt + 1
                    if attempt >= _ATTEMPTS:
                        raise
                    wait_s = error.retry_after_s if isinstance(error, RegistryError) else 0.0
                    await self._wait(layer, min(wait_s or self._retry_s * attempt, _LONGEST_WAIT_S), emit)
            emit(status(layer, "Verifying Checksum"))
            await content.bulk(writer.commit, blob.digest)
            failpoints.hit("pull.after_blob_fsync")
        finally:
            writer.abort()

    async def _wait(self, layer: str, wait_s: float, emit: Emit) -> None:
        left = wait_s
        while left > 0:
            seconds = math.ceil(left)
            emit(status(layer, f"Retrying in {seconds} second{'' if seconds == 1 else 's'}"))
            await asyncio.sleep(min(left, 1.0))
            left -= 1.0

    async def _download_rest(
        self, client: RegistryClient, target: Reference, blob: Blob, writer: BlobWriter, meter: Meter
    ) -> None:
        content = self._content
        async with client.open_blob(target, blob.digest, writer.size_bytes) as (start, chunks):
            if start == 0 and writer.size_bytes:
                await content.bulk(writer.restart)
                meter.reset()
            parts: list[bytes] = []
            size = 0
            received = writer.size_bytes
            try:
                async for chunk in chunks:
                    parts.append(chunk)
                    size += len(chunk)
                    received += len(chunk)
                    if received > blob.size_bytes:
                        raise Invalid(f"layer {blob.digest} is larger than its manifest says")
                    if size >= _PIECE:
                        await content.bulk(write_all, writer, parts)
                        meter.add(size)
                        parts, size = [], 0
                        failpoints.hit("pull.mid_blob")
            finally:
                # Also when the connection broke: what came is kept for the next attempt.
                if parts:
                    await content.bulk(write_all, writer, parts)
                    meter.add(size)
        if writer.size_bytes < blob.size_bytes:
            raise Unreachable(f"unexpected EOF after {writer.size_bytes} of {blob.size_bytes} bytes")


def short_id(digest: str) -> str:
    """How a layer is named in progress lines."""
    return digest.removeprefix("sha256:")[:12]
