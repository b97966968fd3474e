"""The first value of a wrong kind in a request, told as Go's decoder tells it.

Go names the innermost structure, the path of fields down to the value (embedded structures included) and the Go type:
`json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Resources.Memory of type int64`. Clients'
test suites compare these texts. The names are those of Docker Engine 26.1's source.
"""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import fields as fields_of

__all__ = ["describe_mismatch", "describe_range"]

_NUMBER: Final = "json: cannot unmarshal number "

_STRUCTS: Final = {
    "VolumeCreateRequest": "volume.CreateOptions",
    "NetworkCreateRequest": "types.NetworkCreateRequest",
    "CreateRequest": "runconfig.ContainerConfigWrapper",
    "ContainerConfig": "runconfig.ContainerConfigWrapper",
    "HostConfig": "container.HostConfig",
    "UpdateRequest": "container.UpdateConfig",
    "NetworkingConfig": "network.NetworkingConfig",
    "EndpointSettings": "network.EndpointSettings",
    "EndpointIpamConfig": "network.EndpointIPAMConfig",
    "Healthcheck": "v1.HealthcheckConfig",
    "LogConfig": "container.LogConfig",
    "RestartPolicy": "container.RestartPolicy",
    "HostPort": "nat.PortBinding",
    "WeightDevice": "blkiodev.WeightDevice",
    "ThrottleDevice": "blkiodev.ThrottleDevice",
    "DeviceMapping": "container.DeviceMapping",
    "DeviceRequest": "container.DeviceRequest",
    "Ulimit": "units.Ulimit",
    "Mount": "mount.Mount",
    "BindOptions": "mount.BindOptions",
    "VolumeOptions": "mount.VolumeOptions",
    "VolumeDriver": "mount.Driver",
    "TmpfsOptions": "mount.TmpfsOptions",
    "ExecCreateRequest": "types.ExecConfig",
    "ExecStartRequest": "types.ExecStartCheck",
}
"""Go type of a shape, with its package; others go by our own name."""

_EMBEDDED: Final = {
    # shape → the embedded structure most of its fields are in, and the fields that are not
    "CreateRequest": ("Config", {"HostConfig", "NetworkingConfig"}),
    "ContainerConfig": ("Config", set[str]()),
    "NetworkCreateRequest": ("NetworkCreate", {"Name"}),
    "UpdateRequest": ("Resources", {"RestartPolicy"}),
}
_FIRST_RESOURCE, _LAST_RESOURCE = "CpuShares", "IOMaximumBandwidth"

_TYPES: Final = {
    "ExposedPorts": "nat.PortSet",
    "PortBindings": "nat.PortMap",
    "StopTimeout": "int",
    "NetworkMode": "container.NetworkMode",
    "IpcMode": "container.IpcMode",
    "PidMode": "container.PidMode",
    "UTSMode": "container.UTSMode",
    "UsernsMode": "container.UsernsMode",
    "CgroupnsMode": "container.CgroupnsMode",
    "Cgroup": "container.CgroupSpec",
    "Isolation": "container.Isolation",
    "ConsoleSize": "[2]uint",
    "OomScoreAdj": "int",
    "MaximumRetryCount": "int",
    "BlkioWeight": "uint16",
    "IOMaximumIOps": "uint64",
    "IOMaximumBandwidth": "uint64",
    "Weight": "uint16",
    "Rate": "uint64",
    "Count": "int",
    "Interval": "time.Duration",
    "Timeout": "time.Duration",
    "StartPeriod": "time.Duration",
    "StartInterval": "time.Duration",
    "Retries": "int",
    "IPPrefixLen": "int",
    "GlobalIPv6PrefixLen": "int",
    "EndpointsConfig": "map[string]*network.EndpointSettings",
    "BlkioWeightDevice": "[]*blkiodev.WeightDevice",
    "BlkioDeviceReadBps": "[]*blkiodev.ThrottleDevice",
    "BlkioDeviceWriteBps": "[]*blkiodev.ThrottleDevice",
    "BlkioDeviceReadIOps": "[]*blkiodev.ThrottleDevice",
    "BlkioDeviceWriteIOps": "[]*blkiodev.ThrottleDevice",
    "Ulimits": "[]*units.Ulimit",
    "Consistency": "mount.Consistency",
    "Propagation": "mount.Propagation",
}
_TYPES_IN: Final = {
    ("RestartPolicy", "Name"): "container.RestartPolicyMode",
    ("Mount", "Type"): "mount.Type",
    ("TmpfsOptions", "Mode"): "fs.FileMode",
}


_INT64: Final = (-(2**63), 2**63 - 1)
_RANGES: Final = {"uint16": (0, 2**16 - 1), "uint": (0, 2**64 - 1), "uint64": (0, 2**64 - 1)}
_SIMPLE: Final = {str: "string", int: "int64", bool: "bool", float: "float64", object: "interface {}"}


class _Mismatch(Exception):
    """Raised from inside the walk with the whole text."""


def describe_mismatch(value: Any, shape: type) -> str | None:
    """What is wrong with the first member of `value` (decoded JSON) that does not fit `shape`; None if all of it does.

    Members come in the order of the document, as Go meets them.
    """
    if not isinstance(value, dict):
        return f"json: cannot unmarshal {_kind(value)} into Go value of type {_struct_type(shape)}"
    try:
        _walk_struct(value, shape, ())
    except _Mismatch as found:
        return str(found)
    return None


def describe_range(value: Any, shape: type) -> str | None:
    """The same, of numbers alone: those Go's types cannot hold, though ours can. A container that kept one could be
    listed by no client."""
    found = describe_mismatch(value, shape)
    return found if found is not None and found.startswith(_NUMBER) else None


@cache
def _fields(shape: type) -> dict[str, tuple[str, Any, str]]:
    """Lower-case JSON name → (JSON name, type hint, embedded structure or "")."""
    hints = get_type_hints(shape)
    embedded, own = _EMBEDDED.get(shape.__name__, ("", set()))
    known: dict[str, tuple[str, Any, str]] = {}
    among_resources = False
    for item in fields_of(cast("type[msgspec.Struct]", shape)):
        name = item.encode_name
        if shape.__name__ == "HostConfig" and name == _FIRST_RESOURCE:
            among_resources = True
        prefix = "Resources" if among_resources else "" if name in own else embedded
        if name == _LAST_RESOURCE:
            among_resources = False
        known[name.lower()] = (name, hints[item.name], prefix)
    return known


def _walk_struct(value: dict[str, Any], shape: type, path: tuple[str, ...]) -> None:
    fields = _fields(shape)
    struct = _struct_type(shape).rpartition(".")[2]
    for key, item in value.items():
        found = fields.get(key.lower())
        if found is None:
            continue
        name, hint, embedded = found
        inner = (*path, embedded, name) if embedded else (*path, name)
        wanted = _TYPES_IN.get((shape.__name__, name)) or _TYPES.get(name)
        _walk(item, hint, inner, struct, wanted)


def _walk(value: Any, hint: Any, path: tuple[str, ...], struct: str, named: str | None = None) -> None:
    if value is None:
        return
    options = [option for option in _options(hint) if option not in (type(None), msgspec.UnsetType)]
    if len(options) == 2 and str in options:  # Docker's StrSlice, which has a decoder of its own
        if not isinstance(value, str) and not (isinstance(value, list) and all(isinstance(x, str) for x in value)):
            raise _Mismatch(_text(value, struct, path, "string"))
        return
    wanted = options[0]
    origin, arguments = get_origin(wanted), get_args(wanted)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct) and isinstance(value, dict):
        _walk_struct(value, wanted, path)
    elif origin is list and isinstance(value, list):
        element = named.partition("]")[2].removeprefix("*") if named and named.startswith("[") else None
        for item in value:
            _walk(item, arguments[0], path, struct, element)
    elif origin is dict and isinstance(value, dict):
        inner = _options(arguments[1])[0]
        element = "struct {}" if get_origin(inner) is dict else None  # a set: the values are all empty
        for item in value.values():
            _walk(item, inner, path, struct, element)
    elif not _fits(value, wanted, named):
        raise _Mismatch(_text(value, struct, path, named or _go_type(wanted), exact=wanted is int))


def _text(value: Any, struct: str, path: tuple[str, ...], wanted: str, *, exact: bool = False) -> str:
    field = f"{struct}.{'.'.join(path)}"
    return f"json: cannot unmarshal {_kind(value, exact=exact)} into Go struct field {field} of type {wanted}"


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _fits(value: Any, wanted: Any, named: str | None) -> bool:
    if wanted is object:
        return True
    if wanted is int:
        low, high = _RANGES.get(named or "", _INT64)
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    return isinstance(wanted, type) and isinstance(value, wanted)


def _kind(value: Any, *, exact: bool = False) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return f"number {value}" if exact else "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _struct_type(shape: type) -> str:
    return _STRUCTS.get(shape.__name__, shape.__name__)


def _go_type(hint: Any) -> str:
    if isinstance(hint, type) and hint in _SIMPLE:
        return _SIMPLE[hint]
    options = [option for option in _options(hint) if option not in (type(None), msgspec.UnsetType)]
    if len(options) != 1 or options[0] is not hint:
        return _go_type(options[0])
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return f"[]{_go_type(arguments[0])}"
    if origin is dict:
        inner = "struct {}" if get_origin(arguments[1]) is dict else _go_type(arguments[1])
        return f"map[string]{inner}"
    return _struct_type(hint)
