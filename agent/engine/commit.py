"""`commit`: an image from a container's root."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import msgspec

from agent.engine.context import Context
from agent.engine.merge import merge_config
from agent.engine.pause import pause, unpause
from wire.engine.containers import CommitRequest, ContainerConfig
from wire.errors import Conflict, MooringError
from wire.refs import parse_repository

__all__ = ["commit"]


async def commit(ctx: Context, body: CommitRequest) -> str:
    """Returns the image id. The container is paused meanwhile unless it is told not to."""
    container = ctx.containers.resolve(body.container)
    record = container.record
    if record.state.dead:
        raise Conflict(f"You cannot commit container {container.id} which is Dead")
    if record.state.status == "removing":
        raise Conflict(f"You cannot commit container {container.id} which is being removed")
    repo, tag, shown = _name(body)
    config = copy.deepcopy(body.config if body.config is not None else record.config)
    base = copy.deepcopy(record.config)
    ctx.apply_changes(config, body.changes)
    merge_config(config, base)
    paused = body.pause and record.state.status == "running"
    if paused:
        with suppress(MooringError):  # it may end just now; its root is still there
            await pause(ctx, container.id)
    try:
        image_id = await ctx.images.commit(
            container.id,
            config=_document(config),
            repo=repo,
            tag=tag,
            author=body.author,
            comment=body.comment,
            created_by=" ".join([record.config.cmd] if isinstance(record.config.cmd, str) else record.config.cmd or ()),
            made_by=_document(record.config),
        )
        attributes = {"comment": body.comment, "imageID": image_id, "imageRef": shown}
        ctx.events.publish("container", "commit", container.id, container.attributes(**attributes))
    finally:
        if paused:
            with suppress(MooringError):
                await unpause(ctx, container.id)
    return image_id


def _name(body: CommitRequest) -> tuple[str, str, str]:
    """(repository, tag, the name as people write it); all empty when the image gets no name."""
    if not body.repo:
        return "", "", ""
    reference = parse_repository(body.repo, body.tag)
    return reference.name, reference.tag, reference.familiar


def _document(config: ContainerConfig) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(config)
    return document
