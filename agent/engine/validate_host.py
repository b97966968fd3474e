"""Checks of a container's HostConfig, in Docker's order and words. What the kernel lacks is dropped with a warning."""

from __future__ import annotations

import ipaddress
import posixpath
import re

from agent.engine.capabilities import normalise_capabilities
from agent.engine.validate_config import container_of
from agent.engine.validate_resources import check_resources
from wire.engine.containers import HostConfig, RestartPolicy
from wire.errors import Internal, Invalid

__all__ = ["check_host_config", "check_restart_policy", "parse_port"]

_RUNTIMES = frozenset({"", "crun", "runc", "io.containerd.runc.v2"})
_PORT_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")


def check_host_config(host: HostConfig) -> list[str]:
    """Check everything that needs no other object; returns warnings. Invalid (or Internal where Docker answers 500)."""
    if host.auto_remove and host.restart_policy.name not in ("", "no"):
        raise Invalid("can't create 'AutoRemove' container with restart policy")
    for entry in host.extra_hosts or ():
        _check_extra_host(entry)
    check_port_bindings(host)
    check_restart_policy(host.restart_policy)
    host.cap_add = normalise_as_given("CapAdd", host.cap_add)
    host.cap_drop = normalise_as_given("CapDrop", host.cap_drop)
    if isinstance(host.annotations, dict) and "" in host.annotations:
        raise Invalid("invalid Annotations: the empty string is not permitted as an annotation key")
    if host.isolation not in ("", "default"):
        raise Internal(f"Invalid isolation: \"{host.isolation}\" - linux only supports 'default'")
    if host.io_maximum_iops:
        raise Internal("Invalid QoS settings: linux does not support configuration of maximum IOPs")
    if host.io_maximum_bandwidth:
        raise Internal("Invalid QoS settings: linux does not support configuration of maximum bandwidth")
    warnings = check_resources(host, update=False)
    if not -1000 <= host.oom_score_adj <= 1000:
        raise Invalid(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if host.shm_size < 0:
        raise Invalid("SHM size can not be less than 0")
    _check_modes(host)
    if host.runtime not in _RUNTIMES:
        raise Invalid(f"unknown or invalid runtime name: {host.runtime}")
    for rule in host.tmpfs or () if isinstance(host.tmpfs, dict) else ():
        if not rule.startswith("/"):
            raise Invalid(f"invalid mount path: '{rule}' mount path must be absolute")
        if posixpath.normpath(rule) in ("/", "//"):
            raise Invalid("invalid specification: destination can't be '/'")
    if host.network_mode == "host" and host.port_bindings:
        warnings.append("Published ports are discarded when using host network mode")
    return warnings


def normalise_as_given(field: str, given: list[str] | str | None) -> list[str] | None:
    """A capability list as Docker keeps it: as given, but checked. `given` may be one string."""
    if given is None:
        return None
    names = [given] if isinstance(given, str) else given
    normalise_capabilities(field, names)
    return names


def check_restart_policy(policy: RestartPolicy) -> None:
    """Invalid with Docker's texts; an empty name means `no`."""
    if policy.name not in ("", "no", "always", "on-failure", "unless-stopped"):
        raise Invalid(
            f"invalid restart policy: unknown policy '{policy.name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if policy.maximum_retry_count < 0 and policy.name == "on-failure":
        raise Invalid("invalid restart policy: maximum retry count cannot be negative")
    if policy.maximum_retry_count and policy.name != "on-failure":
        text = "invalid restart policy: maximum retry count can only be used with 'on-failure'"
        if policy.maximum_retry_count < 0:
            text += " and cannot be negative"
        raise Invalid(text)


def parse_port(text: str) -> tuple[int, int]:
    """A port or range `8000-8010` as (first, last). Invalid with Docker's text."""
    found = _PORT_RANGE.fullmatch(text)
    if found:
        first, last = int(found[1]), int(found[2] or found[1])
        if first <= last <= 65535:
            return first, last
    raise Invalid(f'invalid port specification: "{text}"')


def check_port_bindings(host: HostConfig) -> None:
    """Container ports and host ports must be numbers in range."""
    for port, bindings in (host.port_bindings or {}).items():
        first, last = parse_port(port.partition("/")[0])
        if first != last:  # the CLI takes a range apart
            raise Invalid(f'invalid port specification: "{port.partition("/")[0]}"')
        for binding in bindings or ():
            if binding.host_port:
                parse_port(binding.host_port)


def _check_extra_host(entry: str) -> None:
    name, colon, address = entry.partition(":")
    if not colon or not name:
        raise Invalid(f'bad format for add-host: "{entry}"')
    if address == "host-gateway":
        return
    try:
        ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise Invalid(f'invalid IP address in add-host: "{address}"') from error


def _check_modes(host: HostConfig) -> None:
    if host.ipc_mode not in ("", "host", "none", "private", "shareable") and container_of(host.ipc_mode) is None:
        raise Invalid(f"invalid IPC mode: {host.ipc_mode}")
    if host.pid_mode not in ("", "host") and not container_of(host.pid_mode):
        raise Invalid(f"invalid PID mode: {host.pid_mode}")
    if host.uts_mode not in ("", "host"):
        raise Invalid(f"invalid UTS mode: {host.uts_mode}")
    if host.cgroupns_mode not in ("", "host", "private"):
        raise Invalid(f"invalid cgroup namespace mode: {host.cgroupns_mode}")
