"""Checks of a container's Config, and of what Config and HostConfig may not say together. Texts are Docker's."""

from __future__ import annotations

import posixpath

from msgspec import UNSET

from agent.engine.signals import parse_signal
from wire.engine.containers import ContainerConfig, Healthcheck, HostConfig
from wire.errors import Invalid

__all__ = ["check_config", "check_network_mode_conflicts", "container_of"]

_MS = 1_000_000


def container_of(mode: str) -> str | None:
    """The container a mode `container:<ref>` names ("" when it names none), None for any other mode."""
    return mode.removeprefix("container:") if mode.startswith("container:") else None


def check_network_mode_conflicts(config: ContainerConfig, host: HostConfig) -> None:
    """What may not be combined with the network, UTS and IPC modes. First check, as in Docker."""
    mode = host.network_mode
    shared = container_of(mode)
    if shared is not None:
        if not shared:
            raise Invalid("Invalid network mode: invalid container format container:<name|id>")
        if host.links:
            raise Invalid(
                "conflicting options: container type network can't be used with links. "
                "This would result in undefined behavior"
            )
    if host.uts_mode == "host" and config.hostname:
        raise Invalid("conflicting options: hostname and the UTS mode")
    if mode == "host" and host.links:
        raise Invalid(
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior"
        )
    if shared is None:
        return
    if config.hostname:
        raise Invalid("conflicting options: hostname and the network mode")
    if host.dns:
        raise Invalid("conflicting options: dns and the network mode")
    if host.extra_hosts:
        raise Invalid("conflicting options: custom host-to-IP mapping and the network mode")
    if config.mac_address:
        raise Invalid("conflicting options: mac-address and the network mode")
    if host.port_bindings or host.publish_all_ports:
        raise Invalid("conflicting options: port publishing and the container type network mode")
    if config.exposed_ports:
        raise Invalid("conflicting options: port exposing and the container type network mode")


def check_config(config: ContainerConfig) -> None:
    """Check what stands for itself, and bring the working directory to its clean form."""
    if config.working_dir:
        if not config.working_dir.startswith("/"):
            raise Invalid(f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path")
        config.working_dir = posixpath.normpath("/" + config.working_dir.lstrip("/"))
    if config.stop_signal:
        parse_signal(config.stop_signal)
    for item in config.env or ():
        if not item.partition("=")[0]:
            raise Invalid(f"invalid environment variable: {item}")
    if isinstance(config.healthcheck, Healthcheck):
        _check_healthcheck(config.healthcheck)


def _check_healthcheck(check: Healthcheck) -> None:
    for name, value in (
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ):
        if value is not UNSET and value and value < _MS:
            raise Invalid(f"{name} in Healthcheck cannot be less than 1ms")
    if check.retries is not UNSET and check.retries < 0:
        raise Invalid("Retries in Healthcheck cannot be negative")
