"""What the log options `labels`, `env`, their `-regex` forms and `tag` add to a log: shown by `logs --details`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from agent.engine.record import Record
from wire.errors import Internal

__all__ = ["check_attributes", "log_attributes"]

_ACTION: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_WRONG: Final = "failed to create task for container: failed to initialize logging driver: "


def log_attributes(record: Record) -> dict[str, str]:
    """Name and value of each, as asked for by the container's log options."""
    options = record.host.log_config.config or {}
    environment = dict(item.split("=", 1) for item in record.config.env or () if "=" in item)
    found: dict[str, str] = {}
    for source, kind in ((record.config.labels or {}, "labels"), (environment, "env")):
        wanted = _wanted(options, kind)
        found |= {name: value for name, value in source.items() if wanted(name)}
    if tag := options.get("tag"):
        found["tag"] = _render(tag, record)
    return found


def check_attributes(record: Record) -> None:
    """Raises Internal, with Docker's text of a failed start, for options that cannot be understood."""
    if record.host.log_config.type == "json-file":
        log_attributes(record)


def _wanted(options: Mapping[str, str], kind: str) -> Callable[[str], object]:
    names = set(filter(None, options.get(kind, "").split(",")))
    pattern = options.get(f"{kind}-regex", "")
    try:
        matches = re.compile(pattern).search if pattern else None
    except re.error as error:
        closing = "missing )" in str(error) or "unterminated subpattern" in str(error)
        why = "missing closing )" if closing else error.msg
        raise Internal(f"{_WRONG}error parsing regexp: {why}: `{pattern}`") from None
    return lambda name: name in names or (matches is not None and matches(name))


def _render(template: str, record: Record) -> str:
    """The tag: a Go template of which the plain fields are known, which is what Docker documents."""
    opening = template.rfind("{{")
    if opening > template.rfind("}}"):
        raise Internal(f"{_WRONG}template: log-tag:1: unclosed action")
    fields = {
        "ID": record.id[:12],
        "FullID": record.id,
        "ContainerID": record.id,
        "Name": record.name,
        "ContainerName": f"/{record.name}",
        "ImageID": record.image_id[:12],
        "ImageFullID": record.image_id,
        "ContainerImageID": record.image_id,
        "ImageName": record.config.image,
        "ContainerImageName": record.config.image,
        "Command": " ".join([record.path, *record.args]),
        "DaemonName": "docker",
    }

    def value(action: re.Match[str]) -> str:
        text = action[1]
        if text.removeprefix(".") in fields and text.startswith("."):
            return fields[text[1:]]
        name = text.removeprefix(".")
        raise Internal(
            f'{_WRONG}template: log-tag:1:{action.start(1)}: executing "log-tag" at <{text}>: '
            f"can't evaluate field {name} in type *logger.Info"
        )

    return _ACTION.sub(value, template)
