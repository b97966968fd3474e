"""Seccomp for a container: Docker's default rules, or a profile in Docker's JSON form, as the OCI section.

And the compiled filter: turning rules into a BPF program costs crun about 13 ms per start, so the program it produced
once is kept and handed back (`run.oci.seccomp_bpf_data`). The key covers everything the program depends on. The section
that travels with a ready program allows nothing by itself: were the annotation ever ignored, the container could make
no call at all, rather than every call.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from agent.host import files
from agent.runtime import seccomp_data as data
from wire.errors import Invalid

__all__ = ["BPF_ANNOTATION", "FilterCache", "Section", "build_section", "closed_section"]

BPF_ANNOTATION: Final = "run.oci.seccomp_bpf_data"
Section = dict[str, Any]
"""`linux.seccomp` of an OCI config."""

_ALLOW: Final = "SCMP_ACT_ALLOW"
_ENOSYS: Final = 38


def build_section(
    profile: str, capabilities: Collection[str], *, architecture: str, kernel: tuple[int, int]
) -> Section | None:
    """The OCI section for `profile` (`default`, `unconfined` or JSON text); None when unconfined.

    `capabilities` is the bounding set, `CAP_` spelled. Raises Invalid with Docker's text for a profile that cannot be
    read.
    """
    if profile == "unconfined":
        return None
    if profile in ("default", "", "builtin"):
        return _default_section(frozenset(capabilities), architecture, kernel)
    return _section_of_profile(profile, frozenset(capabilities), architecture, kernel)


def closed_section() -> Section:
    """The section that accompanies a precompiled filter."""
    return {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1}


def _allow(names: Sequence[str], **conditions: object) -> dict[str, object]:
    return {"names": list(names), "action": _ALLOW, **conditions}


def _argument(value: int, op: str, *, index: int = 0, value_two: int = 0) -> list[dict[str, object]]:
    return [{"index": index, "value": value, "valueTwo": value_two, "op": op}]


def _default_section(capabilities: frozenset[str], architecture: str, kernel: tuple[int, int]) -> Section:
    rules = [_allow(data.ALWAYS)]
    if kernel >= (4, 8):
        rules.append(_allow(data.PTRACE))
    # Everything but AF_ALG and AF_VSOCK; several rules for one call are alternatives.
    rules.append(_allow(["socket"], args=_argument(data.AF_ALG, "SCMP_CMP_LT")))
    rules.append(_allow(["socket"], args=_argument(data.AF_ALG + 1, "SCMP_CMP_EQ")))
    rules.append(_allow(["socket"], args=_argument(data.AF_VSOCK, "SCMP_CMP_GT")))
    rules += [_allow(["personality"], args=_argument(value, "SCMP_CMP_EQ")) for value in data.PERSONALITIES]
    if architecture in data.BY_ARCHITECTURE:
        rules.append(_allow(data.BY_ARCHITECTURE[architecture]))
    rules += [_allow(names) for capability, names in data.BY_CAPABILITY.items() if capability in capabilities]
    if "CAP_SYS_ADMIN" not in capabilities:
        index = 1 if architecture == "s390x" else 0  # s390 swaps clone's first two arguments
        # libseccomp: (argument & value) == value_two
        mask = _argument(data.CLONE_NEWNS_MASK, "SCMP_CMP_MASKED_EQ", index=index)
        rules.append(_allow(["clone"], args=mask))
        # clone3's flags are behind a pointer: ENOSYS makes C libraries fall back to clone.
        rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    section: Section = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": rules}
    if architecture in data.ARCHITECTURES:
        section["architectures"] = list(data.ARCHITECTURES[architecture])
    return section


def _section_of_profile(
    profile: str, capabilities: frozenset[str], architecture: str, kernel: tuple[int, int]
) -> Section:
    try:
        document = json.loads(profile)
    except ValueError as error:
        raise Invalid(f"Decoding seccomp profile failed: {error}") from None
    if not isinstance(document, dict):
        raise Invalid("Decoding seccomp profile failed: not an object")
    if document.get("archMap") and document.get("architectures"):
        raise Invalid("both 'architectures' and 'archMap' are specified in the seccomp profile, use either")
    section: Section = {"defaultAction": document.get("defaultAction", "")}
    for key in ("defaultErrnoRet", "listenerPath", "listenerMetadata", "flags"):
        if document.get(key) is not None:
            section[key] = document[key]
    architectures = document.get("architectures") or _mapped(document.get("archMap"), architecture)
    if architectures:
        section["architectures"] = architectures
    rules: list[dict[str, object]] = []
    for rule in document.get("syscalls") or ():
        if not isinstance(rule, dict):
            raise Invalid("Decoding seccomp profile failed: syscalls must be objects")
        if rule.get("name") and rule.get("names"):
            raise Invalid("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'")
        if not _applies(rule, capabilities, architecture, kernel):
            continue
        made: dict[str, object] = {"names": rule.get("names") or [rule.get("name")], "action": rule.get("action")}
        if rule.get("errnoRet") is not None:
            made["errnoRet"] = rule["errnoRet"]
        if rule.get("args"):
            made["args"] = rule["args"]
        rules.append(made)
    section["syscalls"] = rules
    return section


def _mapped(arch_map: object, architecture: str) -> list[str]:
    native = data.ARCHITECTURES.get(architecture, ("",))[0]
    for entry in arch_map if isinstance(arch_map, list) else ():
        if isinstance(entry, dict) and entry.get("architecture") == native:
            return [native, *(entry.get("subArchitectures") or ())]
    return []


def _applies(rule: Mapping[str, Any], capabilities: frozenset[str], architecture: str, kernel: tuple[int, int]) -> bool:
    """Docker's rule: every condition of `includes` holds, none of `excludes` does."""
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if excludes.get("arches") and architecture in excludes["arches"]:
        return False
    if any(capability in capabilities for capability in excludes.get("caps") or ()):
        return False
    if excludes.get("minKernel") and kernel >= _version(excludes["minKernel"]):
        return False
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if any(capability not in capabilities for capability in includes.get("caps") or ()):
        return False
    return not (includes.get("minKernel") and kernel < _version(includes["minKernel"]))


def _version(text: object) -> tuple[int, int]:
    try:
        major, _, minor = str(text).partition(".")
        return int(major), int(minor or 0)
    except ValueError:
        raise Invalid(f"Decoding seccomp profile failed: invalid kernel version {text}") from None


class FilterCache:
    """Compiled filters on disk, by everything they were compiled from.

    `toolchain` names what compiled them (runtime version and file, libseccomp's file). Content is trusted because the
    directory is ours (0700); a truncated file is recognised by its digest and ignored.
    """

    def __init__(self, directory: Path, toolchain: str) -> None:
        self._directory = directory
        self._toolchain = toolchain
        self._known: dict[str, str] = {}

    def key(self, section: Section) -> str:
        """The key of a section."""
        text = json.dumps(section, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{self._toolchain}\n{text}".encode()).hexdigest()

    def find(self, key: str) -> str | None:
        """The filter in base64 as the annotation takes it, None when not compiled yet."""
        if key in self._known:
            return self._known[key]
        with suppress(OSError, ValueError):
            content = files.read_regular(self._directory / f"{key}.bpf", 1 << 20)
            digest, _, program = content.partition(b"\n")
            if digest.decode() == hashlib.sha256(program).hexdigest() and program:
                self._known[key] = base64.b64encode(program).decode()
                return self._known[key]
        return None

    def keep(self, key: str, program: bytes) -> None:
        """Store what the runtime compiled. A failure to write costs only the next start's time."""
        if not program or len(program) % 8:  # struct sock_filter
            return
        self._known[key] = base64.b64encode(program).decode()
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            content = hashlib.sha256(program).hexdigest().encode() + b"\n" + program
            files.write_atomic(self._directory / f"{key}.bpf", content, durable=False)
