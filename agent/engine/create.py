"""`create`: check, merge, make root and volumes, write the row. Killed before the row, a restart sweeps it."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress

from agent.engine.clock import now_ns
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.endpoints import attachments_for
from agent.engine.links import resolve_links
from agent.engine.merge import command_of
from agent.engine.mounts import parse_mount, parse_volumes_from, read_mounts, with_own_mounts
from agent.engine.names import check_name, random_id, random_name
from agent.engine.platforms import check_platform
from agent.engine.record import MountPoint, Record
from agent.engine.security import unenforced_profile
from agent.engine.settle import check_request, settle_config, settle_host, settle_log
from agent.engine.validate_config import container_of
from agent.engine.volume_mounts import ensure_volumes, prepare_root
from agent.host import failpoints
from agent.ports.images import Image
from wire.engine.containers import CreateRequest, HostConfig, Mount
from wire.errors import Invalid, NotFound

__all__ = ["create"]


async def create(
    ctx: Context, name: str, body: CreateRequest, platform: str = "", *, operation: str = "",
    own_mounts: Sequence[Mount] = (), held: bool = False,
) -> tuple[str, list[str]]:  # fmt: skip
    """Make a container, not running. Returns (id, warnings) once it is durable.

    `own_mounts` are binds of the agent's own directories, which a user may not ask for (the builder's). A `held` one
    is not pruned.

    With an operation key the container that an earlier call under the key made is the answer. On error nothing is left.
    Raises Invalid, NotFound (image, `--volumes-from`), Conflict (name), in Docker's words.
    """
    if operation:
        for known in ctx.containers:
            if known.record.operation == operation:
                return known.id, []
    name = check_name(name) if name else ""
    config, host, networking, warnings = check_request(body)
    for mount in host.mounts if isinstance(host.mounts, list) else ():
        parse_mount(mount)
    image = ctx.images.resolve(config.image) if config.image else None
    if image is not None:
        check_platform(image, config.image, platform)
    container_id = random_id()
    name = name or random_name(ctx.containers.name_taken)
    attachments = attachments_for(host, networking, ctx.networking)
    if config.network_disabled:
        attachments = []
    settle_config(config, image, container_id, socket.gethostname(), host)
    settle_log(host, ctx.logs)
    _check_peers(ctx, host)
    path, args = command_of(config)
    record = Record(
        id=container_id,
        name=name,
        created_at_ns=now_ns(),
        image_id=image.id if image else "",
        path=path,
        args=args,
        config=config,
        host=host,
        attachments=attachments,
        operation=operation,
    )
    ctx.containers.reserve(name, container_id)
    container = Container(record, held=held)
    try:
        settle_host(host, ctx.runtime.info().name)
        if warning := unenforced_profile(host.security_opt or (), apparmor_here=ctx.runtime.info().apparmor):
            warnings.append(warning)
        resolve_links(ctx, host)
        record.mounts = with_own_mounts(read_mounts(host, _inherited(ctx, host), ctx.config.data), own_mounts)
        await _materialise(ctx, container, image)
        failpoints.hit("create.before_row")
        ctx.containers.add(container)
        await ctx.containers.save_new(container)
    except BaseException:
        await _undo(ctx, container)
        raise
    failpoints.hit("create.after_row")
    ctx.events.publish("container", "create", container_id, container.attributes())
    return container_id, warnings


async def _materialise(ctx: Context, container: Container, image: Image | None) -> None:
    record = container.record
    rootfs = await ctx.images.prepare(container.id, record.image_id)
    record.driver = rootfs.driver
    failpoints.hit("create.after_rootfs")
    os.makedirs(ctx.config.container(container.id), mode=0o710, exist_ok=True)
    for target in sorted(record.config.volumes or ()):
        if not any(point.target == os.path.normpath(target) for point in record.mounts):
            record.mounts.append(
                MountPoint(type="volume", target=os.path.normpath(target), anonymous=True, from_image=True)
            )
    if record.mounts:
        await ensure_volumes(ctx, container)
        failpoints.hit("create.after_volumes")
    await prepare_root(ctx, record)


async def _undo(ctx: Context, container: Container) -> None:
    """Remove what was made. Also called when the caller went away in the middle."""
    ctx.containers.discard(container)
    ctx.containers.release(container.name, container.id)
    _ = ctx.containers.erase(container)
    await ctx.images.remove(container.id)
    for point in container.record.mounts:
        if point.type == "volume" and point.anonymous and point.name:
            with suppress(NotFound):
                await ctx.volumes.remove(point.name, force=True)
    ctx.containers.forget_unfinished(container.id)
    with suppress(OSError):
        os.rmdir(ctx.config.container(container.id))
    # Docker tells that it is gone, though never that it was there: its id was given out.
    ctx.events.publish("container", "destroy", container.id, container.attributes())


def _check_peers(ctx: Context, host: HostConfig) -> None:
    """Containers whose namespaces are to be shared are kept by id. They must exist now (Docker checks IPC and PID here,
    the network at start)."""
    for field in ("ipc_mode", "pid_mode", "network_mode"):
        ref = container_of(getattr(host, field))
        if ref:
            try:
                setattr(host, field, f"container:{ctx.containers.resolve(ref).id}")
            except NotFound as error:
                if field != "network_mode":
                    raise Invalid(error.message) from error


def _inherited(ctx: Context, host: HostConfig) -> list[MountPoint]:
    """Mount points of `--volumes-from`, in order; a later one wins."""
    found: dict[str, MountPoint] = {}
    parsed = [parse_volumes_from(spec) for spec in host.volumes_from or ()]
    for ref, mode in parsed:
        try:
            source = ctx.containers.resolve(ref)
        except NotFound as error:
            raise Invalid(error.message) from error
        for point in source.record.mounts:
            if point.type == "tmpfs":
                continue
            found[point.target] = _copy(point, {"rw": point.rw and "ro" not in mode.split(",")})
    return list(found.values())


def _copy(point: MountPoint, changes: Mapping[str, object]) -> MountPoint:
    fields = {name: getattr(point, name) for name in MountPoint.__struct_fields__} | {
        "anonymous": False,
        "no_copy": True,
        "from_image": False,
        "inherited": True,
        "mode": "",
        "create_source": False,
    }
    return MountPoint(**{**fields, **changes})
