"""One stage of a build, instruction by instruction, each from the cache or made anew."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.build.base_images import check_platform, ensure_image
from agent.build.build_args import BuildArgs
from agent.build.copy_step import CopyStep
from agent.build.events import (
    BuildEvent,
    ContainerRemoved,
    ContainerStarted,
    ImageMade,
    Notice,
    OutputPiece,
    PullMessage,
    StageDone,
    StepCached,
    StepStarted,
    TriggersFound,
)  # fmt: skip
from agent.build.expansion import Expander, ExpansionError
from agent.build.go_text import go_list
from agent.build.image_documents import now, step_document, step_history
from agent.build.instructions import Add, Arg, Copy, Healthcheck, Instruction, Run, Workdir, parse_trigger
from agent.build.mount_sources import mount_inputs, prepare_mounts, remove_mount_points
from agent.build.plan import Plan, Stage
from agent.build.root_writer import RootWriter
from agent.build.run_container import RunContainer, host_config
from agent.build.stage_config import StageConfig
from agent.build.step_cache import step_key
from agent.build.step_context import StepContext, new_container_id
from agent.build.syntax import Heredoc
from agent.host import failpoints
from agent.host.threads import in_thread
from agent.ports.images import Image
from wire.errors import Internal, Invalid, MooringError, NotFound

__all__ = ["StageRunner"]

_SCRIPTS = "/dev/pipes"  # in the container's own /dev, so that nothing of it gets into a layer
_ALONE = re.compile(r"^\d*<<-?[^<\s]+$")
Emit = Callable[[BuildEvent], Awaitable[None]]
StageResult = Callable[[int], Awaitable[str]]
"""Waits for another stage of this build; returns its image's id."""


class StageRunner:
    """Runs one stage. `emit` takes its events in order; `result_of` waits for the stages it reads."""

    def __init__(
        self,
        context: StepContext,
        plan: Plan,
        stage: Stage,
        args: BuildArgs,
        *,
        first_step: int,
        escape: str,
        emit: Emit,
        result_of: StageResult,
        slots: asyncio.Semaphore,
    ) -> None:
        self._context = context
        self._plan = plan
        self._stage = stage
        self._args = args
        self._number = first_step
        self._escape = escape
        self._emit = emit
        self._result_of = result_of
        self._slots = slots
        self._image_id = ""
        self._platform = context.options.platform
        self._config = StageConfig(None, escape=escape)

    async def run(self) -> str:
        """Build the stage; returns its image's id. Raises what the failing instruction says."""
        name = self._stage.name
        if name and self._plan.find_stage(name, self._stage.index) is not None:
            raise Invalid(f"{name} stage name already used")
        await self._begin_step(self._stage.base.statement.original)
        await self._start_from_base()
        for instruction in self._stage.instructions:
            await self._begin_step(instruction.statement.original)
            await self._dispatch(instruction)
            await self._emit(ImageMade(self._image_id))
        if self._image_id:
            await self._emit(StageDone(self._image_id))
        return self._image_id

    async def _begin_step(self, text: str) -> None:
        await self._emit(StepStarted(self._number, self._plan.step_count, text))
        self._number += 1

    # FROM
    async def _start_from_base(self) -> None:
        names = self._args.globals()
        base = self._stage.base
        try:
            expander = Expander(escape=self._escape)
            ref, platform = expander.word(base.base, names), expander.word(base.platform, names)
        except ExpansionError as error:
            raise Invalid(str(error)) from None
        if not ref:
            raise Invalid(f"base name ({base.base}) should not be blank")
        if platform:
            try:
                self._platform = check_platform(platform)
            except Invalid as error:
                raise Invalid(f"failed to parse platform {platform}: {error.message}") from None
        stage = self._plan.find_stage(ref, self._stage.index)
        if stage is not None:
            self._image_id = await self._result_of(stage.index)
        elif ref != "scratch":
            self._image_id = await self._find_base(ref)
        self._config = StageConfig(self._base_document().get("config"), escape=self._escape)
        self._context.hold.add(self._image_id)
        self._config.set_image(self._image_id)
        await self._run_triggers()
        await self._emit(ImageMade(self._image_id))

    async def _find_base(self, ref: str) -> str:
        pull = self._context.options.pull
        async for item in ensure_image(self._context, ref, platform=self._platform, pull=pull):
            if isinstance(item, Image):
                return item.id
            await self._emit(item)
        raise Internal(f"No such image: {ref}")

    async def _run_triggers(self) -> None:
        triggers = self._config.triggers
        if not triggers:
            return
        await self._emit(TriggersFound(len(triggers)))
        for instruction in [parse_trigger(trigger, self._escape) for trigger in triggers]:
            await self._dispatch(instruction)

    def _base_document(self) -> Mapping[str, Any]:
        return self._context.image_config(self._image_id)

    # one instruction
    async def _dispatch(self, written: Instruction) -> None:
        instruction = self._config.expand(written, self._args)
        match instruction:
            case Run():
                await self._run(instruction)
            case Copy() | Add():
                await self._copy(instruction)
            case Workdir():
                await self._workdir(instruction)
            case Arg():
                for name, default in instruction.pairs:
                    self._args.declare(name, default)
                await self._configure(instruction)
            case Healthcheck():
                replaced = self._config.replaced_healthcheck()
                if replaced:
                    await self._emit(Notice(f"Note: overriding previous HEALTHCHECK: {go_list(replaced)}\n"))
                await self._configure(instruction)
            case _:
                await self._configure(instruction)

    async def _configure(self, instruction: Instruction) -> None:
        comment = self._config.apply(instruction)
        await self._commit([*self._config.shell, "#(nop) ", comment])

    async def _commit(self, command: list[str]) -> None:
        """A step that changes nothing but the configuration."""
        text = " ".join(command)
        key = step_key(self._image_id, text, self._common_inputs())
        if await self._use_cached(key, command):
            return
        container_id = await self._placeholder(command)
        await self._emit(ContainerStarted(container_id))
        created = now()
        # A container's own host name and never-null labels are what a commit of a real one records.
        document = self._document(command, container_id, created, hostname=True)
        image_id = await self._context.images.create_image(
            parent=self._image_id,
            config=document,
            layers_from=self._image_id,
            history=[step_history(self._config, created=created, created_by=text)],
        )
        if self._context.options.remove:
            await self._emit(ContainerRemoved(container_id))
        await self._take(key, image_id, text)

    async def _placeholder(self, command: list[str]) -> str:
        """The container of a step that runs nothing: only an id, or a real one when the client wants to keep them."""
        if self._context.options.remove or not self._image_id:
            return new_container_id()
        container = RunContainer(self._context)
        config = self._config.document(Cmd=command, Entrypoint=None)
        container_id = await container.create(config, host_config(self._context.options, network="default", mounts=()))
        await container.keep()
        return container_id

    def _document(
        self, command: list[str], container_id: str, created: str, *, hostname: bool = False, **changes: Any
    ) -> dict[str, Any]:
        if hostname:
            changes |= {"Hostname": container_id[:12], "Labels": self._config.document()["Labels"] or {}}
        return step_document(
            self._config,
            base=self._base_document(),
            command=command,
            container_id=container_id,
            platform=self._platform,
            docker_version=self._context.docker_version,
            created=created,
            container_config=changes,
        )

    # cache
    def _common_inputs(self) -> list[str]:
        """What is in every key: the author and platform of an image whose parent is empty."""
        return [] if self._image_id else [self._platform, self._config.author]

    async def _use_cached(self, key: str, command: list[str]) -> bool:
        if self._context.options.no_cache:
            return False
        found = self._context.cache.find(key)
        sources = self._context.cache_sources
        if sources is not None and (found is None or not sources.leads_to(found)):
            text = " ".join(command)
            found = await sources.find_step(self._image_id, text, self._document(command, "", now()))
            if found is not None:
                await self._context.cache.put(key, found, parent_id=self._image_id, text=text)
        if found is None:
            return False
        self._context.hold.add(found)
        await self._emit(StepCached())
        self._become(found)
        return True

    async def _take(self, key: str, image_id: str, text: str) -> None:
        self._context.hold.add(
            image_id
        )  # it has no name: without a hold a prune would take it from under the next step
        await self._context.cache.put(key, image_id, parent_id=self._image_id, text=text)
        self._become(image_id)
        failpoints.hit("build.after_step_commit")

    def _become(self, image_id: str) -> None:
        self._image_id = image_id
        self._config.set_image(image_id)

    # WORKDIR
    async def _workdir(self, instruction: Workdir) -> None:
        comment = self._config.apply(instruction)
        command = [*self._config.shell, f"#(nop) {comment}"]
        text = " ".join(command)
        key = step_key(self._image_id, text, self._common_inputs())
        if await self._use_cached(key, command):
            return
        async with self._writable() as (container_id, root):
            await in_thread(_make_directory, root, self._config.working_dir)
            shown_id = await self._placeholder(command)
            await self._emit(ContainerStarted(shown_id))
            created = now()
            document = self._document(command, shown_id, created, hostname=True)
            image_id = await self._layered_image(container_id, document, text, created, take=True)
        if self._context.options.remove:
            await self._emit(ContainerRemoved(shown_id))
        await self._take(key, image_id, text)

    # COPY and ADD
    async def _prepare(self, step: CopyStep) -> None:
        """Have the sources; what was fetched is told also when it is of no use."""
        refusal: MooringError | None = None
        try:
            await step.prepare()
        except MooringError as error:
            refusal = error
        for message in step.downloads:
            await self._emit(PullMessage(message))
        if refusal is not None:
            raise refusal

    async def _copy(self, instruction: Copy | Add) -> None:
        from_image = None
        if isinstance(instruction, Copy) and instruction.from_:
            from_image = await self._image_named(instruction.from_)
        step = CopyStep(
            context=self._context,
            instruction=instruction,
            working_dir=self._config.working_dir,
            from_image=from_image,
        )
        try:
            await self._prepare(step)
            command = [*self._config.shell, f"#(nop) {step.history_text()}"]
            text = " ".join(command)
            key = step_key(self._image_id, text, [*self._common_inputs(), *step.key_inputs()])
            if await self._use_cached(key, command):
                return
            async with self._slots, self._writable() as (container_id, root):
                await step.write(root)
                created = now()
                document = self._document(command, "", created)
                image_id = await self._layered_image(container_id, document, text, created, take=True)
        finally:
            await step.close()
        await self._take(key, image_id, text)

    def _writable(self) -> Any:
        return _Writable(self._context, self._image_id)

    async def _layered_image(
        self, container_id: str, document: dict[str, Any], text: str, created: str, *, take: bool
    ) -> str:
        return await self._context.images.create_image(
            parent=self._image_id,
            config=document,
            layers_from=self._image_id,
            history=[step_history(self._config, created=created, created_by=text)],
            container_id=container_id,
            take=take,
        )

    async def _image_named(self, ref: str) -> str:
        """The image that `--from` or `from=` means: a stage by name or number, else an image."""
        stage = self._plan.find_stage(ref, self._stage.index)
        if stage is not None:
            return await self._result_of(stage.index)
        number = self._plan.find_numbered(ref)
        if number is not None:
            if number == self._stage.index:
                raise Invalid(f"invalid from flag value {ref}: refers to current build stage")
            if number > self._stage.index:
                raise Invalid(f"invalid from flag value {ref}: index out of bounds")
            return await self._result_of(number)
        try:
            async for item in ensure_image(self._context, ref, platform=self._platform):
                if isinstance(item, Image):
                    self._context.hold.add(item.id)
                    return item.id
                await self._emit(item)
        except MooringError as error:
            raise type(error)(f"invalid from flag value {ref}: {error.message}", **error.details) from error
        raise NotFound(f"invalid from flag value {ref}: No such image: {ref}")

    # RUN
    async def _run(self, instruction: Run) -> None:
        config, line = self._config, instruction.command
        words, script = _script_words(config, instruction) if line.heredocs else (config.command(line), None)
        allowed = self._args.allowed(config.env)
        recorded = self._args.recorded(allowed)
        command = [f"|{len(recorded)}", *recorded, *words] if allowed else words
        text = " ".join(command)
        mounts = instruction.mounts
        inputs = await mount_inputs(self._context, mounts, self._image_named)
        if instruction.network != "default":
            inputs.append(f"network={instruction.network}")
        if script is not None:
            inputs.append(script.text())
        key = step_key(self._image_id, text, [*self._common_inputs(), *inputs])
        if await self._use_cached(key, command):
            return
        async with (
            self._slots,
            prepare_mounts(self._context, mounts, self._image_named, config.working_dir, script) as prepared,
        ):
            container = RunContainer(self._context)
            host = host_config(self._context.options, network=instruction.network, mounts=prepared.tmpfs)
            keep = not self._context.options.remove
            try:
                await container.create(
                    config.document(
                        Cmd=words or config.document()["Cmd"],  # `RUN []` runs what the image would
                        Entrypoint=[""],
                        Env=[*config.env, *allowed, *prepared.environment],
                        Healthcheck={"Test": ["NONE"]},
                        AttachStdout=True,
                        AttachStderr=True,
                    ),
                    host,
                    prepared.binds,
                )
                await self._emit(ContainerStarted(container.id))
                keep = not self._context.options.force_remove  # a failed one stays to be looked at
                await self._follow(container, words)
                keep = not self._context.options.remove
                failpoints.hit("build.mid_step")
                if prepared.targets:
                    await self._clean_mount_points(container.id, prepared.targets)
                created = now()
                document = self._document(command, container.id, created, Entrypoint=None)
                image_id = await self._layered_image(container.id, document, text, created, take=not keep)
            except asyncio.CancelledError:
                keep = False
                raise
            finally:
                await _finish(container.keep() if keep else container.remove())
            if not keep:
                await self._emit(ContainerRemoved(container.id))
        await self._take(key, image_id, text)

    async def _follow(self, container: RunContainer, words: list[str]) -> None:
        try:
            async for stream, data in container.run():
                await self._emit(OutputPiece(stream, data))
        except Internal as error:
            code = error.details.get("code")
            if code is None:
                raise
            message = f"The command '{' '.join(words)}' returned a non-zero code: {code}"
            if error.message:
                message = f"{message}: {error.message}"
            if self._context.options.force_remove:
                await _finish(container.remove())
                await self._emit(ContainerRemoved(container.id))
            raise Internal(message, code=code) from None

    async def _clean_mount_points(self, container_id: str, targets: tuple[str, ...]) -> None:
        rootfs = await self._context.images.mount(container_id)
        await in_thread(remove_mount_points, rootfs.path, rootfs.upper, targets)
        await self._context.images.unmount(container_id)


class _Writable:
    """An unmounted-afterwards root of the stage's image that files are written into."""

    def __init__(self, context: StepContext, image_id: str) -> None:
        self._images = context.images
        self._image_id = image_id
        self._container_id = new_container_id()

    async def __aenter__(self) -> tuple[str, Any]:
        try:
            await self._images.prepare(self._container_id, self._image_id, init=False)
            rootfs = await self._images.mount(self._container_id)
        except BaseException:
            await _finish(self._images.remove(self._container_id))
            raise
        return self._container_id, rootfs.path

    async def __aexit__(self, *_: object) -> None:
        await _finish(self._images.remove(self._container_id))


async def _finish(work: Any) -> None:
    """Let clean-up end also when the build is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _make_directory(root: Any, path: str) -> None:
    writer = RootWriter(root)
    try:
        writer.ensure_directory(writer.resolve(path), (0, 0))
    except NotADirectoryError:
        raise Invalid(f"Cannot mkdir: {path} is not a directory") from None
    finally:
        writer.close()


def _script_words(config: StageConfig, instruction: Run) -> tuple[list[str], Heredoc | None]:
    """RUN with inline documents: the command, and the document when it is a script with an interpreter of its own.

    A document that stands alone is the script; otherwise the shell reads the documents as it would in a file.
    """
    line = instruction.command
    first = line.heredocs[0]
    if _ALONE.match(line.words[0]):
        if first.text().startswith("#!"):
            return [*config.shell, f"{_SCRIPTS}/{first.name}"], first
        return [*config.shell, first.text()], None
    documents = "".join(f"{document.text()}{document.name}\n" for document in line.heredocs)
    return [*config.shell, f"{line.words[0]}\n{documents}"], None
