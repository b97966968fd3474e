"""Makes `mooring/starter:latest` on the spot from Debian's static busybox, through the agent's own import call."""

from __future__ import annotations

import http.client
import io
import json
import shutil
import socket
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import urlencode

REPOSITORY = "mooring/starter"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DIRECTORIES = (
    "bin",
    "etc",
    "home",
    "proc",
    "root",
    "run",
    "sbin",
    "sys",
    "dev",
    "usr",
    "usr/bin",
    "usr/sbin",
    "var",
    "var/www",
)
_USERS = (
    ("root", 0, "/root", "/bin/sh"), ("daemon", 1, "/usr/sbin", "/bin/false"),
    ("www-data", 33, "/var/www", "/bin/false"),
    ("nobody", 65534, "/home", "/bin/false"),
)  # fmt: skip


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def root_tar(busybox: Path) -> bytes:
    """A root file system: busybox, a link for each applet, users and groups, a sticky /tmp."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:

        def add(name: str, kind: bytes, mode: int = 0o755, data: bytes = b"", link: str = "") -> None:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), link
            tar.addfile(entry, io.BytesIO(data))

        for directory in _DIRECTORIES:
            add(directory, tarfile.DIRTYPE, 0o700 if directory == "root" else 0o755)
        for directory in ("tmp", "var/tmp"):
            add(directory, tarfile.DIRTYPE, 0o1777)
        add("bin/busybox", tarfile.REGTYPE, data=busybox.read_bytes())
        applets = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True).stdout.split()
        for applet in applets:
            if applet != "busybox":
                add(f"bin/{applet}", tarfile.SYMTYPE, link="busybox")
        add("usr/bin/env", tarfile.SYMTYPE, link="/bin/busybox")
        passwd = "".join(f"{name}:x:{uid}:{uid}:{name}:{home}:{shell}\n" for name, uid, home, shell in _USERS)
        group = "".join(f"{name}:x:{gid}:\n" for name, gid, _home, _shell in _USERS)
        add("etc/passwd", tarfile.REGTYPE, 0o644, passwd.encode())
        add("etc/group", tarfile.REGTYPE, 0o644, group.encode())
    return out.getvalue()


def ensure(agent_socket: Path) -> None:
    """Import the image unless the agent has it. Raises RuntimeError with the engine's words."""
    connection = UnixConnection(agent_socket)
    connection.request("GET", f"/images/{REPOSITORY}:latest/json")
    answer = connection.getresponse()
    answer.read()
    if answer.status == 200:
        return
    busybox = shutil.which("busybox")
    if busybox is None:
        raise RuntimeError("busybox was not found; install busybox-static")
    query = urlencode(
        [
            ("fromSrc", "-"),
            ("repo", REPOSITORY),
            ("tag", "latest"),
            ("changes", 'CMD ["sh"]'),
            ("changes", f"ENV {_PATH}"),
        ]
    )
    connection.request(
        "POST", f"/images/create?{query}", root_tar(Path(busybox)), {"Content-Type": "application/x-tar"}
    )
    answer = connection.getresponse()
    lines = [json.loads(line) for line in answer.read().splitlines() if line.strip()]
    problem = next(
        (line.get("error") or line.get("message") for line in lines if "error" in line or "message" in line), None
    )
    if answer.status != 200 or problem:
        raise RuntimeError(f"the agent refused the starter image: {problem or answer.reason}")
