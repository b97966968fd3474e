"""The `busybox:latest` of these tests: the host's static busybox in a small root, made the same everywhere."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

__all__ = ["busybox_tar"]

_PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
_GROUP = "root:x:0:\ndaemon:x:1:\nbin:x:2:\nnobody:x:65534:\n"
_DIRECTORIES = ("bin", "etc", "home", "root", "tmp", "usr", "usr/bin", "usr/sbin", "var", "var/tmp")


def busybox_tar() -> bytes:
    """A root file system as a tar."""
    program = shutil.which("busybox")
    assert program is not None, "busybox-static is not installed"
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:

        def add(name: str, content: bytes = b"", **fields: object) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in fields.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))

        for directory in _DIRECTORIES:
            add(directory, type=tarfile.DIRTYPE, mode=0o1777 if directory.endswith("tmp") else 0o755)
        add("bin/busybox", Path(program).read_bytes(), mode=0o755)
        for name in names:
            if name != "busybox":
                add(f"bin/{name}", type=tarfile.SYMTYPE, linkname="busybox")
        add("etc/passwd", _PASSWD.encode())
        add("etc/group", _GROUP.encode())
    return out.getvalue()
