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
from typing import Any
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


class Engine:
    """A few calls of the Engine API on a unix socket. Errors are RuntimeError with the engine's words."""

    def __init__(self, path: Path) -> None:
        self._connection = UnixConnection(path)

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes]:
        """One request; returns status and body."""
        self._connection.request(method, path, body, {"Content-Type": kind})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> Any:
        """The decoded answer of a GET."""
        return self._decoded(*self.call("GET", path))

    def post(self, path: str, body: object = None) -> Any:
        """The decoded answer of a POST."""
        return self._decoded(*self.call("POST", path, b"" if body is None else json.dumps(body).encode()))

    @staticmethod
    def _decoded(status: int, text: bytes) -> Any:
        answer = json.loads(text) if text.strip() else None
        if status >= 400:
            raise RuntimeError((answer or {}).get("message", f"status {status}"))
        return answer

    def ensure_image(self, repository: str) -> None:
        """Import the starter image under this name unless it is there."""
        if self.call("GET", f"/images/{repository}:latest/json")[0] == 200:
            return
        busybox = shutil.which("busybox")
        if busybox is None:
            raise RuntimeError("busybox was not found; install busybox-static")
        changes = ('CMD ["sh"]', f"ENV {_PATH}")
        query = urlencode({"fromSrc": "-", "repo": repository, "tag": "latest", "changes": changes}, doseq=True)
        status, text = self.call("POST", f"/images/create?{query}", root_tar(Path(busybox)), "application/x-tar")
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        problem = next(
            (line.get("error") or line.get("message") for line in lines if {"error", "message"} & set(line)), None
        )
        if status != 200 or problem:
            raise RuntimeError(f"the agent refused the starter image: {problem or status}")


def ensure(agent_socket: Path) -> None:
    """Import the image unless the agent has it."""
    Engine(agent_socket).ensure_image(REPOSITORY)
