"""`--change` of commit and import: Dockerfile instructions applied to a container's configuration. Pure.

They are the builder's own, words expanded by the configuration's environment; only what configures is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from agent.build.build_args import BuildArgs
from agent.build.instructions import type_statement
from agent.build.stage_config import StageConfig
from agent.build.syntax import parse_dockerfile
from wire.engine.containers import ContainerConfig
from wire.errors import Invalid

__all__ = ["apply_changes"]

_ALLOWED: Final = (
    "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip
_FIELDS: Final = (
    "cmd", "entrypoint", "env", "exposed_ports", "healthcheck", "labels", "on_build", "stop_signal", "user", "volumes",
    "working_dir",
)  # fmt: skip


def apply_changes(config: ContainerConfig, changes: Sequence[str]) -> None:
    """Apply instructions in place, in order. Invalid with Docker's texts; `config` is unchanged then."""
    if not changes:
        return
    try:
        dockerfile = parse_dockerfile("\n".join(changes))
    except Invalid as error:
        raise Invalid(error.message.removeprefix("failed to parse Dockerfile: ")) from None
    for statement in dockerfile.statements:
        if statement.keyword.upper() not in _ALLOWED:
            raise Invalid(f"{statement.keyword} is not a valid change command")
    stage = StageConfig(msgspec.to_builtins(config), escape=dockerfile.escape, inherited=False)
    args = BuildArgs({})
    for instruction in [type_statement(statement, dockerfile.escape) for statement in dockerfile.statements]:
        stage.apply(stage.expand(instruction, args))
    changed = msgspec.convert(
        {name: value for name, value in stage.document().items() if value is not None}, type=ContainerConfig
    )
    for field in _FIELDS:
        setattr(config, field, getattr(changed, field))
