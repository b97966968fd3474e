"""The builder's front door: what the daemon constructs and the API calls."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.build.base_images import check_platform
from agent.build.build_args import BuildArgs, host_platform, platform_args
from agent.build.cache_mounts import CacheMount, CacheMounts, directory_bytes
from agent.build.cache_sources import CacheSources
from agent.build.classic import ClassicRenderer, error_message, short_id
from agent.build.context import BuildContext
from agent.build.context_source import open_context, read_dockerfile
from agent.build.durations import parse_duration_ns
from agent.build.events import BuildEvent, Notice, Warned
from agent.build.executor import execute
from agent.build.go_text import go_list, rfc3339_nano
from agent.build.instructions import parse_instructions
from agent.build.options import BuildOptions
from agent.build.plan import make_plan
from agent.build.run_container import remove_leftovers
from agent.build.step_cache import StepCache
from agent.build.step_context import StepContext, new_container_id
from agent.build.syntax import parse_dockerfile
from agent.host import failpoints
from agent.host.threads import in_thread
from agent.ports.images import Images, Progress
from agent.ports.storage import Store
from wire.engine.build import BuildCacheRecord, BuildPruneReport
from wire.errors import Internal, Invalid, MooringError, NotFound
from wire.filters import check_names
from wire.refs import Reference, parse_reference
from wire.versions import DOCKER_VERSION

if TYPE_CHECKING:
    from agent.engine.engine import Engine

__all__ = ["Builder"]

_FILTERS = tuple("description id inuse label label! parent private shared type until unused-for".split())
_log = logging.getLogger(__name__)


class Builder:
    """Builds images from Dockerfiles, one call per build; any number at once.

    `state` is a directory this room owns (cache mounts, spooled contexts), `run` one that lives in memory; both are
    made when absent. Call `start` once before anything else and `close` at the end.
    """

    def __init__(self, *, engine: Engine, images: Images, store: Store, state: Path, run: Path) -> None:
        self._engine = engine
        self._images = images
        self._store = store
        self._scratch = state / "tmp"
        self._run = run
        self._cache = StepCache(store, self._has_image)
        self._cache_mounts = CacheMounts(store, state / "cache-mounts")
        self._running: set[asyncio.Task[object]] = set()

    def _has_image(self, image_id: str) -> bool:
        try:
            self._images.resolve(image_id)
        except NotFound:
            return False
        return True

    async def start(self) -> None:
        """Remove what an earlier life of the agent left half done. Safe to repeat."""
        await remove_leftovers(self._engine, self._store)
        await in_thread(self._clean)
        await self._cache.forget_missing()

    def _clean(self) -> None:
        for directory in (self._scratch, self._run):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o700, parents=True)
        self._cache_mounts.start()

    async def close(self) -> None:
        """Stop every build that still runs. Safe to repeat."""
        tasks = [task for task in self._running if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def build(self, options: BuildOptions, context: AsyncIterator[bytes]) -> AsyncGenerator[Progress, None]:
        """Build, yielding Docker's JSON messages one by one.

        `context` is the request body: a tar, plain or compressed; it is not read when `options.remote` names another
        source. Raises `MooringError` before the first message when nothing could begin (the caller answers with its
        status); later failures are the last message (`errorDetail`, `error`). Closing the iterator cancels: the
        running step is killed and its container removed.
        """
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
        begun = False
        held: list[Progress] = []
        try:
            async with aclosing(self._messages(options, context)) as messages:
                async for verbose, message in messages:
                    if verbose and options.quiet:
                        held.append(message)
                        continue
                    begun = True
                    yield message
        except Exception as error:
            fault = _expected(error)
            if not begun and not held:
                raise fault from error
            for message in held:
                yield message
            yield error_message(fault)
        finally:
            if task is not None:
                self._running.discard(task)

    async def _messages(
        self, options: BuildOptions, body: AsyncIterator[bytes]
    ) -> AsyncGenerator[tuple[bool, Progress], None]:
        """Messages, each with whether `-q` leaves it out."""
        names = _parse_tags(options.tags)
        platform = check_platform(options.platform) if options.platform else ""
        scratch = self._scratch / new_container_id()
        scratch.mkdir(mode=0o700, parents=True)
        secrets = self._run / scratch.name
        context: BuildContext | None = None
        hold = self._engine.hold_images()
        renderer = ClassicRenderer()
        try:
            context = await open_context(options.remote, body, dockerfile=options.dockerfile, directory=scratch)
            failpoints.hit("build.mid_context")
            dockerfile = parse_dockerfile(read_dockerfile(context, options.dockerfile))
            args = BuildArgs(options.build_args, platform_args(platform or host_platform(), host_platform()))
            plan = make_plan(
                parse_instructions(dockerfile), target=options.target, labels=options.labels, build_args=args
            )
            steps = StepContext(
                engine=self._engine,
                images=self._images,
                store=self._store,
                cache=self._cache,
                cache_mounts=self._cache_mounts,
                options=replace(options, platform=platform),
                context=context,
                scratch=scratch,
                secrets_directory=secrets,
                cache_sources=CacheSources(self._images, options.cache_from) if options.cache_from else None,
                docker_version=DOCKER_VERSION,
                hold=hold,
            )

            def shown(event: BuildEvent) -> list[tuple[bool, Progress]]:
                return [(True, message) for message in renderer.render(event)]

            for warning in dockerfile.warnings:
                for item in shown(Warned(warning)):
                    yield item
            image_id = ""
            async with aclosing(execute(steps, plan, args, escape=dockerfile.escape)) as events:
                async for event in events:
                    if isinstance(event, str):
                        image_id = event
                        continue
                    for item in shown(event):
                        yield item
            unused = args.unused()
            if unused:
                text = f"[Warning] One or more build-args {go_list(unused)} were not consumed\n"
                for item in shown(Notice(text)):
                    yield item
            if not image_id:
                raise Internal("No image was generated. Is your Dockerfile empty?")
            if options.quiet:
                yield False, {"stream": f"{image_id}\n"}
            yield True, {"stream": f"Successfully built {short_id(image_id)}\n"}
            failpoints.hit("build.before_tag")
            for name in names:
                await self._engine.image_tag(image_id, name.familiar_name, name.tag)
                yield True, {"stream": f"Successfully tagged {name.familiar}\n"}
        finally:
            hold.close()
            if context is not None:
                context.close()
            for directory in (scratch, secrets):
                await in_thread(shutil.rmtree, directory, True)

    async def prune(
        self, *, all: bool = False, filters: Mapping[str, Sequence[str]] | None = None, keep_storage_bytes: int = 0
    ) -> BuildPruneReport:
        """Remove cache directories that no step uses now, oldest use first, down to `keep_storage_bytes`.

        Filters: `id`, `type` (`exec.cachemount`), `until` and `unused-for` (a duration or a time), `description`.
        Images made by steps are not touched: like Docker's classic builder, they are images, and `image prune` and
        `rmi` are what removes them. Rows of images that are gone are dropped.
        """
        wanted = filters or {}
        _check_filters(wanted)
        candidates = [mount for mount in self._cache_mounts.all() if not mount.in_use and _matches(mount, wanted)]
        candidates.sort(key=lambda mount: mount.row.used_at)
        sizes = {mount.id: await in_thread(directory_bytes, mount.path) for mount in candidates}
        held = sum(sizes.values())
        removed: list[str] = []
        reclaimed = 0
        for mount in candidates:
            if keep_storage_bytes and held <= keep_storage_bytes:
                break
            freed = await self._cache_mounts.remove(mount.id)
            held -= sizes[mount.id]
            reclaimed += freed
            removed.append(mount.id)
        await self._cache.forget_missing()
        self._engine.publish("builder", "prune", "", {"reclaimed": str(reclaimed)})
        return BuildPruneReport(CachesDeleted=removed or None, SpaceReclaimed=reclaimed)

    async def usage(self) -> list[BuildCacheRecord]:
        """What the build cache holds, for `GET /system/df`: the directories of cache mounts."""
        records = []
        for mount in self._cache_mounts.all():
            records.append(
                BuildCacheRecord(
                    ID=mount.id,
                    Type="exec.cachemount",
                    Description=f"cached mount {mount.row.target} from exec",
                    InUse=mount.in_use,
                    Shared=False,
                    Size=await in_thread(directory_bytes, mount.path),
                    CreatedAt=rfc3339_nano(int(mount.row.made_at * 1e9)),
                    LastUsedAt=rfc3339_nano(int(mount.row.used_at * 1e9)),
                    UsageCount=mount.row.uses,
                )
            )
        return records


def _expected(error: Exception) -> MooringError:
    """What a client is told of an error: itself when it is one of ours, else what the system said of it."""
    if isinstance(error, MooringError):
        return error
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Internal(f"write {error.filename or 'build context'}: no space left on device")
        return Internal(f"{(error.strerror or str(error)).lower()}: {error.filename or 'build'}")
    _log.error("build.failed unexpectedly", exc_info=error)
    return Internal(str(error) or type(error).__name__)


def _parse_tags(tags: Sequence[str]) -> list[Reference]:
    """The names to give, each once. Docker answers 500 for a bad one, hence Internal."""
    names: dict[str, Reference] = {}
    for tag in tags:
        if not tag:
            continue
        try:
            reference = parse_reference(tag)
        except MooringError as error:
            raise Internal(error.message) from None
        if reference.digest:
            raise Internal("build tag cannot contain a digest")
        reference = reference.with_default_tag()
        names.setdefault(reference.familiar, reference)
    return list(names.values())


def _check_filters(filters: Mapping[str, Sequence[str]]) -> None:
    """Raise Invalid in Docker's words for what is no filter of a build cache, or has no one value."""
    try:
        check_names(filters, _FILTERS)
    except Invalid as error:
        raise Invalid(f"failed to prune build cache: {error.message}") from error
    for name, values in filters.items():
        if len(values) > 1:
            raise Invalid("failed to prune build cache: filters expect only one value")
        if name in ("until", "unused-for") and values:
            try:
                _moment(values[0])
            except Invalid as error:
                raise Invalid(
                    f"failed to prune build cache: \"{name}\" filter expects a duration (e.g., '24h') or a timestamp: "
                    f"{error.message}"
                ) from error


def _matches(mount: CacheMount, filters: Mapping[str, Sequence[str]]) -> bool:
    for name, values in filters.items():
        if name in ("until", "unused-for"):
            if not all(mount.row.used_at < _moment(value) for value in values):
                return False
        elif name == "id":
            if not any(mount.id.startswith(value.removeprefix("~=")) for value in values):
                return False
        elif name == "type":
            if "exec.cachemount" not in values:
                return False
        elif name == "description" and not any(
            value in f"cached mount {mount.row.target} from exec" for value in values
        ):
            return False
    return True


def _moment(text: str) -> float:
    """Seconds since the epoch that `until` means: a duration ago, or a Unix time."""
    try:
        return time.time() - parse_duration_ns(text) / 1e9
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise Invalid(f'failed to parse value as time or duration: "{text}"') from None
