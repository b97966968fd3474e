"""`--change` of commit and import: Dockerfile instructions applied to a config. Pure.

Only the instructions Docker allows there; one line each. The builder has its own, full parser: these few verbs need
neither stages nor expansion.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterable
from typing import Final

from msgspec import UNSET

from agent.engine.exposed_ports import parse_exposed_ports
from wire.engine.containers import ContainerConfig, Healthcheck
from wire.errors import Invalid

__all__ = ["apply_changes"]

_ALLOWED: Final = (
    "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS: Final = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def apply_changes(config: ContainerConfig, changes: Iterable[str]) -> None:
    """Apply instructions in place, in order. Invalid with Docker's texts."""
    lines = [line.strip() for change in changes for line in change.splitlines() or [""]]
    instructions = [line for line in lines if line and not line.startswith("#")]
    if lines and not instructions:
        raise Invalid("file with no instructions")
    for text in instructions:
        _apply(config, text)


def _apply(config: ContainerConfig, text: str) -> None:
    word, _, rest = text.partition(" ")
    name, rest = word.upper(), rest.strip()
    if name not in _ALLOWED:
        known = f"{name} is not a valid change command" if name.isalpha() else f"unknown instruction: {name}"
        raise Invalid(known)
    if not rest and name not in ("CMD", "ENTRYPOINT"):
        raise Invalid(f"{name} requires at least one argument")
    if name == "CMD":
        config.cmd = _command(rest)
    elif name == "ENTRYPOINT":
        config.entrypoint = _command(rest)
    elif name == "ENV":
        _env(config, rest)
    elif name == "LABEL":
        config.labels = {**(config.labels or {}), **_pairs("LABEL", rest)}
    elif name == "EXPOSE":
        ports: dict[str, dict[str, object]] = {port: {} for port in parse_exposed_ports(rest.split())}
        config.exposed_ports = {**(config.exposed_ports or {}), **ports}
    elif name == "VOLUME":
        config.volumes = {**(config.volumes or {}), **{path: {} for path in _words(rest)}}
    elif name == "USER":
        config.user = rest
    elif name == "WORKDIR":
        config.working_dir = posixpath.normpath(posixpath.join(config.working_dir or "/", rest))
    elif name == "STOPSIGNAL":
        config.stop_signal = rest
    elif name == "ONBUILD":
        config.on_build = [*(config.on_build or ()), rest]
    else:
        config.healthcheck = _healthcheck(rest)


def _json_list(text: str) -> list[str] | None:
    if not text.startswith("["):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def _command(text: str) -> list[str]:
    listed = _json_list(text)
    return listed if listed is not None else ["/bin/sh", "-c", text] if text else []


def _words(text: str) -> list[str]:
    listed = _json_list(text)
    return listed if listed is not None else text.split()


def _pairs(name: str, text: str) -> dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Invalid(f"{name}: {error}") from error
    if words and "=" not in words[0]:
        key, _, value = text.partition(" ")
        if not value:
            raise Invalid(f"{name} must have two arguments")
        return {key: value.strip()}
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise Invalid(f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value')
        if not key:
            raise Invalid(f"{name} names can not be blank")
        found[key] = value
    return found


def _env(config: ContainerConfig, text: str) -> None:
    env = list(config.env or ())
    for key, value in _pairs("ENV", text).items():
        env = [item for item in env if item.partition("=")[0] != key]
        env.append(f"{key}={value}")
    config.env = env


def _healthcheck(text: str) -> Healthcheck:
    check = Healthcheck()
    words = text.split()
    while words and words[0].startswith("--"):
        flag, _, value = words.pop(0)[2:].partition("=")
        if flag == "retries":
            check.retries = int(value) if value.isdigit() else 0
        elif flag in ("interval", "timeout", "start-period", "start-interval"):
            setattr(check, flag.replace("-", "_"), _duration_ns(value))
        else:
            raise Invalid(f"unknown flag: {flag}")
        text = text.partition(" ")[2].strip()
    kind = words[0].upper() if words else ""
    if kind == "NONE":
        check.test = ["NONE"]
        return check
    if kind != "CMD":
        raise Invalid(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
    rest = text.partition(" ")[2].strip()
    listed = _json_list(rest)
    if not rest:
        raise Invalid("Missing command after HEALTHCHECK CMD")
    check.test = ["CMD", *listed] if listed is not None else ["CMD-SHELL", rest]
    check.interval = check.interval or UNSET
    return check


def _duration_ns(text: str) -> int:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Invalid(f'time: invalid duration "{text}"')
    return int(sum(float(number) * _UNITS[unit] for number, unit in parts))
