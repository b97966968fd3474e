"""Which build arguments an instruction sees.

    from the client (`--build-arg`)   used only where an ARG names them, or where they are predefined
    before the first FROM             seen by FROM, and in a stage by an ARG that names them without a default
    in a stage                        seen from their ARG to the end of the stage

The proxy variables are predefined: a client may set them without an ARG, and they then stay out of history and cache.
The platform variables (`TARGETPLATFORM`, …) are declared before the first FROM by the builder.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["BuildArgs", "host_platform", "platform_args"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
_PREDEFINED = frozenset(_PROXIES) | frozenset(name.lower() for name in _PROXIES)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def host_platform() -> str:
    """`os/architecture` of this host, as images say it."""
    machine = platform.machine()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def platform_args(target: str, build: str) -> dict[str, str]:
    """The platform variables for building for `target` on `build`, both `os/arch[/variant]`."""
    values: dict[str, str] = {}
    for prefix, text in (("TARGET", target), ("BUILD", build)):
        os_name, _, rest = text.partition("/")
        arch, _, variant = rest.partition("/")
        values |= {
            f"{prefix}PLATFORM": text,
            f"{prefix}OS": os_name,
            f"{prefix}ARCH": arch,
            f"{prefix}VARIANT": variant,
        }
    return values


class BuildArgs:
    """Arguments of one stage. `fork` gives each stage its own; which were consumed is known to all of them together."""

    def __init__(self, options: Mapping[str, str | None], predeclared: Mapping[str, str] | None = None) -> None:
        self._options = options
        self._global: dict[str, str | None] = dict(predeclared or {})
        self._stage: dict[str, str | None] = {}
        self._consumed: set[str] = set(self._global)

    def fork(self) -> BuildArgs:
        """The arguments of a new stage: what was declared before the first FROM, and nothing of other stages."""
        other = BuildArgs(self._options)
        other._global = self._global
        other._consumed = self._consumed
        return other

    def declare_global(self, name: str, default: str | None) -> None:
        """An ARG before the first FROM."""
        if default is not None or name not in self._global:
            self._global[name] = default
        self._consumed.add(name)

    def declare(self, name: str, default: str | None) -> None:
        """An ARG inside a stage."""
        self._stage[name] = default
        self._consumed.add(name)

    def globals(self) -> dict[str, str]:
        """What FROM sees."""
        return self._values(self._global)

    def allowed(self, environment: Sequence[str]) -> list[str]:
        """`name=value` of what RUN sees beside `environment`, whose names take precedence; sorted by name."""
        taken = {item.partition("=")[0] for item in environment}
        return [f"{name}={value}" for name, value in sorted(self._values(self._stage).items()) if name not in taken]

    def recorded(self, allowed: Iterable[str]) -> list[str]:
        """Those of `allowed` that history and cache know: not a predefined one that no ARG names."""
        return sorted(
            item
            for item in allowed
            if (name := item.partition("=")[0]) not in _PREDEFINED or name in self._stage or name in self._consumed
        )

    def unused(self) -> list[str]:
        """Names the client gave and no ARG took."""
        return sorted(name for name in self._options if name not in self._consumed and name not in _PREDEFINED)

    def _values(self, declared: Mapping[str, str | None]) -> dict[str, str]:
        found = {}
        for name in {*declared, *(_PREDEFINED & self._options.keys())}:
            value = self._options.get(name)
            if value is None:
                value = declared.get(name)
            if value is None:
                value = self._global.get(name)
            if value is not None:
                found[name] = value
        return found
