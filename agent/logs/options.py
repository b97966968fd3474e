"""A container's `LogConfig`: which drivers and options there are, and what they mean here. Texts are Docker's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from agent.ports.logs import LOG_DRIVERS, LogRotation
from wire.errors import Internal, Invalid

__all__ = ["check_names", "read_rotation"]

_COMMON: Final = frozenset({"mode", "max-buffer-size"})
_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "json-file": frozenset({"max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"}),
    "local": frozenset({"max-file", "max-size", "compress"}),
    "none": frozenset(),
}
_DOCKERS_OTHERS: Final = frozenset(
    {"awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "journald", "logentries", "splunk", "syslog"}
)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgGtTpP]?)i?[bB]?")
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_DEFAULTS: Final[Mapping[str, LogRotation]] = {"json-file": LogRotation(), "local": LogRotation()}


def check_names(driver: str, options: Mapping[str, str]) -> None:
    """What Docker checks at create: driver, option names, mode. Raises Invalid or Internal as Docker does."""
    if driver in _DOCKERS_OTHERS:
        raise Invalid(f"logger: no log driver named '{driver}' is registered (this host has {', '.join(LOG_DRIVERS)})")
    if driver not in LOG_DRIVERS:
        raise Internal(f'error looking up logging plugin {driver}: plugin "{driver}" not found')
    if driver == "none":
        if options:
            raise Invalid("invalid logging opts for driver none")
        return
    mode = options.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise Invalid(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in options and mode != "non-blocking":
        raise Invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
    if _SIZE.fullmatch(buffer := options.get("max-buffer-size", "0")) is None:
        raise Invalid(f"error parsing option max-buffer-size: invalid size: '{buffer}'")
    for name in options:
        if name not in _NAMES[driver] | _COMMON:
            if driver == "local":
                raise Invalid(f"unknown log opt '{name}' for log driver local")
            raise Invalid(f"unknown log opt '{name}' for {driver} log driver")


def read_rotation(driver: str, options: Mapping[str, str]) -> LogRotation | None:
    """What Docker checks at start: the values. None for the driver `none`. Raises Internal with Docker's text.

    Docker's json-file never rotates unless told to; here it does by default, with `local`'s numbers: a log that fills
    the disk is nobody's wish. `max-size=0` means never.
    """
    if driver == "none":
        return None
    default = _DEFAULTS[driver]
    wrong = "failed to initialize logging driver: "
    max_bytes, max_files = default.max_bytes, default.max_files
    if (size := options.get("max-size")) is not None:
        try:
            max_bytes = _parse_size(size)
        except ValueError as error:
            raise Internal(f"{wrong}{_about(driver, 'max-size', size)}{error}") from None
        if "max-file" not in options and driver == "json-file":
            max_files = 1
    if (count := options.get("max-file")) is not None:
        if not re.fullmatch(r"[+-]?\d+", count):
            text = f'strconv.Atoi: parsing "{count}": invalid syntax'
            raise Internal(f"{wrong}{_about(driver, 'max-file', count)}{text}")
        max_files = int(count)
        if max_files < 1:
            raise Internal(f"{wrong}max-file cannot be less than 1")
    compress = options.get("compress")
    if compress is not None:
        if compress not in _TRUE | _FALSE:
            about = "error reading compress log option: " if driver == "local" else ""
            raise Internal(f'{wrong}{about}strconv.ParseBool: parsing "{compress}": invalid syntax')
        unbounded = "max-size" not in options or max_files < 2
        if compress in _TRUE and driver == "json-file" and unbounded:
            raise Internal(f"{wrong}compress cannot be true when max-file is less than 2 or max-size is not set")
    return LogRotation(max_bytes=max_bytes, max_files=max_files)


def _about(driver: str, name: str, value: str) -> str:
    return f"invalid value for {name}: {value}: " if driver == "local" else ""


def _parse_size(text: str) -> int:
    """Docker's human sizes: powers of 1000 for a bare letter, as `units.FromHumanSize`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid size: '{text}'")
    return int(float(match[1]) * 1000 ** " kmgtp".index(match[2].lower() or " "))
