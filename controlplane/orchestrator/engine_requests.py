"""From what the dashboard asks to Engine API requests: pure functions, one place for paths and bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from wire.errors import Invalid

__all__ = ["EngineRequest", "container_action", "create_body", "pull_path", "split_reference"]


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One request to a host's engine; `body` None sends none."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    title: str = field(default="", compare=False)


def _path(base: str, **query: Any) -> str:
    given = {key: _text(value) for key, value in query.items() if value is not None}
    return f"{base}?{urlencode(given)}" if given else base


def _text(value: Any) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def container_action(container_id: str, name: str, action: str, params: Mapping[str, Any]) -> EngineRequest:
    """Return the request for one action of the dashboard. Raises Invalid when a parameter is missing."""
    base = f"/containers/{quote(container_id, safe='')}"
    if action in ("start", "pause", "unpause"):
        return EngineRequest("POST", f"{base}/{action}", title=f"{action.capitalize()} {name}")
    if action in ("stop", "restart"):
        path = _path(f"{base}/{action}", t=params.get("timeout_s"), signal=params.get("signal"))
        return EngineRequest("POST", path, title=f"{action.capitalize()} {name}")
    if action == "kill":
        return EngineRequest("POST", _path(f"{base}/kill", signal=params.get("signal")), title=f"Kill {name}")
    if action == "remove":
        path = _path(base, force=params.get("force"), v=params.get("volumes"))
        return EngineRequest("DELETE", path, title=f"Remove {name}")
    if action == "rename":
        if not params.get("name"):
            raise Invalid("rename needs a name")
        return EngineRequest("POST", _path(f"{base}/rename", name=params["name"]), title=f"Rename {name}")
    if action == "update":
        body: dict[str, Any] = {}
        if params.get("memory_bytes") is not None:
            body |= {"Memory": params["memory_bytes"], "MemorySwap": -1}
        if params.get("nano_cpus") is not None:
            body["NanoCpus"] = params["nano_cpus"]
        if "pids_limit" in params:
            body["PidsLimit"] = params["pids_limit"] or 0
        if params.get("restart_policy"):
            policy = params["restart_policy"]
            body["RestartPolicy"] = {
                "Name": policy.get("name", "no"), "MaximumRetryCount": policy.get("max_retry", 0),
            }  # fmt: skip
        if not body:
            raise Invalid("update needs something to change")
        return EngineRequest("POST", f"{base}/update", body, title=f"Update {name}")
    raise Invalid(f"unknown action {action!r}")


def create_body(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return Docker's create body for the dashboard's container form."""
    exposed: dict[str, Any] = {}
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in spec.get("ports") or ():
        key = f"{port['container_port']}/{port.get('protocol') or 'tcp'}"
        exposed[key] = {}
        host_port = port.get("host_port")
        bindings.setdefault(key, []).append(
            {"HostIp": port.get("host_ip") or "", "HostPort": str(host_port) if host_port else ""}
        )
    binds = [
        f"{volume['source']}:{volume['target']}{':ro' if volume.get('read_only') else ''}"
        for volume in spec.get("volumes") or ()
        if volume.get("source")
    ]
    anonymous: dict[str, Any] = {
        volume["target"]: {} for volume in spec.get("volumes") or () if not volume.get("source")
    }
    policy = spec.get("restart_policy") or {}
    host_config: dict[str, Any] = {
        "Binds": binds or None,
        "PortBindings": bindings or None,
        "RestartPolicy": {"Name": policy.get("name", "no"), "MaximumRetryCount": policy.get("max_retry", 0)},
        "AutoRemove": bool(spec.get("auto_remove")),
        "Privileged": bool(spec.get("privileged")),
        "NetworkMode": spec.get("network") or "default",
    }
    if spec.get("memory_bytes"):
        host_config["Memory"] = spec["memory_bytes"]
    if spec.get("nano_cpus"):
        host_config["NanoCpus"] = spec["nano_cpus"]
    if spec.get("pids_limit"):
        host_config["PidsLimit"] = spec["pids_limit"]
    body: dict[str, Any] = {
        "Image": spec["image"],
        "Env": list(spec.get("env") or ()),
        "Labels": dict(spec.get("labels") or {}),
        "Tty": bool(spec.get("tty")),
        "OpenStdin": bool(spec.get("open_stdin")),
        "ExposedPorts": exposed or None,
        "Volumes": anonymous or None,
        "HostConfig": host_config,
    }
    for name, key in (("command", "Cmd"), ("entrypoint", "Entrypoint")):
        if spec.get(name):
            body[key] = list(spec[name])
    for name, key in (("user", "User"), ("workdir", "WorkingDir"), ("hostname", "Hostname")):
        if spec.get(name):
            body[key] = spec[name]
    return body


def pull_path(image: str) -> str:
    """Return the path that pulls `image`; without a tag or digest it is `latest`, as the docker client does."""
    name, tag = split_reference(image)
    return _path("/images/create", fromImage=name, tag=tag)


def split_reference(image: str) -> tuple[str, str]:
    """Return name and tag (or digest) of what a user typed."""
    if "@" in image:
        name, _, digest = image.partition("@")
        return name, digest
    head, _, last = image.rpartition("/")
    name, colon, tag = last.partition(":")
    return f"{head}/{name}" if head else name, tag if colon and tag else "latest"
