"""What a client asks of a build: the query of `POST /build` and its registry header, decoded once.

Names and rules are the Engine API's (`ImageBuild`), the texts of refusals Docker 26.1's.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.ports.images import Credentials
from wire.engine.json_syntax import describe_syntax_error
from wire.errors import Internal, Invalid, Unsupported

__all__ = ["BuildLimits", "BuildOptions", "Ulimit", "parse_options", "parse_registry_config"]

_FALSE = frozenset(("", "0", "no", "false", "none"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    """One process limit for RUN, Docker's spelling (`nofile`)."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildLimits:
    """Limits for each RUN container; 0 or empty means none asked."""

    memory_bytes: int = 0
    memory_swap_bytes: int = 0
    cpu_shares: int = 0
    cpu_period_us: int = 0
    cpu_quota_us: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cgroup_parent: str = ""
    shm_size_bytes: int = 0
    ulimits: tuple[Ulimit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Everything a build is told beside its context.

    `build_args` values are None when the client named an argument without a value. `registry_auth` maps a registry
    address to credentials for pulling base images. `remote` replaces the context by a URL, git repository or file.
    """

    tags: tuple[str, ...] = ()
    dockerfile: str = ""
    remote: str = ""
    quiet: bool = False
    no_cache: bool = False
    cache_from: tuple[str, ...] = ()
    pull: bool = False
    remove: bool = True
    force_remove: bool = False
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    platform: str = ""
    network_mode: str = ""
    extra_hosts: tuple[str, ...] = ()
    limits: BuildLimits = BuildLimits()
    registry_auth: Mapping[str, Credentials] = field(default_factory=dict)


def parse_options(query: Mapping[str, Sequence[str]], registry_config: str = "") -> BuildOptions:
    """Decode the query of `POST /build` (each name with its values in order) and the `X-Registry-Config` header.

    Raises Invalid for a malformed value, Unsupported for what this builder does not offer.
    """
    form = _Form(query)
    if form.flag("squash"):
        raise Invalid("squash is only supported with experimental mode")
    version = form.text("version")
    if version == "2":
        raise Unsupported("builds of version 2 need a BuildKit session, which POST /build does not serve here")
    if version not in ("", "1"):
        raise Invalid(f'invalid version "{version}"')
    if form.texts("securityopt"):
        raise Invalid("security options are not supported on linux")
    isolation = form.text("isolation")
    if isolation.lower() not in ("", "default"):
        raise Invalid(f'unsupported isolation: "{isolation}"')
    form.outputs()
    remove = form.flag("rm") if "rm" in query else True
    limits = BuildLimits(
        memory_bytes=form.number("memory"),
        memory_swap_bytes=form.number("memswap"),
        cpu_shares=form.number("cpushares"),
        cpu_period_us=form.number("cpuperiod"),
        cpu_quota_us=form.number("cpuquota"),
        cpuset_cpus=form.text("cpusetcpus"),
        cpuset_mems=form.text("cpusetmems"),
        cgroup_parent=form.text("cgroupparent"),
        shm_size_bytes=form.shm_size(),
        ulimits=form.ulimits(),
    )
    return BuildOptions(
        tags=tuple(form.texts("t")),
        dockerfile=form.text("dockerfile"),
        remote=form.text("remote"),
        quiet=form.flag("q"),
        no_cache=form.flag("nocache"),
        cache_from=form.json_strings("cachefrom", "error reading cache-from"),
        pull=form.flag("pull"),
        remove=remove,
        force_remove=form.flag("forcerm"),
        build_args=form.build_args(),
        labels=form.labels(),
        target=form.text("target"),
        platform=form.text("platform"),
        network_mode=form.text("networkmode"),
        extra_hosts=tuple(host for value in form.texts("extrahosts") for host in value.split(",") if host),
        limits=limits,
        registry_auth=parse_registry_config(registry_config),
    )


def parse_registry_config(header: str) -> dict[str, Credentials]:
    """Decode `X-Registry-Config`: base64 of a JSON map from registry address to credentials.

    What cannot be decoded counts as absent, as Docker does: pulls are then anonymous.
    """
    if not header:
        return {}
    try:
        document = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, binascii.Error):
        return {}
    if not isinstance(document, dict):
        return {}
    found = {}
    for address, entry in document.items():
        if isinstance(entry, dict):
            found[address] = Credentials(
                username=str(entry.get("username") or ""),
                password=str(entry.get("password") or ""),
                identity_token=str(entry.get("identitytoken") or ""),
                registry_token=str(entry.get("registrytoken") or ""),
                server_address=str(entry.get("serveraddress") or address),
            )
    return found


_KINDS = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def _mismatch(value: object, go_type: str) -> str:
    return f"json: cannot unmarshal {_KINDS.get(type(value), 'null')} into Go value of type {go_type}"


class _Form:
    """Typed reading of a decoded query string."""

    def __init__(self, query: Mapping[str, Sequence[str]]) -> None:
        self._query = query

    def texts(self, name: str) -> Sequence[str]:
        return self._query.get(name, ())

    def text(self, name: str) -> str:
        values = self.texts(name)
        return values[0] if values else ""

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() not in _FALSE

    def number(self, name: str) -> int:
        """A 64-bit number; anything else counts as 0, as Docker does."""
        try:
            return int(self.text(name))
        except ValueError:
            return 0

    def shm_size(self) -> int:
        value = self.text("shmsize")
        if not value:
            return 0
        try:
            return int(value)
        except ValueError:
            raise Internal(f'strconv.ParseInt: parsing "{value}": invalid syntax') from None

    def outputs(self) -> None:
        """The classic builder has one output, the image store, and looks no further than Docker's does."""
        complaint = "invalid outputs specified"
        self._list("outputs", complaint, dict, "types.ImageBuildOutput", "[]types.ImageBuildOutput")

    def _json(self, name: str, complaint: str) -> object:
        value = self.text(name)
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError as error:
            fault = describe_syntax_error(
                value.encode("utf-8", "surrogateescape"), at_end="unexpected end of JSON input"
            )
            raise Invalid(f"{complaint}: {fault or error}") from None

    def _list(self, name: str, complaint: str, kind: type, go_type: str, go_list: str) -> list[Any]:
        """A JSON list whose members are of one kind; null counts as empty. Invalid in the words of Go's decoder."""
        value = self._json(name, complaint)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Invalid(f"{complaint}: {_mismatch(value, go_list)}")
        for item in value:
            if not isinstance(item, kind):
                raise Invalid(f"{complaint}: {_mismatch(item, go_type)}")
        return value

    def _map(self, name: str, complaint: str, go_type: str) -> dict[str, Any]:
        """A JSON object of strings; null counts as empty. Invalid in the words of Go's decoder."""
        value = self._json(name, complaint)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Invalid(f"{complaint}: {_mismatch(value, go_type)}")
        for item in value.values():
            if item is not None and not isinstance(item, str):
                raise Invalid(f"{complaint}: {_mismatch(item, 'string')}")
        return value

    def json_strings(self, name: str, complaint: str) -> tuple[str, ...]:
        return tuple(self._list(name, complaint, str, "string", "[]string"))

    def build_args(self) -> dict[str, str | None]:
        return self._map("buildargs", "error reading build args", "map[string]*string")

    def labels(self) -> dict[str, str]:
        found = self._map("labels", "error reading labels", "map[string]string")
        return {key: value or "" for key, value in found.items()}

    def ulimits(self) -> tuple[Ulimit, ...]:
        complaint = "error reading ulimit settings"
        value = self._list("ulimits", complaint, dict, "units.Ulimit", "[]*units.Ulimit")
        try:
            return tuple(Ulimit(name=str(u["Name"]), soft=int(u["Soft"]), hard=int(u["Hard"])) for u in value)
        except (TypeError, KeyError, ValueError):
            raise Invalid(complaint) from None
