"""`--link`: names of other containers for this one alone, on the default bridge as hosts entries and environment."""

from __future__ import annotations

from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.validate_config import container_of
from wire.engine.containers import HostConfig
from wire.errors import Internal, Invalid, NotFound

__all__ = ["has_legacy_links", "link_environment", "link_names", "linked_containers", "parse_link", "resolve_links"]


_WITHOUT_RESOLVER = ("", "default", "bridge", "host", "none")


def parse_link(link: str) -> tuple[str, str]:
    """`NAME[:ALIAS]` as (name, alias), also in the form inspect shows (`/name:/me/alias`)."""
    parts = link.split(":")
    if len(parts) > 2 or not link:
        raise Internal(f"bad format for links: {link}")
    name = parts[0].removeprefix("/")
    if len(parts) == 1:
        return name, name
    return name, parts[1].rpartition("/")[2]


def has_legacy_links(host: HostConfig) -> bool:
    """Whether links are Docker's old ones, to containers that have to be there; else a resolver finds them by name."""
    return host.network_mode in _WITHOUT_RESOLVER or container_of(host.network_mode) is not None


def resolve_links(ctx: Context, host: HostConfig) -> None:
    """Check that linked containers exist; on a user's own network a link is a name for its resolver to find later."""
    if not has_legacy_links(host):
        return
    for link in host.links or ():
        name, _ = parse_link(link)
        try:
            found = ctx.containers.resolve(name)
        except (NotFound, Invalid) as error:
            raise Invalid(f"could not get container for {name}: {error.message}") from error
        if found.record.host.network_mode == "host":
            raise Invalid(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )


def linked_containers(ctx: Context, host: HostConfig) -> list[tuple[Container, str]]:
    """(container, alias) of every link whose container still exists."""
    found: list[tuple[Container, str]] = []
    for link in host.links or ():
        name, alias = parse_link(link)
        try:
            found.append((ctx.containers.resolve(name), alias))
        except (NotFound, Invalid):
            continue
    return found


def link_names(ctx: Context) -> dict[str, list[str]]:
    """Container id → what others call it (`/other/alias`) by a link on the default bridge."""
    found: dict[str, list[str]] = {}
    for container in ctx.containers:
        if container.record.host.links and container.record.host.network_mode == "bridge":
            for other, alias in linked_containers(ctx, container.record.host):
                found.setdefault(other.id, []).append(f"/{container.name}/{alias}")
    return found


def link_environment(ctx: Context, container: Container) -> list[str]:
    """The `ALIAS_PORT_…` variables of links on the default bridge (Docker's legacy links).

    Internal when a linked container does not run, for then there is no address to tell.
    """
    if container.record.host.network_mode != "bridge":
        return []
    env: list[str] = []
    known = linked_containers(ctx, container.record.host)
    for name, alias in map(parse_link, container.record.host.links or ()):
        if alias not in {known_alias for _, known_alias in known}:
            raise Internal(f"Cannot link to a non running container: /{name} AS /{container.name}/{alias}")
    for other, alias in known:
        if all(attachment.network != "bridge" for attachment in other.record.attachments):
            raise Internal(f"Cannot link to /{other.name}, as it does not belong to the default network")
        if not other.running:
            raise Internal(f"Cannot link to a non running container: /{other.name} AS /{container.name}/{alias}")
        address = next(
            (item.ipv4_address for item in ctx.networking.sandbox_endpoints(other.id) if item.network_name == "bridge"),
            "",
        )
        if not address:
            continue
        prefix = alias.upper().replace("-", "_")
        ports = sorted(other.record.config.exposed_ports or (), key=lambda port: int(port.partition("/")[0] or 0))
        if ports:
            number, _, protocol = ports[0].partition("/")
            env.append(f"{prefix}_PORT={protocol or 'tcp'}://{address}:{number}")
        for port in ports:
            number, _, protocol = port.partition("/")
            protocol = protocol or "tcp"
            base = f"{prefix}_PORT_{number}_{protocol.upper()}"
            env += [
                f"{base}={protocol}://{address}:{number}",
                f"{base}_ADDR={address}",
                f"{base}_PORT={number}",
                f"{base}_PROTO={protocol}",
            ]
        env.append(f"{prefix}_NAME=/{container.name}/{alias}")
        env += [
            f"{prefix}_ENV_{item}"
            for item in other.record.config.env or ()
            if not item.startswith(("HOME=", "PATH=")) and "=" in item
        ]
    return env
