"""`rename`."""

from __future__ import annotations

from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.names import check_name
from wire.errors import Conflict, Invalid

__all__ = ["rename"]


async def rename(ctx: Context, ref: str, name: str) -> None:
    """Give a container another name; its network names follow. Conflict when the name is taken."""
    if not name:
        raise Invalid("Neither old nor new names may be empty")
    container = ctx.containers.resolve(ref)
    async with container.lock:
        old = container.name
        try:
            wanted = check_name(name if name.startswith("/") else f"/{name}")
        except Invalid as error:
            raise Invalid(f"Error when allocating new name: {error.message}") from error
        if wanted == old:
            raise Invalid("Renaming a container with the same name as its current name")
        try:
            ctx.containers.reserve(wanted, container.id)
        except Conflict as error:
            raise Conflict(f"Error when allocating new name: {error.message}") from error
        container.record.name = wanted
        try:
            await ctx.networking.rename(container.id, wanted)
            _rename_endpoints(ctx, container)
            await ctx.containers.save(container)
        except BaseException:
            container.record.name = old
            ctx.containers.release(wanted, container.id)
            raise
        ctx.containers.release(old, container.id)
        ctx.events.publish("container", "rename", container.id, container.attributes(oldName=f"/{old}"))


def _rename_endpoints(ctx: Context, container: Container) -> None:
    """Keep the names that live endpoints have now; those of a container at rest follow at its start."""
    names = {item.network_id: item.dns_names for item in ctx.networking.sandbox_endpoints(container.id)}
    for attachment in container.record.attachments:
        if attachment.network_id in names:
            attachment.settings.dns_names = list(names[attachment.network_id]) or None
