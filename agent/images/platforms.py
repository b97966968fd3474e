"""Platforms: what a user asks for (`linux/arm64/v8`), what this host is, and which manifest of an index fits."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.images.configs import HOST_ARCHITECTURE
from wire.errors import Invalid

__all__ = ["HOST", "WantedPlatform", "choose_manifest", "parse_platform"]

_PART = re.compile(r"[A-Za-z0-9_-]+")
_OS_PART = re.compile(r"[A-Za-z0-9_-]+(\([A-Za-z0-9_.-]*\))?")
# Go's known operating systems and architectures.
_SYSTEMS = frozenset({
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl", "netbsd",
    "openbsd", "plan9", "solaris", "windows", "zos",
})  # fmt: skip
_ARCHITECTURES = frozenset({
    "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64", "mips64le",
    "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64",
    "wasm",
})  # fmt: skip
_ALIASES = {
    "x86_64": ("amd64", ""), "x86-64": ("amd64", ""), "aarch64": ("arm64", ""), "i386": ("386", ""),
    "armhf": ("arm", "v7"), "armel": ("arm", "v6"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WantedPlatform:
    """Empty parts are not cared about."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def _host() -> WantedPlatform:
    machine = os.uname().machine
    return WantedPlatform("linux", HOST_ARCHITECTURE, {"armv7l": "v7", "armv6l": "v6"}.get(machine, ""))


HOST = _host()


def parse_platform(text: str) -> WantedPlatform:
    """Parse `os`, `arch`, `os/arch` or `os/arch/variant` by containerd's rules; "" wants nothing. Invalid otherwise."""
    if not text:
        return WantedPlatform()
    parts = text.split("/")
    if len(parts) > 3:
        raise Invalid(f'"{text}": cannot parse platform specifier: invalid argument')
    if not _OS_PART.fullmatch(parts[0]):
        raise Invalid(
            f'"{parts[0]}" is an invalid OS component of "{text}": OSAndVersion specifier component must match '
            '"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$": invalid argument'
        )
    for part in parts[1:]:
        if not _PART.fullmatch(part):
            raise Invalid(
                f'"{part}" is an invalid component of "{text}": platform specifier component must match '
                '"^[A-Za-z0-9_-]+$": invalid argument'
            )
    lowered = [part.lower() for part in parts]
    if len(parts) == 1:
        if lowered[0] in _SYSTEMS:
            return WantedPlatform(lowered[0], HOST.architecture, HOST.variant)
        architecture, variant = _ALIASES.get(lowered[0], (lowered[0], ""))
        if architecture in _ARCHITECTURES:
            return WantedPlatform("linux", architecture, variant)
        raise Invalid(f'"{text}": unknown operating system or architecture: invalid argument')
    architecture, variant = _ALIASES.get(lowered[1], (lowered[1], ""))
    if len(parts) == 3:
        variant = lowered[2]
    if architecture == "arm64" and variant == "v8":
        variant = ""
    return WantedPlatform(lowered[0], architecture, variant)


def choose_manifest(manifests: Sequence[Mapping[str, Any]], wanted: WantedPlatform) -> Mapping[str, Any] | None:
    """The entry of an index that runs on `wanted` (the host's platform where it says nothing), or None.

    The first that fits wins, as in Docker; among 32-bit ARM the newest variant not above the wanted one.
    """
    system = wanted.os or HOST.os
    architecture = wanted.architecture or HOST.architecture
    variant = wanted.variant or (HOST.variant if not wanted.architecture else "")
    fitting: list[tuple[int, Mapping[str, Any]]] = []
    for entry in manifests:
        platform = entry.get("platform")
        if not isinstance(platform, Mapping):
            continue
        if platform.get("os") != system or platform.get("architecture") != architecture:
            continue
        theirs = str(platform.get("variant") or "")
        if architecture == "arm":
            mine, other = _arm(variant), _arm(theirs)
            if other <= mine:
                fitting.append((mine - other, entry))
        elif not variant or not theirs or variant == theirs or (architecture == "arm64" and theirs == "v8"):
            fitting.append((0 if theirs == variant or theirs == "v8" else 1, entry))
    return min(fitting, key=lambda item: item[0])[1] if fitting else None


def _arm(variant: str) -> int:
    return int(variant[1:]) if variant[:1] == "v" and variant[1:].isdigit() else 7
