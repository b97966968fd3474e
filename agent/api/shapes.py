"""What older API versions look like: requests brought to today's shape, answers brought back.

The engine knows one shape, that of `wire.versions.MAX_API`. Source: the API's version history, Docker 26.1's answers.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET

from wire.engine.containers import CreateRequest, HostConfig
from wire.engine.execs import ExecCreateRequest
from wire.errors import Invalid
from wire.versions import ApiVersion

__all__ = ["adapt_container", "adapt_create", "adapt_exec", "adapt_image", "adapt_images", "adapt_info", "adapt_usage"]

Document = dict[str, Any]

_MINIMUM_KERNEL_MEMORY_BYTES: Final = 6 * 1024 * 1024


def adapt_create(body: CreateRequest, version: ApiVersion) -> CreateRequest:
    """Leave out of a create request what `version` did not have; Invalid for what it did not allow."""
    host = body.host_config
    networks = (body.networking_config.endpoints_config or {}) if body.networking_config else {}
    if version < (1, 44) and len(networks) > 1:
        raise Invalid(f"Container cannot be created with multiple network endpoints: {', '.join(sorted(networks))}")
    if version < (1, 44) and body.healthcheck:
        body.healthcheck.start_interval = UNSET
    if host is None:
        if version >= (1, 41):
            return body
        host = body.host_config = HostConfig()
    mounts = host.mounts or []
    if version < (1, 40):
        for mount in mounts:
            if mount.bind_options:
                mount.bind_options.non_recursive = UNSET
        host.ipc_mode = host.ipc_mode or "shareable"
    if version < (1, 41):
        host.cgroupns_mode = host.cgroupns_mode or "host"
    if version < (1, 42):
        if host.kernel_memory and host.kernel_memory < _MINIMUM_KERNEL_MEMORY_BYTES:
            raise Invalid("Minimum kernel memory limit allowed is 6MB")
        host.console_size = [0, 0]
        for mount in mounts:
            if mount.bind_options:
                mount.bind_options.create_mountpoint = UNSET
    if version < (1, 43):
        host.annotations = UNSET
    if version < (1, 44):
        for mount in mounts:
            if mount.bind_options:
                mount.bind_options.read_only_non_recursive = UNSET
                if mount.bind_options.read_only_force_recursive:
                    raise Invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer")
    if version < (1, 45):
        for mount in mounts:
            if mount.volume_options:
                mount.volume_options.subpath = UNSET
    return body


def adapt_container(document: Document, version: ApiVersion) -> Document:
    """Before 1.45 a running container's short id and host name counted as aliases on the networks of a user's."""
    asked = document["NetworkSettings"]["Networks"]
    users = [name for name in asked if name not in ("bridge", "host", "none", "default")]
    if version >= (1, 45) or not users:
        return document
    document = msgspec.to_builtins(document)
    networks = document["NetworkSettings"]["Networks"]
    changed = {}
    for name in users:
        endpoint = networks[name]
        if not endpoint.get("EndpointID"):
            continue
        extra = [document["Id"][:12], document["Config"].get("Hostname", "")]
        changed[name] = {**endpoint, "Aliases": list(dict.fromkeys([*(endpoint.get("Aliases") or ()), *extra]))}
    if not changed:
        return document
    settings = {**document["NetworkSettings"], "Networks": {**networks, **changed}}
    return {**document, "NetworkSettings": settings}


def adapt_exec(body: ExecCreateRequest, version: ApiVersion) -> ExecCreateRequest:
    if version < (1, 42):
        body.console_size = UNSET
    return body


def adapt_images(documents: list[Document], version: ApiVersion) -> list[Document]:
    """Before 1.43 an image without names had the name `<none>`, and no names of one kind were null; before 1.44 there
    was VirtualSize."""
    if version >= (1, 44):
        return documents
    adapted = []
    for image in documents:
        image = {**image, "VirtualSize": image["Size"]}
        if version < (1, 43) and not image.get("RepoTags") and not image.get("RepoDigests"):
            image |= {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]}
        elif version < (1, 43):
            image |= {name: image.get(name) or None for name in ("RepoTags", "RepoDigests")}
        adapted.append(image)
    return adapted


_EMPTY_CONFIG: Document = {
    "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
    "Tty": False, "OpenStdin": False, "StdinOnce": False, "Env": None, "Cmd": None, "Image": "", "Volumes": None,
    "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": None,
}  # fmt: skip


def adapt_image(document: Document, version: ApiVersion) -> Document:
    """Before 1.45 an image told of the container it was made from, before 1.44 its VirtualSize.

    The engine gives `Container` and `ContainerConfig` where the image has them.
    """
    document = dict(document)
    container, config = document.pop("Container", ""), document.pop("ContainerConfig", None)
    if version >= (1, 45):
        return document
    adapted: Document = {}
    for name, value in document.items():  # in Docker's order: people compare printed documents
        if name == "DockerVersion":
            if version < (1, 44):
                adapted.setdefault("Created", "0001-01-01T00:00:00Z")
            if container:
                adapted["Container"] = container
            adapted["ContainerConfig"] = _EMPTY_CONFIG if config is None else config
        adapted[name] = value
        if name == "Size" and version < (1, 44):
            adapted["VirtualSize"] = value
    return adapted


def adapt_info(document: Document, version: ApiVersion) -> Document:
    """Before 1.42 it told of kernel memory limits, before 1.25 of an execution driver and of options' names alone."""
    if version >= (1, 42):
        return document
    adapted: Document = {}
    for name, value in document.items():  # in Docker's order: people compare printed documents
        if name == "KernelMemoryTCP":  # a kernel that can limit the one can limit both
            adapted["KernelMemory"] = value
        adapted[name] = value
    if version < (1, 25):
        options = [option.partition(",")[0].removeprefix("name=") for option in document["SecurityOptions"]]
        warnings = adapted.pop("Warnings", None)
        adapted |= {"SecurityOptions": options, "ExecutionDriver": "<not supported>", "Warnings": warnings}
    return adapted


def adapt_usage(document: Document, version: ApiVersion) -> Document:
    """`system df`: BuilderSize (when there is any) before 1.42, VirtualSize of images before 1.44."""
    adapted = dict(document)
    if version < (1, 42) and (size := sum(record["Size"] for record in document.get("BuildCache") or ())):
        adapted["BuilderSize"] = size
    if version < (1, 44) and adapted.get("Images"):
        adapted["Images"] = [{**image, "VirtualSize": image["Size"]} for image in adapted["Images"]]
    return adapted
