"""What crun, runc and conmon say when a process cannot be started, in Docker's words.

Docker wraps runc's text in its own chain; clients and scripts match on the inner part (`executable file not found in
$PATH`, `permission denied`, `no such file or directory`), so that part is reproduced for crun's wording as well.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final

from wire.errors import Internal, Invalid, MooringError

__all__ = ["create_error", "exec_error", "in_runcs_words", "missing_executable", "said"]

_CREATE: Final = "failed to create task for container: failed to create shim task: OCI runtime create failed: "
_EXEC: Final = "OCI runtime exec failed: exec failed: "

_NOT_IN_PATH: Final = re.compile(r"executable file (?P<quote>[`'\"]?)(?P<name>.+?)(?P=quote) not found(?: in \$PATH)?")
_OPEN_EXECUTABLE: Final = re.compile(r"(?:open|stat|exec) executable[: ]+[`'\"]?(?P<name>[^`'\":]*)")
_NOT_REGULAR: Final = re.compile(r"the path .* is not a regular file|open executable: Operation not permitted")
"""crun, about a directory: 1.14 and later, and before."""
_CHDIR: Final = re.compile(r"^chdir [`'](?P<directory>.*)[`']: (?P<reason>.*)$")
_NOT_FOUND: Final = re.compile(r"no such file or directory", re.IGNORECASE)
_DENIED: Final = re.compile(
    r"permission denied|operation not permitted|is a directory|exec format error", re.IGNORECASE
)


def said(raw: bytes | str) -> str:
    """The message in a runtime's log or stderr: the last `msg` of JSON lines, else the last `error:` line, else all."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                message = str(json.loads(line).get("msg", ""))
            except ValueError:
                continue
            if message:
                return message.strip()
        match = re.search(r'level=error msg="((?:[^"\\]|\\.)*)"', line)
        if match:
            return match[1].replace('\\"', '"').replace("\\\\", "\\").strip()
    plain = " ".join(lines)
    plain = re.sub(r"^(?:\d{4}-\d\d-\d\dT[\d:.+Z-]+: )?(?:error: |ERRO\[\d+\] )?", "", plain)
    return plain or "the runtime failed and said nothing"


def missing_executable(argv0: str) -> str:
    """runc's words for a command that does not exist."""
    shown = argv0.replace("\\", "\\\\").replace('"', '\\"')
    if "/" in argv0:
        return f'exec: "{shown}": stat {argv0}: no such file or directory'
    return f'exec: "{shown}": executable file not found in $PATH'


def _process_failure(message: str, argv0: str) -> tuple[str, int] | None:
    """(runc's words, exit code) when the message is about executing argv[0]; None when about anything else."""
    if f'exec: "{argv0}"' in message:  # runc
        text = message[message.index(f'exec: "{argv0}"') :]
        return text, 127 if ("not found in $PATH" in text or _NOT_FOUND.search(text)) else 126
    if message.startswith("exec ") and argv0 in message:  # runc, at execve: "exec /x: exec format error"
        return message, 127 if _NOT_FOUND.search(message) else 126
    if not argv0 and _NOT_REGULAR.search(message):  # "" names the directory itself for crun
        return missing_executable(argv0), 127
    if _NOT_REGULAR.search(message):
        return f'exec: "{argv0}": is a directory: unknown: permission denied', 126
    directory = _CHDIR.search(message)
    if directory:
        return f'chdir to cwd ("{directory[1]}") set in config.json failed: {directory[2].lower()}', 126
    about = _NOT_IN_PATH.search(message) or _OPEN_EXECUTABLE.search(message)
    if about is None and not re.match(rf"(?:exec|open|execvp|stat) [`'\"]?{re.escape(argv0)}", message):
        return None
    denied = _DENIED.search(message)
    if denied:
        reason = denied[0].lower()
        if reason == "exec format error":
            return f"exec {argv0}: exec format error", 126
        return f'exec: "{argv0}": {reason}', 126
    return missing_executable(argv0), 127


_MOUNT: Final = re.compile(r"mount `(?P<source>[^`]*)` to `/?(?P<target>[^`]*)`: (?P<why>.*)")
_SYSCTL: Final = re.compile(r"the sysctl `(?P<name>[^`]*)` requires a new (?P<namespace>network|IPC) namespace")
_SYSCTL_CONFLICT: Final = re.compile(r"the sysctl `(?P<name>[^`]*)` conflicts with OCI field `(?P<field>[^`]*)`")
_RLIMIT: Final = re.compile(r"invalid rlimit `([^`]*)`")
_SECCOMP_ACTION: Final = re.compile(r"invalid seccomp action `([^`]*)`")
_BIND_FLAGS: Final = "0x5000"  # MS_BIND | MS_REC, how runc mounts what a user asks for
_VICE_VERSA: Final = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is "
    "the expected type"
)


def in_runcs_words(message: str, rootfs: Path | None = None) -> str:
    """What crun says of a mount, a sysctl or a system call, as runc (the runtime by Docker's name) says it."""
    if sysctl := _SYSCTL.search(message):
        name = sysctl["name"]
        if sysctl["namespace"] == "network":
            return f'sysctl "{name}" not allowed in host network namespace'
        return f'sysctl "{name}" is not allowed in the hosts ipc namespace'
    begun = "unable to start container process: error during container init: "
    if conflict := _SYSCTL_CONFLICT.search(message):
        name, field = conflict["name"], conflict["field"]
        return f'sysctl "{name}" is not allowed as it conflicts with the OCI "{field}" field'
    if (rlimit := _RLIMIT.search(message)) is not None:
        return f"wrong rlimit value: {rlimit[1]}"
    if (action := _SECCOMP_ACTION.search(message)) is not None:
        return f"string {action[1]} is not a valid action for seccomp"
    if mount := _MOUNT.search(message):
        source, target, why = mount["source"], f"/{mount['target']}", mount["why"].lower()
        if why == "not a directory" and os.path.isdir(source):
            did = f"create mount destination for {target} mount: cannot mkdir in {rootfs or ''}{target}"
        else:
            did = f"mount {source}:{target} (via /proc/self/fd/6), flags: {_BIND_FLAGS}"
        return f'{begun}error mounting "{source}" to rootfs at "{target}": {did}: {why}'
    lead, colon, why = message.rpartition(": ")
    text = f"{lead}{colon}{why[:1].lower()}{why[1:]}"
    return f"{begun}{text}" if lead == "sethostname" else text


def create_error(message: str, argv0: str, rootfs: Path | None = None) -> MooringError:
    """The error of a failed create; `details["exit_code"]` is what Docker gives the container (126, 127, 128)."""
    process = _process_failure(message, argv0)
    if process is not None:
        text, code = process
        chain = f"{_CREATE}runc create failed: unable to start container process: "
        return Invalid(f"{chain}{_ended(text)}", exit_code=code)
    text = (
        message
        if message.startswith("runc create failed")
        else f"runc create failed: {in_runcs_words(message, rootfs)}"
    )
    text = f"{_CREATE}{text}: unknown"
    if "not a directory" in text:
        return Invalid(text + _VICE_VERSA, exit_code=127)
    if _NOT_FOUND.search(text):  # whatever it was that is missing
        return Invalid(text, exit_code=127)
    # Docker's default for anything else: the daemon's fault, shown as 500, container exit code 128.
    return Internal(text, exit_code=128)


def exec_error(message: str, argv0: str) -> MooringError:
    """The error of an exec that could not start; `details["exit_code"]` is 126 or 127."""
    process = _process_failure(message, argv0)
    if process is not None:
        text, code = process
        vice_versa = _VICE_VERSA if "not a directory" in text else ""
        return Invalid(f"{_EXEC}unable to start container process: {_ended(text)}{vice_versa}", exit_code=code)
    return Internal(f"{_EXEC}{message.removeprefix('exec failed: ')}: unknown", exit_code=126)


def _ended(text: str) -> str:
    """containerd adds `: unknown` to an error of no class; runc's text for a directory has it inside already."""
    return text if ": unknown" in text else f"{text}: unknown"
