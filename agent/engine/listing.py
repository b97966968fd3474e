"""`ps`: the list of containers with Docker's filters, from memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.inspect import mount_documents, network_documents
from agent.engine.links import link_names
from agent.engine.status import describe
from agent.engine.validate_host import parse_port
from agent.ports.images import Image
from wire.engine.containers import EndpointSettings
from wire.errors import Internal, Invalid, MooringError, NotFound
from wire.filters import check_names, flag, match_labels

__all__ = ["item", "list_containers"]

Filters = Mapping[str, Sequence[str]]

_KNOWN: Final = frozenset(
    "ancestor before exited id isolation label name status health since volume network is-task publish expose".split()
)
_STATUSES: Final = ("paused", "restarting", "running", "removing", "dead", "exited", "created")
_HEALTH: Final = ("starting", "healthy", "unhealthy", "none")


async def list_containers(
    ctx: Context, *, all: bool = False, limit: int = 0, size: bool = False, filters: Filters | None = None
) -> list[dict[str, Any]]:
    """Newest first. Without `all`, a limit, or a filter that speaks of states, only those that run."""
    asked = filters or {}
    check_names(asked, _KNOWN)
    chosen = sorted(ctx.containers, key=lambda container: container.record.created_at_ns, reverse=True)
    if not all and limit <= 0 and not any(asked.get(name) for name in ("status", "exited", "before", "since")):
        chosen = [container for container in chosen if container.running]
    for test in _tests(ctx, asked, chosen):
        chosen = [container for container in chosen if test(container)]
    if limit > 0:
        chosen = chosen[:limit]
    names = _ImageNames(ctx)
    items = [item(ctx, container, names.shown(container)) for container in chosen]
    for document in items if (linked := link_names(ctx)) else ():
        document["Names"] = sorted([*document["Names"], *linked.get(document["Id"], ())])
    if size:
        return [await _with_size(ctx, document, known) for document, known in zip(items, chosen, strict=True)]
    return items


class _ImageNames:
    """The IMAGE column: what the user wrote, unless that name means another image by now; then the id."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._ids: dict[str, str] = {}

    def shown(self, container: Container) -> str:
        ref, image_id = container.record.config.image, container.record.image_id
        if ref not in self._ids:
            try:
                self._ids[ref] = self._ctx.images.resolve(ref).id
            except MooringError:
                self._ids[ref] = ""
        return ref if self._ids[ref] == image_id else image_id


def item(ctx: Context, container: Container, image: str = "") -> dict[str, Any]:
    """One entry. What only changes with the container is kept between calls."""
    record = container.record
    if (kept := container.cache.get("item")) is None:
        kept = container.cache["item"] = {
            "Id": record.id,
            "Names": [f"/{record.name}"],
            "Image": "",
            "ImageID": record.image_id,
            "Command": " ".join([record.path, *map(_quoted, record.args)]),
            "Created": record.created_at_ns // 1_000_000_000,
            "Ports": _ports(ctx, container),
            "Labels": record.config.labels or {},
            "State": container.status,
            "Status": "",
            "HostConfig": {"NetworkMode": record.host.network_mode},  # annotations only from API 1.46 on
            "NetworkSettings": {"Networks": _networks(ctx, container)},
            "Mounts": mount_documents(ctx, container, listed=True),
        }
    assert isinstance(kept, dict)
    return {**kept, "Image": image or record.config.image, "Status": describe(container)}


def _quoted(word: str) -> str:
    """Docker quotes an argument that has a space in it."""
    return f"'{word}'" if " " in word else word


def _networks(ctx: Context, container: Container) -> dict[str, EndpointSettings]:
    """A list leaves out what only resolving names needs."""
    return {
        name: replace(shown, links=None, aliases=None, driver_opts=None, dns_names=None)
        for name, shown in network_documents(ctx, container).items()
    }


def _ports(ctx: Context, container: Container) -> list[dict[str, Any]]:
    if not container.has_process:
        return []
    bound: list[dict[str, Any]] = []
    published: set[str] = set()
    for binding in ctx.networking.ports(container.id):
        published.add(f"{binding.container_port}/{binding.protocol}")
        bound.append(
            {
                "IP": binding.host_ip,
                "PrivatePort": binding.container_port,
                "PublicPort": binding.host_port,
                "Type": binding.protocol,
            }
        )
    if container.record.host.network_mode == "host":
        return bound
    for port in sorted(container.record.config.exposed_ports or ()):
        number, _, protocol = port.partition("/")
        try:
            first, last = parse_port(number)
        except Invalid:
            continue
        for private in range(first, last + 1):
            if f"{private}/{protocol or 'tcp'}" not in published:
                bound.append({"PrivatePort": private, "Type": protocol or "tcp"})
    return bound


async def _with_size(ctx: Context, document: dict[str, Any], container: Container) -> dict[str, Any]:
    """The entry with its sizes, which come after the ports; an empty writable layer is left out."""
    writable = await ctx.images.writable_size_bytes(container.id)
    image_id = container.record.image_id  # "" after a RUN straight on FROM scratch
    try:
        image = ctx.images.resolve(image_id).size_bytes if image_id else 0
    except NotFound:
        image = 0
    sized: dict[str, Any] = {}
    for name, value in document.items():
        sized[name] = value
        if name == "Ports":
            if writable:
                sized["SizeRw"] = writable
            sized["SizeRootFs"] = writable + image
    return sized


def _tests(ctx: Context, filters: Filters, known: Sequence[Container]) -> Iterable[Callable[[Container], bool]]:
    """One predicate for each filter given. Invalid or NotFound with Docker's texts for bad values."""
    if statuses := filters.get("status"):
        for value in statuses:
            if value not in _STATUSES:
                raise Invalid(f"invalid filter 'status={value}'")
        yield lambda container: container.status in statuses
    if codes := filters.get("exited"):
        for value in codes:
            if not value.lstrip("-").isdigit():
                why = f'strconv.Atoi: parsing "{value}": invalid syntax'
                raise Invalid(f"invalid filter 'exited={value}': {why}")
        numbers = {int(value) for value in codes}
        yield lambda container: _exited_with(container, numbers)
    if states := filters.get("health"):
        for value in states:
            if value not in _HEALTH:
                raise Invalid(f"unrecognized filter value for health: {value}")
        yield lambda container: _health(container) in states
    if ids := filters.get("id"):
        yield lambda container: any(container.id.startswith(value) for value in ids)
    if names := filters.get("name"):
        yield lambda container: any(_name_matches(container.name, value) for value in names)
    if filters.get("label"):
        yield lambda container: match_labels(filters, "label", container.record.config.labels)
    if ancestors := filters.get("ancestor"):
        wanted = _descendants(ctx, ancestors)
        yield lambda container: container.record.image_id in wanted
    for name in ("before", "since"):
        if refs := filters.get(name):
            yield _relative(ctx, name, refs)
    if volumes := filters.get("volume"):
        yield lambda container: any(
            value in (point.name, point.target) or (point.type == "bind" and value == point.source)
            for point in container.record.mounts
            for value in volumes
        )
    if networks := filters.get("network"):
        yield lambda container: any(
            value in (attachment.network, attachment.network_id) or attachment.network_id.startswith(value)
            for attachment in container.record.attachments
            for value in networks
        )
    if "is-task" in filters and flag(filters, "is-task", False):
        yield lambda container: False
    for name in ("publish", "expose"):
        if ports := filters.get(name):
            yield _port_test(ctx, name, ports)


def _exited_with(container: Container, codes: set[int]) -> bool:
    return not container.running and container.record.started_once and container.record.state.exit_code in codes


def _health(container: Container) -> str:
    health = container.record.state.health
    return health.status if health is not None else "none"


def _name_matches(name: str, wanted: str) -> bool:
    """Docker matches a regular expression against the name, with and without its slash."""
    try:
        return re.search(wanted, name) is not None or re.search(wanted, f"/{name}") is not None
    except re.error:
        return False


def _relative(ctx: Context, name: str, refs: Sequence[str]) -> Callable[[Container], bool]:
    marks = [ctx.containers.resolve(ref).record.created_at_ns for ref in refs]
    if name == "before":
        return lambda container: container.record.created_at_ns < marks[0]
    return lambda container: container.record.created_at_ns > marks[0]


def _descendants(ctx: Context, refs: Sequence[str]) -> set[str]:
    """Ids of the images named and of everything built on them."""
    found: set[str] = set()
    layers: list[tuple[str, ...]] = []
    for ref in refs:
        try:
            image = ctx.images.resolve(ref)
        except MooringError:
            continue
        found.add(image.id)
        layers.append(image.diff_ids)
    for image in ctx.images.list():
        if any(_builds_on(image, base) for base in layers):
            found.add(image.id)
    grown = True
    while grown:  # a commit that changed no file has its parent's layers
        children = {image.id for image in ctx.images.list() if image.parent in found}
        grown = not children <= found
        found |= children
    return found


def _builds_on(image: Image, base: tuple[str, ...]) -> bool:
    return bool(base) and image.diff_ids[: len(base)] == base and len(image.diff_ids) > len(base)


def _port_test(ctx: Context, name: str, wanted: Sequence[str]) -> Callable[[Container], bool]:
    ports: set[tuple[int, str]] = set()
    for text in wanted:
        number, _, protocol = text.partition("/")
        try:
            first, last = parse_port(number)
        except Invalid as error:
            why = "value out of range" if number.isdigit() else "invalid syntax"
            reason = f'strconv.ParseUint: parsing "{number}": {why}'
            raise Internal(f"error while looking up for {name} {text}: {reason}") from error
        ports.update((port, protocol or "tcp") for port in range(first, last + 1))

    def test(container: Container) -> bool:  # of a port that is published or open now, as Docker
        shown = "PublicPort" if name == "publish" else "PrivatePort"
        return any((port.get(shown), port["Type"]) in ports for port in _ports(ctx, container))

    return test
