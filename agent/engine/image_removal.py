"""`rmi` and `image prune`: Docker's rules for untagging and deleting, which need to know the containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.engine.context import Context
from agent.engine.prune import labels_allow, parse_until
from agent.ports.images import Image
from wire.errors import Conflict, Invalid, MooringError, NotFound
from wire.filters import check_names
from wire.refs import parse_reference

__all__ = ["image_prune", "image_remove"]

Filters = Mapping[str, Sequence[str]]
Records = list[dict[str, Any]]


class _DeleteConflict(Conflict):
    """`used` tells the quiet pruning of parents that the image has a user."""

    def __init__(self, image_id: str, text: str, *, hard: bool, used: bool) -> None:
        force = "cannot be forced" if hard else "must be forced"
        super().__init__(f"conflict: unable to delete {_short(image_id)} ({force}) - {text}")
        self.used = used


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]


async def image_remove(ctx: Context, ref: str, *, force: bool = False, noprune: bool = False) -> Records:
    """Untag, and delete what is left without a name. Records in Docker's order. Conflict with Docker's reasons."""
    image = ctx.images.resolve(ref)
    records: Records = []
    by_name = not _is_id_prefix(image.id, ref)
    if by_name:
        if not force and _single(image):
            user = next((item for item in ctx.containers if item.record.image_id == image.id), None)
            if user is not None:
                raise Conflict(
                    f'conflict: unable to remove repository reference "{ref}" (must force) - container '
                    f"{user.id[:12]} is using its referenced image {_short(image.id)}"
                )
        image = await _untag_name(ctx, image, ref, records)
        if image.repo_tags or image.repo_digests:
            return records
    elif _single(image):
        _check(ctx, image, soft=not force, references=False)
        await _untag_all(ctx, image, records)
    await _delete(ctx, image.id, records, force=force, prune=not noprune, quiet=by_name)
    return records


def _is_id_prefix(image_id: str, ref: str) -> bool:
    return image_id.startswith(ref) or image_id.removeprefix("sha256:").startswith(ref)


def _repository(name: str) -> str:
    return parse_reference(name).name


def _single(image: Image) -> bool:
    """At most one tag, and digests of that tag's repository only."""
    if len(image.repo_tags) + len(image.repo_digests) <= 1:
        return True
    if len(image.repo_tags) > 1:
        return False
    repositories = {_repository(item) for item in image.repo_digests}
    first = _repository(image.repo_tags[0] if image.repo_tags else image.repo_digests[0])
    return repositories == {first}


async def _untag_name(ctx: Context, image: Image, ref: str, records: Records) -> Image:
    """Drop the name given; when it was the last tag of its repository, the repository's digests too."""
    records.append({"Untagged": await ctx.images.untag(ref)})
    image = ctx.images.resolve(image.id)
    if "@" not in ref:
        repository = _repository(ref)
        if not any(_repository(tag) == repository for tag in image.repo_tags):
            for digest in image.repo_digests:
                if _repository(digest) == repository:
                    records.append({"Untagged": await ctx.images.untag(digest, announce=False)})
            image = ctx.images.resolve(image.id)
    return image


async def _untag_all(ctx: Context, image: Image, records: Records) -> None:
    for name in (*image.repo_tags, *image.repo_digests):
        records.append({"Untagged": await ctx.images.untag(name)})


def _check(ctx: Context, image: Image, *, soft: bool, references: bool = True) -> None:
    """Raise the first conflict. Hard: children, running containers. Soft: other names, stopped containers."""
    if ctx.images.children(image.id):
        raise _DeleteConflict(image.id, "image has dependent child images", hard=True, used=True)
    users = [item for item in ctx.containers if item.record.image_id == image.id]
    for container in users:
        if container.running:
            text = f"image is being used by running container {container.id[:12]}"
            raise _DeleteConflict(image.id, text, hard=True, used=True)
    if not soft:
        return
    if references and (image.repo_tags or image.repo_digests):
        raise _DeleteConflict(image.id, "image is referenced in multiple repositories", hard=False, used=False)
    for container in users:
        text = f"image is being used by stopped container {container.id[:12]}"
        raise _DeleteConflict(image.id, text, hard=False, used=True)


async def _delete(ctx: Context, image_id: str, records: Records, *, force: bool, prune: bool, quiet: bool) -> None:
    """Delete an image and, with `prune`, then its parents that nobody names or uses."""
    try:
        image = ctx.images.resolve(image_id)
    except NotFound:
        return
    if quiet and image_id in ctx.image_holds:
        return
    try:
        _check(ctx, image, soft=not force)
    except _DeleteConflict as conflict:
        dangling = not (image.repo_tags or image.repo_digests or ctx.images.children(image.id))
        if quiet and (not dangling or conflict.used):
            return
        raise
    await _untag_all(ctx, image, records)
    parent = image.parent
    records += [{"Deleted": deleted} for deleted in await ctx.images.delete(image.id, prune_parents=False)]
    if prune and parent:
        await _delete(ctx, parent, records, force=False, prune=True, quiet=True)


def _dangling_only(filters: Filters) -> bool:
    """One value that says yes or no is enough, whatever stands beside it."""
    values = filters.get("dangling", ())
    if not values:
        return True
    if {"false", "0"}.intersection(values):
        return False
    if not {"true", "1"}.intersection(values):
        raise Invalid(f"invalid filter 'dangling=[{' '.join(values)}]'")
    return True


async def image_prune(ctx: Context, filters: Filters) -> dict[str, Any]:
    """Remove dangling images, or with `dangling=false` all that no container uses."""
    check_names(filters, ("dangling", "label", "label!", "until"))
    dangling_only = _dangling_only(filters)
    until = parse_until(filters)
    used = {container.record.image_id for container in ctx.containers}
    before = ctx.images.layers_size_bytes()
    records: Records = []
    for listed in ctx.images.list():
        try:
            image = ctx.images.resolve(listed.id)  # it may have got a name, or gone, while others were removed
        except NotFound:
            continue
        named = bool(image.repo_tags or image.repo_digests)
        if (
            image.id in used
            or image.id in ctx.image_holds
            or image.created_at >= ctx.image_holds.since
            or (dangling_only and named)
            or (not named and ctx.images.children(image.id))
        ):
            continue
        if until is not None and image.created_at > until:
            continue
        config = image.config.get("config")
        labels = config.get("Labels") if isinstance(config, dict) else None
        if not labels_allow(filters, labels if isinstance(labels, dict) else None):
            continue
        try:
            for name in image.repo_tags:
                records += await image_remove(ctx, name)
            if not image.repo_tags:
                records += await image_remove(ctx, image.id)
        except MooringError:
            continue
    reclaimed = max(0, before - ctx.images.layers_size_bytes())
    ctx.events.publish("image", "prune", "", {"reclaimed": str(reclaimed)})
    return {"ImagesDeleted": records or None, "SpaceReclaimed": reclaimed}
