"""How an image's config and a user's become one (Docker's rules, field by field). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from wire.engine.containers import ContainerConfig, Healthcheck
from wire.engine.shape import drop_nulls
from wire.errors import Invalid

__all__ = ["command_of", "image_config", "merge_config"]


def image_config(document: Mapping[str, object]) -> ContainerConfig:
    """The `config` part of an image's config document. Image content is data: what does not fit is left out."""
    raw: Any = document.get("config") or {}
    try:
        return msgspec.convert(drop_nulls(raw), type=ContainerConfig)
    except msgspec.ValidationError:
        known = {field.encode_name for field in msgspec.structs.fields(ContainerConfig)}
        fits: dict[str, Any] = {}
        for name, value in drop_nulls(raw).items() if isinstance(raw, dict) else ():
            if name in known:
                try:
                    msgspec.convert({name: value}, type=ContainerConfig)
                except msgspec.ValidationError:
                    continue
                fits[name] = value
        return msgspec.convert(fits, type=ContainerConfig)


def _words(value: list[str] | str | None) -> list[str] | None:
    return [value] if isinstance(value, str) else value


def merge_config(user: ContainerConfig, image: ContainerConfig) -> None:
    """Fill in `user`, in place, with what `image` says and `user` does not. Invalid: `no command specified`."""
    user.cmd, user.entrypoint = _words(user.cmd), _words(user.entrypoint)
    if not isinstance(user.shell, (list, str)):
        user.shell = UNSET
    user.user = user.user or image.user
    user.exposed_ports = _ports(user, image)
    user.env = _env(user.env, image.env)
    user.labels = {**(image.labels or {}), **(user.labels or {})}
    if not user.entrypoint:
        if not user.cmd:
            user.cmd = _words(image.cmd)
        if user.entrypoint is None:
            user.entrypoint = _words(image.entrypoint)
    if user.entrypoint == [""]:
        user.entrypoint = None
    user.healthcheck = _healthcheck(user.healthcheck, image.healthcheck)
    user.working_dir = user.working_dir or image.working_dir
    user.volumes = {**(user.volumes or {}), **(image.volumes or {})} or None
    user.stop_signal = user.stop_signal or image.stop_signal
    user.shell = user.shell or UNSET  # the image's is for its builder alone
    if not user.entrypoint and not user.cmd:
        raise Invalid("no command specified")


def _ports(user: ContainerConfig, image: ContainerConfig) -> Any:
    asked = user.exposed_ports or {}
    merged = {**asked, **{port: {} for port in image.exposed_ports or () if port not in asked}}
    return merged or UNSET


def _env(user: list[str] | None, image: list[str] | None) -> list[str] | None:
    if not user:
        return image
    named = {item.partition("=")[0] for item in user}
    return user + [item for item in image or () if item.partition("=")[0] not in named]


def _healthcheck(user: Any, image: Any) -> Any:
    if not isinstance(image, Healthcheck):
        return _compact(user) if isinstance(user, Healthcheck) else UNSET
    if not isinstance(user, Healthcheck):
        return _compact(image)
    for name in Healthcheck.__struct_fields__:
        if not getattr(user, name):
            setattr(user, name, getattr(image, name))
    return _compact(user)


def _compact(check: Healthcheck) -> Healthcheck:
    """Docker leaves out what is empty or 0."""
    for name in Healthcheck.__struct_fields__:
        if not getattr(check, name):
            setattr(check, name, UNSET)
    return check


def command_of(config: ContainerConfig) -> tuple[str, list[str]]:
    """Docker's Path and Args."""
    words = [*(_words(config.entrypoint) or ()), *(_words(config.cmd) or ())]
    return words[0], words[1:]
