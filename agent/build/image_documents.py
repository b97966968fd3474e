"""Image config documents of build steps, field for field as Docker's classic builder writes them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from agent.build.build_args import host_platform
from agent.build.go_text import rfc3339_nano
from agent.build.stage_config import StageConfig

__all__ = ["step_document", "step_history"]


def step_document(
    stage: StageConfig,
    *,
    base: Mapping[str, Any],
    command: list[str],
    container_id: str = "",
    platform: str = "",
    docker_version: str,
    created: str,
    container_config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document of an image that a step makes from `base` (a config document, empty for FROM scratch).

    `command` is what history shows, as words; `container_config` holds what differs in that part from the stage's
    configuration. `rootfs` and `history` are filled in where the image is made.
    """
    os_name, _, architecture = (platform or host_platform()).partition("/")
    architecture, _, variant = architecture.partition("/")
    document: dict[str, Any] = {
        "architecture": base.get("architecture") or architecture,
        "author": stage.author,
        "config": stage.document(),
        "container": container_id,
        "container_config": stage.document(Cmd=command, **(container_config or {})),
        "created": created,
        "docker_version": docker_version,
        "os": base.get("os") or os_name,
        "variant": base.get("variant") or ("" if base else variant),
    }
    return {key: value for key, value in document.items() if value != ""}


def step_history(stage: StageConfig, *, created: str, created_by: str, comment: str = "") -> dict[str, Any]:
    """One history entry; what is empty is left out."""
    entry = {"created": created, "author": stage.author, "created_by": created_by, "comment": comment}
    return {key: value for key, value in entry.items() if value}


def now() -> str:
    """The present as images record it."""
    return rfc3339_nano(time.time_ns())
