"""Images in Docker's shapes: list, inspect, history, tag, and the transfers with their events."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Final

import msgspec

from agent.engine.clock import ZERO_TIME, rfc3339_nano
from agent.engine.context import Context
from agent.engine.prune import parse_until
from agent.ports.images import Credentials, Image, Progress
from wire.engine.containers import ContainerConfig
from wire.errors import Internal, Invalid, MooringError
from wire.filters import check_names, flag, match_labels
from wire.go_path import MalformedPattern, path_pattern
from wire.refs import parse_repository

__all__ = [
    "containers_using", "image_history", "image_import", "image_inspect", "image_list", "image_load", "image_pull",
    "image_push", "image_save", "image_search", "image_tag", "tell",
]  # fmt: skip

Filters = Mapping[str, Sequence[str]]

_KNOWN: Final = ("dangling", "label", "before", "since", "reference", "until")


def tell(ctx: Context, action: str, actor: str, name: str) -> None:
    """Make an event of what the image room says happened; an image that is here adds its labels."""
    labels: dict[str, str] | None = None
    if actor.startswith("sha256:"):
        try:
            labels = _labels(ctx.images.resolve(actor))
        except MooringError:
            labels = None
    ctx.events.publish("image", action, actor, {**(labels or {}), "name": name})


def containers_using(ctx: Context, image_id: str) -> int:
    """How many containers, running or not, were made from the image."""
    return sum(1 for container in ctx.containers if container.record.image_id == image_id)


async def image_list(
    ctx: Context, *, all: bool = False, filters: Filters | None = None, shared_size: bool = False,
    digests: bool = False, count_containers: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Newest first. Without `all` an image that is only another's parent is left out."""
    asked = filters or {}
    check_names(asked, _KNOWN)
    dangling = flag(asked, "dangling", False) if asked.get("dangling") else None
    before = _mark(ctx, asked, "before")
    since = _mark(ctx, asked, "since")
    until = parse_until(asked)
    try:
        patterns = [path_pattern(text) for text in asked.get("reference", ())]
    except MalformedPattern as error:
        raise Internal(str(error)) from error
    found: list[dict[str, Any]] = []
    for image in sorted(ctx.images.list(), key=lambda item: item.created_at, reverse=True):
        named = bool(image.repo_tags or image.repo_digests)
        if before is not None and image.created_at >= before:
            continue
        if since is not None and image.created_at <= since:
            continue
        if until is not None and image.created_at > until:
            continue
        if dangling is not None and dangling == bool(image.repo_tags):
            continue
        labels = _labels(image)
        if not match_labels(asked, "label", labels):
            continue
        if not named and (not all or dangling) and ctx.images.children(image.id):
            continue
        tags, shown_digests = list(image.repo_tags), list(image.repo_digests)
        if patterns:
            tags = [tag for tag in tags if _matches(tag, patterns)]
            shown_digests = [item for item in shown_digests if _matches(item, patterns)]
            if not tags and not shown_digests:
                continue
        found.append(
            {
                "Containers": containers_using(ctx, image.id) if count_containers else -1,
                "Created": int(image.created_at),
                "Id": image.id,
                "Labels": labels,
                "ParentId": image.parent,
                "RepoDigests": shown_digests,
                "RepoTags": tags,
                "SharedSize": ctx.images.shared_size_bytes(image.id) if shared_size else -1,
                "Size": image.size_bytes,
            }
        )
    return found


def _mark(ctx: Context, filters: Filters, name: str) -> float | None:
    values = filters.get(name, ())
    return ctx.images.resolve(values[0]).created_at if values else None


def _labels(image: Image) -> dict[str, str] | None:
    config = image.config.get("config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    return dict(labels) if isinstance(labels, dict) and labels else None


def _matches(name: str, patterns: Sequence[re.Pattern[str]]) -> bool:
    """Docker's familiar match: the whole familiar form, or the name without its tag."""
    bare = name.partition("@")[0]
    head, _, tail = bare.rpartition(":")
    if head and "/" not in tail:
        bare = head
    return any(test.fullmatch(candidate) for test in patterns for candidate in (name, bare))


async def image_inspect(ctx: Context, ref: str) -> dict[str, Any]:
    """NotFound: `No such image: REF`. `Container` and `ContainerConfig` are for API versions before 1.45."""
    image = ctx.images.resolve(ref)
    document = image.config
    history = document.get("history")
    comment = ""
    if isinstance(history, list) and history and isinstance(history[-1], dict):
        comment = str(history[-1].get("comment") or "")
    shown: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": list(image.repo_tags),
        "RepoDigests": list(image.repo_digests),
        "Parent": image.parent,
        "Comment": str(document.get("comment") or comment),
    }
    if document.get("created"):
        shown["Created"] = str(document["created"])
    shown |= {
        "DockerVersion": str(document.get("docker_version") or ""),
        "Author": str(document.get("author") or ""),
        "Config": _config(document),
        "Architecture": str(document.get("architecture") or ""),
    }
    if document.get("variant"):
        shown["Variant"] = str(document["variant"])
    shown["Os"] = str(document.get("os") or "linux")
    if document.get("os.version"):
        shown["OsVersion"] = str(document["os.version"])
    if document.get("container"):
        shown["Container"] = document["container"]
    if document.get("container_config"):
        shown["ContainerConfig"] = _config(document, "container_config")
    return shown | {
        "Size": image.size_bytes,
        "GraphDriver": ctx.images.graph_driver(image.id),
        "RootFS": {"Type": "layers", **({"Layers": list(image.diff_ids)} if image.diff_ids else {})},
        "Metadata": {"LastTagTime": rfc3339_nano(int(image.tagged_at * 1e9)) if image.tagged_at else ZERO_TIME},
    }


def _config(document: Mapping[str, object], key: str = "config") -> Any:
    """A config of the image with all of Docker's fields in Docker's order; as it is when it is not of that shape."""
    raw = document.get(key)
    if not isinstance(raw, dict):
        return None
    try:
        known = msgspec.to_builtins(msgspec.convert({k: v for k, v in raw.items() if v is not None}, ContainerConfig))
    except msgspec.ValidationError:
        return raw
    return known


async def image_history(ctx: Context, ref: str) -> list[dict[str, Any]]:
    """Newest first; steps of images that are not here are `<missing>`."""
    image = ctx.images.resolve(ref)
    steps = image.config.get("history")
    sizes = list(ctx.images.layer_sizes(image.id))
    found: list[dict[str, Any]] = []
    layer = 0
    for step in steps if isinstance(steps, list) else []:
        empty = bool(step.get("empty_layer"))
        size = sizes[layer] if not empty and layer < len(sizes) else 0
        layer += 0 if empty else 1
        found.append(
            {
                "Comment": str(step.get("comment") or ""),
                "Created": _seconds(str(step.get("created") or "")),
                "CreatedBy": str(step.get("created_by") or ""),
                "Id": "<missing>",
                "Size": size,
                "Tags": None,
            }
        )
    found.reverse()
    holder: Image | None = image
    for entry in found:
        if holder is None:
            break
        entry["Id"], entry["Tags"] = holder.id, list(holder.repo_tags) or None
        try:
            holder = ctx.images.resolve(holder.parent) if holder.parent else None
        except MooringError:
            holder = None
    return found


def _seconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text[:19] + "+00:00").timestamp())
    except ValueError:
        return -62135596800  # Go's zero time


async def image_tag(ctx: Context, ref: str, repo: str, tag: str = "") -> bool:
    """Name an image. Invalid for a bad name, NotFound for no image. False when `repo` is empty: Docker takes that for a
    success and names nothing."""
    if not repo:
        return False
    reference = parse_repository(repo, tag)
    await ctx.images.tag(ctx.images.resolve(ref).id, reference.name, reference.tag)
    return True


def image_pull(
    ctx: Context, ref: str, *, platform: str = "", all_tags: bool = False, credentials: Credentials | None = None
) -> AsyncIterator[Progress]:
    """Docker's progress lines; the image room tells the event."""
    return ctx.images.pull(ref, platform=platform, all_tags=all_tags, credentials=credentials)


def image_push(
    ctx: Context, repo: str, *, tag: str | None, credentials: Credentials | None = None
) -> AsyncIterator[Progress]:
    return ctx.images.push(repo, tag=tag, credentials=credentials)


async def image_search(
    ctx: Context, term: str, *, limit: int = 0, filters: Filters | None = None, credentials: Credentials | None = None
) -> list[dict[str, Any]]:
    """What a registry's index finds, most stars first; filters `stars`, `is-official` and `is-automated`."""
    asked = filters or {}
    check_names(asked, ("is-automated", "is-official", "stars"))
    automated, official = flag(asked, "is-automated", False), flag(asked, "is-official", False)
    stars = max((_stars(value) for value in asked.get("stars", ())), default=0)
    found = await ctx.images.search(term, limit=limit, credentials=credentials)
    chosen = [
        result
        for result in found
        if result["star_count"] >= stars
        and ("is-official" not in asked or result["is_official"] == official)
        and ("is-automated" not in asked or result["is_automated"] == automated)
    ]
    return [dict(result) for result in sorted(chosen, key=lambda result: result["star_count"], reverse=True)]


def _stars(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        raise Invalid(f"invalid filter 'stars={text}': strconv.Atoi: parsing \"{text}\": invalid syntax")
    return int(text)


def image_load(
    ctx: Context, source: BinaryIO | AsyncIterator[bytes], *, quiet: bool = False
) -> AsyncIterator[Progress]:
    return ctx.images.load(source, quiet=quiet)


def image_save(ctx: Context, refs: Sequence[str]) -> AsyncIterator[bytes]:
    """A docker-archive. NotFound before the first byte when one is missing."""
    return ctx.images.save(refs)


async def image_import(
    ctx: Context, source: AsyncIterator[bytes], *, repo: str = "", tag: str = "", changes: Sequence[str] = (),
    message: str = "", platform: str = "",
) -> AsyncIterator[Progress]:  # fmt: skip
    """One-layer image from a root tar; yields its id as Docker does."""
    name = ""
    if repo:
        reference = parse_repository(repo, tag)
        name, tag = reference.name, reference.tag
    config = ContainerConfig()
    ctx.apply_changes(config, changes)
    image_id = await ctx.images.import_tar(
        source,
        repo=name,
        tag=tag if name else "",
        changes=msgspec.to_builtins(config),
        message=message,
        platform=platform,
    )

    async def lines() -> AsyncIterator[Progress]:
        yield {"status": image_id}

    return lines()
