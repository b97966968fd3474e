"""`--platform`: whether a local image is what was asked for."""

from __future__ import annotations

import re

from agent.ports.images import Image
from wire.errors import Invalid, NotFound

__all__ = ["check_platform"]

_COMPONENT = re.compile(r"[A-Za-z0-9_.-]+")
_OS = frozenset("linux windows darwin freebsd netbsd openbsd solaris".split())
_ARCHITECTURES = frozenset(
    "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 "
    "ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split()
)
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm", "armel": "arm"}


def check_platform(image: Image, ref: str, platform: str) -> None:
    """NotFound with Docker's text when the image is for another platform, so that clients pull the right one."""
    if not platform:
        return
    parts = platform.split("/")
    if len(parts) > 3 or not all(_COMPONENT.fullmatch(part) for part in parts):
        raise Invalid(f'"{platform}": cannot parse platform specifier: invalid argument')
    wanted_os, wanted_arch = "linux", ""
    if len(parts) == 1:
        if parts[0].lower() in _OS:
            wanted_os = parts[0].lower()
        elif _ALIASES.get(parts[0].lower(), parts[0].lower()) in _ARCHITECTURES:
            wanted_arch = parts[0].lower()
        else:
            raise Invalid(f'"{platform}": unknown operating system or architecture: invalid argument')
    else:
        wanted_os, wanted_arch = parts[0].lower(), parts[1].lower()
    wanted_arch = _ALIASES.get(wanted_arch, wanted_arch)
    have_os = str(image.config.get("os") or "linux")
    have_arch = str(image.config.get("architecture") or "")
    if wanted_os != have_os or (wanted_arch and have_arch and wanted_arch != have_arch):
        wanted = "/".join([wanted_os, wanted_arch or have_arch, *parts[2:]])
        raise NotFound(
            f"image with reference {ref} was found but does not match the specified platform: "
            f"wanted {wanted}, actual: {have_os}/{have_arch}"
        )
