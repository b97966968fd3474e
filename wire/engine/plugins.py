"""The configuration of a managed plugin: read from `config.json` (lower-case names), answered in Docker's spelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wire.errors import Invalid

__all__ = ["plugin_config", "plugin_document"]

_STRINGS = ("Description", "Documentation", "WorkDir", "PropagatedMount")
_FLAGS = ("IpcHost", "PidHost")


def plugin_config(raw: object, *, engine_version: str, diff_id: str) -> dict[str, Any]:
    """Return the `Config` of a plugin from the decoded `config.json`. Raises Invalid when it is not one.

    Go decodes names without regard to case, so both spellings are read (plugin config version 1).
    """
    if not isinstance(raw, Mapping):
        raise Invalid("invalid plugin config: not a JSON object")
    given = {str(name).lower(): value for name, value in raw.items()}
    interface = _lower(given.get("interface"))
    network = _lower(given.get("network"))
    linux = _lower(given.get("linux"))
    arguments = _lower(given.get("args"))
    entrypoint = given.get("entrypoint")
    if entrypoint is not None and not (
        isinstance(entrypoint, list) and all(isinstance(word, str) for word in entrypoint)
    ):
        raise Invalid("invalid plugin config: entrypoint has to be a list of strings")
    config = {
        "Args": {
            "Description": arguments.get("description", ""), "Name": arguments.get("name", ""),
            "Settable": arguments.get("settable"), "Value": arguments.get("value"),
        },
        **{name: str(given.get(name.lower(), "")) for name in _STRINGS},
        **{name: bool(given.get(name.lower(), False)) for name in _FLAGS},
        "DockerVersion": engine_version,
        "Entrypoint": entrypoint,
        "Env": [_env(_lower(item)) for item in given.get("env") or ()] or None,
        "Interface": {"Socket": interface.get("socket", ""), "Types": interface.get("types")},
        "Linux": {
            "AllowAllDevices": bool(linux.get("allowalldevices", False)), "Capabilities": linux.get("capabilities"),
            "Devices": linux.get("devices"),
        },
        "Mounts": given.get("mounts"),
        "Network": {"Type": network.get("type", "")},
        "User": given.get("user") or {},
        "rootfs": {"diff_ids": [diff_id], "type": "layers"},
    }  # fmt: skip
    return dict(sorted(config.items()))


def plugin_document(plugin_id: str, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plugin as list and inspect show it: never enabled."""
    environment = [f"{item['Name']}={item['Value'] or ''}" for item in config["Env"] or ()]
    settings = {"Args": config["Args"]["Value"] or [], "Devices": [], "Env": environment, "Mounts": []}
    return {
        "Config": dict(config), "Enabled": False, "Id": plugin_id, "Name": name, "PluginReference": name,
        "Settings": settings,
    }  # fmt: skip


def _lower(value: object) -> dict[str, Any]:
    return {str(name).lower(): item for name, item in value.items()} if isinstance(value, Mapping) else {}


def _env(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Description": item.get("description", ""), "Name": item.get("name", ""), "Settable": item.get("settable"),
        "Value": item.get("value"),
    }  # fmt: skip
