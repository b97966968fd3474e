"""A real Mooring instance for tests, brought up and down by the README's own commands."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from agent.config import instance_of

__all__ = ["Instance", "free_port", "run_instance", "wait_until"]

REPOSITORY = Path(__file__).resolve().parents[1]
ADMIN = "admin"
PASSWORD = "correct horse battery staple"


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], limit_s: float = 60, what: str = "") -> None:
    """Return as soon as `condition()` is true; AssertionError when it is not within the limit."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what or condition}"
        time.sleep(0.05)


@dataclass
class Instance:
    """A running instance."""

    data: Path
    port: int
    output: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def agent_id(self) -> str:
        """The agent's short id, which is part of the name of everything it makes in the host's shared name spaces."""
        return instance_of(self.data / "agent")

    @property
    def engine_socket(self) -> str:
        return f"unix://{self.data}/engine.sock"

    @property
    def agent_socket(self) -> str:
        return f"unix://{self.data}/agent.sock"

    def docker(
        self,
        *arguments: str,
        host: str | None = None,
        check: bool = False,
        input_: str | bytes | None = None,
        limit_s: float = 60,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the real docker CLI against this instance (the plane's socket unless `host` says otherwise)."""
        text = input_.decode() if isinstance(input_, bytes) else input_
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, input=text, timeout=limit_s, check=False,
            env={
                "PATH": os.environ["PATH"], "HOME": str(self.data / "home"), "DOCKER_HOST": host or self.engine_socket,
                "LC_ALL": "C.UTF-8", "DOCKER_BUILDKIT": "0", **(environment or {}),
            },
        )  # fmt: skip
        if check:
            assert done.returncode == 0, (
                f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def take_off(self) -> None:
        """Stop it and delete everything of it but its directory, whatever runs in it. Safe to repeat."""
        subprocess.run(
            [str(REPOSITORY / "scripts/down"), "--data", str(self.data)], capture_output=True, check=False, timeout=120
        )
        subprocess.run(
            [str(REPOSITORY / ".venv/bin/python"), "-m", "agent", "purge", "--data", str(self.data / "agent"), "--yes"],
            capture_output=True, check=False, timeout=120, cwd=REPOSITORY,
        )  # fmt: skip

    def pid(self, program: str) -> int:
        """Process id of a supervised program (`asgi`, `agent`, …); 0 when it does not run."""
        return int(self.ask_supervisor("getProcessInfo", program)["pid"])

    def ask_supervisor(self, method: str, *arguments: object) -> Any:
        """Ask the process manager."""
        transport = SupervisorTransport(None, None, f"unix://{self.data}/run/supervisor.sock")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def kill(self, program: str) -> None:
        """SIGKILL one program and wait until the process manager has started a new one."""
        old = self.pid(program)
        assert old, f"{program} does not run"
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: self.pid(program) not in (0, old), 60, f"{program} restarted")

    def wait_healthy(self) -> None:
        """Wait until docker answers through the plane with the local host online."""
        wait_until(
            lambda: (
                self.docker("ps", "-q").returncode == 0
                and self.docker("ps", "-q", host=self.agent_socket).returncode == 0
            ),
            60,
            "the engine answers again",
        )

    def remove_all(self) -> None:
        """Remove every container, network and volume that a test left."""
        containers = self.docker("ps", "-aq", host=self.agent_socket).stdout.split()
        if containers:
            self.docker("rm", "-f", "-v", *containers, host=self.agent_socket)
        self.docker("network", "prune", "-f", host=self.agent_socket)
        self.docker("volume", "prune", "-af", host=self.agent_socket)


def find_compose_plugin() -> Path | None:
    """Where scripts/test has put Compose v2, or the system's own."""
    places = (
        REPOSITORY / ".venv/docker-compose/usr/libexec/docker/cli-plugins",
        Path("/usr/libexec/docker/cli-plugins"),
    )
    return next((place / "docker-compose" for place in places if (place / "docker-compose").exists()), None)


@contextlib.contextmanager
def run_instance(*flags: str, admin: bool = True) -> Iterator[Instance]:
    """Bring an instance up in a directory of its own; afterwards take it down and everything of it off the host."""
    data = Path(tempfile.mkdtemp(prefix="mooring-test-", dir="/var/tmp"))
    port = free_port()
    password = data / "password"
    password.write_text(PASSWORD + "\n")
    (data / "home").mkdir()
    plugin = find_compose_plugin()
    if plugin:
        (data / "home/.docker/cli-plugins").mkdir(parents=True)
        (data / "home/.docker/cli-plugins/docker-compose").symlink_to(plugin)
    account = ["--admin", ADMIN, "--admin-password-file", str(password)] if admin else []
    command = [str(REPOSITORY / "scripts/up"), "--detach", "--data", str(data), "--port", str(port), *account, *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"scripts/up failed:\n{done.stdout}\n{done.stderr}\n{_logs(data)}"
        instance = Instance(data, port, done.stdout)
        yield instance
        instance.remove_all()
    finally:
        Instance(data, port, "").take_off()
        keep = os.environ.get("MOORING_TEST_KEEP")
        if not keep:
            shutil.rmtree(data, ignore_errors=True)


def _logs(data: Path) -> str:
    """The end of every program's log, for a failure's message."""
    return "\n".join(
        f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-30:])
        for path in sorted((data / "log").glob("*.log"))
    )
