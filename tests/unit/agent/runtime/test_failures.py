"""What the runtimes say, in Docker's words. The inputs are recorded from crun 1.8.1, crun 1.14 and runc 1.1.5."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.runtime.failures import create_error, exec_error, said
from wire.errors import Internal, Invalid

PROCESS = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"executable file `nosh` not found in $PATH: No such file or directory\n",
         "executable file `nosh` not found in $PATH: No such file or directory"),
        (b'time="2026-11-24T17:51:39Z" level=error msg="runc create failed: exec: \\"nosh\\": not found"\n',
         'runc create failed: exec: "nosh": not found'),
        (b'{"msg":"open executable: Permission denied","level":"error","time":"x"}\n',
         "open executable: Permission denied"),
        (b'{"msg":"first"}\n{"msg":"last"}\n', "last"),
        (b"2026-11-24T17:51:39.664014Z: open executable: Permission denied", "open executable: Permission denied"),
        (b"", "the runtime failed and said nothing"),
    ],
)  # fmt: skip
def test_the_message_is_found(raw: bytes, message: str) -> None:
    assert said(raw) == message


@pytest.mark.parametrize(
    ("message", "argv0", "text", "code"),
    [
        ("executable file `nosh` not found in $PATH: No such file or directory", "nosh",
         'exec: "nosh": executable file not found in $PATH: unknown', 127),
        ("executable file `/nosh` not found in $PATH: No such file or directory", "/nosh",
         'exec: "/nosh": stat /nosh: no such file or directory: unknown', 127),
        ('executable file `["a","b"]` not found in $PATH: No such file or directory', '["a","b"]',
         'exec: "[\\"a\\",\\"b\\"]": executable file not found in $PATH: unknown', 127),
        ("open executable: Operation not permitted", "/etc",
         'exec: "/etc": is a directory: unknown: permission denied', 126),
        ("the path `/etc` is not a regular file: Operation not permitted", "/etc",
         'exec: "/etc": is a directory: unknown: permission denied', 126),
        ("open executable: Permission denied", "/etc/passwd", 'exec: "/etc/passwd": permission denied: unknown', 126),
        ('runc create failed: unable to start container process: exec: "nosh": executable file not found in $PATH',
         "nosh", 'exec: "nosh": executable file not found in $PATH: unknown', 127),
        ('runc create failed: unable to start container process: exec: "/x": permission denied', "/x",
         'exec: "/x": permission denied: unknown', 126),
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_run(message: str, argv0: str, text: str, code: int) -> None:
    error = create_error(message, argv0)
    assert isinstance(error, Invalid)
    assert (error.message, error.details["exit_code"]) == (PROCESS + text, code)


def test_anything_else_is_the_daemons_fault() -> None:
    error = create_error("writing file `cpu.cfs_quota_us`: Invalid argument", "true")
    assert isinstance(error, Internal)
    assert error.message.endswith("runc create failed: writing file `cpu.cfs_quota_us`: invalid argument: unknown")
    assert error.details["exit_code"] == 128
    assert create_error("runc create failed: x", "true").message.count("runc create failed") == 1


@pytest.mark.parametrize(
    ("said_by_crun", "said_by_runc"),
    [
        ("the sysctl `net.ipv4.ip_forward` requires a new network namespace",
         'sysctl "net.ipv4.ip_forward" not allowed in host network namespace: unknown'),
        ("the sysctl `kernel.msgmax` requires a new IPC namespace",
         'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace: unknown'),
        ("the sysctl `kernel.hostname` conflicts with OCI field `hostname`",
         'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field: unknown'),
        ("invalid rlimit `RLIMIT_BAD`", "wrong rlimit value: RLIMIT_BAD: unknown"),
        ("invalid seccomp action `BAD`", "string BAD is not a valid action for seccomp: unknown"),
        ("sethostname: Invalid argument",
         "unable to start container process: error during container init: sethostname: invalid argument: unknown"),
    ],
)  # fmt: skip
def test_what_crun_refuses_is_told_as_runc_tells_it(said_by_crun: str, said_by_runc: str) -> None:
    chain = PROCESS.removesuffix("unable to start container process: ")
    assert create_error(said_by_crun, "true").message == chain + said_by_runc


def test_a_directory_mounted_on_a_file_names_the_users_mistake(tmp_path: Path) -> None:
    error = create_error(f"mount `{tmp_path}` to `etc/passwd`: Not a directory", "true", Path("/merged"))
    assert isinstance(error, Invalid)
    assert error.message == (
        f'{PROCESS}error during container init: error mounting "{tmp_path}" to rootfs at "/etc/passwd": create mount '
        "destination for /etc/passwd mount: cannot mkdir in /merged/etc/passwd: not a directory: unknown: Are you "
        "trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the "
        "expected type"
    )
    assert error.details["exit_code"] == 127


def test_what_is_missing_ends_the_container_as_a_missing_command_does() -> None:
    error = create_error("open `/sys/x`: No such file or directory", "true")
    assert isinstance(error, Invalid)
    assert error.details["exit_code"] == 127


def test_an_exec_has_its_own_chain() -> None:
    error = exec_error("executable file `nosh` not found in $PATH: No such file or directory", "nosh")
    assert error.message == (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        'exec: "nosh": executable file not found in $PATH: unknown'
    )
    assert exec_error("chdir `/etc/passwd`: Not a directory", "sh").message.endswith(
        'chdir to cwd ("/etc/passwd") set in config.json failed: not a directory: unknown: Are you trying to mount a '
        "directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
    )
    assert exec_error("exec failed: chdir", "sh").message == "OCI runtime exec failed: exec failed: chdir: unknown"
