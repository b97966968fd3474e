"""Managed plugins as records: created, listed, inspected, removed.

This engine runs no plugins (its volume, network and log drivers are its own rooms), so what would run one is refused.
The plugin's root file system is read through for its digest and not kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from agent.engine.context import Context
from wire.engine.plugins import plugin_config, plugin_document
from wire.errors import Conflict, Exhausted, Internal, Invalid, MooringError, NotFound, Unsupported
from wire.filters import check_names, flag
from wire.refs import parse_reference
from wire.versions import DOCKER_VERSION

__all__ = ["create", "inspect", "listing", "refuse", "remove"]

_TABLE: Final = "engine.plugins"
_MAX_BYTES: Final = 1 << 30
_MAX_CONFIG_BYTES: Final = 1 << 20


def _full_name(text: str) -> str:
    reference = parse_reference(text)
    if reference.digest:
        raise Invalid(f"invalid plugin name: {text}")
    return text if reference.tag and text.endswith(f":{reference.tag}") else f"{text}:latest"


def listing(ctx: Context, filters: Mapping[str, Sequence[str]] | None = None) -> list[dict[str, Any]]:
    """Plugins by name; filters `enabled` and `capability`."""
    asked = filters or {}
    check_names(asked, ("capability", "enabled"))
    enabled = flag(asked, "enabled", False) if asked.get("enabled") else None
    found = [json.loads(document) for _, document in ctx.store.table(_TABLE).items()]
    wanted = asked.get("capability", ())
    return [
        plugin
        for plugin in found
        if enabled is not True and (not wanted or any(value in _capabilities(plugin) for value in wanted))
    ]


def _capabilities(plugin: Mapping[str, Any]) -> list[str]:
    """`volumedriver` of `docker.volumedriver/1.0`."""
    types = plugin["Config"]["Interface"]["Types"] or ()
    return [str(item).removeprefix("docker.").partition("/")[0] for item in types]


def _find(ctx: Context, ref: str) -> dict[str, Any] | None:
    try:
        document = ctx.store.table(_TABLE).find(_full_name(ref))
    except MooringError:
        document = None
    if document is not None:
        plugin: dict[str, Any] = json.loads(document)
        return plugin
    matching = [plugin for plugin in listing(ctx) if ref and plugin["Id"].startswith(ref)]
    return matching[0] if len(matching) == 1 else None


def inspect(ctx: Context, ref: str) -> dict[str, Any]:
    """By name or unique id prefix. NotFound in Docker's words."""
    plugin = _find(ctx, ref)
    if plugin is None:
        raise NotFound(f'plugin "{ref}" not found')
    return plugin


async def remove(ctx: Context, ref: str) -> dict[str, Any]:
    """Forget it; returns what it was."""
    plugin = inspect(ctx, ref)
    await ctx.store.table(_TABLE).delete(plugin["Name"])
    return plugin


def _refuse_setting(plugin: Mapping[str, Any], settings: Sequence[str]) -> None:
    """Raise what Docker says of a setting the plugin does not have."""
    config = plugin["Config"]
    known = {config["Args"]["Name"], *(str(item.get("Name", "")) for item in config["Env"] or ())}
    for setting in settings:
        name = setting.partition("=")[0]
        if name not in known:
            raise Internal(f'setting "{name}" not found in the plugin configuration')


def refuse(ctx: Context, ref: str, verb: str, settings: Sequence[str] = ()) -> None:
    """Raise what `enable`, `disable`, `upgrade`, `push` and `set` answer: nothing here can run a plugin."""
    name = inspect(ctx, ref)["Name"]
    if verb == "disable":
        raise Invalid(f"plugin is already disabled: plugin {name} found but disabled")
    if verb == "set":
        _refuse_setting(inspect(ctx, ref), settings)
    raise Unsupported(f"plugin {name} cannot be used: this engine does not run plugins")


async def create(ctx: Context, name: str, source: AsyncIterator[bytes], scratch: Path) -> None:
    """Keep the plugin whose `config.json` and `rootfs` are in the tar. Conflict when the name is taken."""
    if not name:
        raise Invalid("plugin name is required")
    full = _full_name(name)
    if full in ctx.store.table(_TABLE):
        raise Conflict(f"plugin {full} already exists")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=scratch) as spool:
        size = 0
        async for part in source:
            size += len(part)
            if size > _MAX_BYTES:
                raise Exhausted(f"the plugin is larger than {_MAX_BYTES} bytes")
            spool.write(part)
        spool.seek(0)
        raw, diff_id = await asyncio.to_thread(_read, spool)
    config = plugin_config(raw, engine_version=DOCKER_VERSION, diff_id=diff_id)
    plugin_id = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    document = json.dumps(plugin_document(plugin_id, full, config)).encode()
    await ctx.store.table(_TABLE).put(full, document)


def _read(spool: IO[bytes]) -> tuple[object, str]:
    """The decoded `config.json` and a digest over the files of `rootfs`. Raises Invalid."""
    digest, raw, has_root = hashlib.sha256(), None, False
    try:
        with tarfile.open(fileobj=spool, mode="r:*") as tar:
            for member in tar:
                path = member.name.removeprefix("./")
                if path == "config.json" and member.isfile() and member.size <= _MAX_CONFIG_BYTES:
                    content = tar.extractfile(member)
                    raw = json.loads(content.read()) if content else None
                elif path.split("/")[0] == "rootfs":
                    has_root = True
                    digest.update(f"{path}\0{member.mode}\0{member.size}\0".encode())
                    content = tar.extractfile(member) if member.isfile() else None
                    while content and (block := content.read(1 << 20)):
                        digest.update(block)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise Invalid(f"invalid plugin archive: {error}") from None
    if raw is None or not has_root:
        raise Invalid("invalid plugin archive: config.json and rootfs are needed")
    return raw, f"sha256:{digest.hexdigest()}"
