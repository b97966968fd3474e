"""A real agent on a data directory of its own, which a test may kill and start again; driven by the docker CLI."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent.config import instance_of
from tests.host_state import snapshot
from tests.instances import REPOSITORY, wait_until
from tests.integration.build.busybox_root import busybox_tar

__all__ = ["IMAGE", "Agent", "run_agent"]

IMAGE = "busybox"


class Agent:
    """One data directory, and an agent on it."""

    def __init__(self, root: Path, *flags: str) -> None:
        self.root = root
        self._flags = flags
        self.data, self.run, self.socket = root / "data", root / "run", root / "docker.sock"
        self.instance = instance_of(self.data)  # of its own, as another run's may be on the host at the same time
        self._failpoint = root / "failpoint"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers. AssertionError with its log when it ends instead."""
        assert self.try_start(), f"the agent ended:\n{self.log()}"

    def try_start(self) -> bool:
        """Start it; whether it answers (or has ended before, killed at an armed failpoint)."""
        flags = ["--data", str(self.data), "--run", str(self.run), "--socket", str(self.socket), *self._flags]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "MOORING_FAILPOINT": f"@{self._failpoint}"}
        with open(self.root / "log", "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agent", "run", *flags], env=environment, stdout=log, stderr=log
            )
        wait_until(lambda: self._answers() or self._ended(), 60, "the agent answers")
        return not self._ended()

    def log(self) -> str:
        return (self.root / "log").read_text(errors="replace")[-3000:]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.socket))
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in client.recv(100)
        return False

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def running(self) -> bool:
        return not self._ended() and self._answers()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def arm(self, failpoint: str) -> None:
        """From now on the agent dies there."""
        self._failpoint.write_text(failpoint)

    def disarm(self) -> None:
        self._failpoint.unlink(missing_ok=True)

    def wait_killed(self) -> None:
        """The armed failpoint has been reached."""
        assert self._process is not None
        try:
            assert self._process.wait(60) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            raise AssertionError("the failpoint was not reached") from None
        self._process = None

    def kill_at(self, failpoint: str, *command: str, data: bytes | None = None, may_succeed: bool = False) -> None:
        """Run the docker command, on the way of which the agent is killed. Then start it: first with the failpoint
        still armed, so that a recovery which passes it is killed as well, then without."""
        self.arm(failpoint)
        code, said = self.docker(*command, data=data)
        assert code != 0 or may_succeed, said
        self.wait_killed()
        self.try_start()
        self.disarm()
        if not self.running:
            self.wait_killed()
            self.start()

    def docker(self, *arguments: str, data: bytes | None = None, limit_s: float = 90) -> tuple[int, str]:
        """Run `docker ARGUMENTS`; its exit code and all it says."""
        with tempfile.TemporaryFile() as said:  # a pipe would be held open by a client that outlives its parent
            done = subprocess.run(
                ["docker", "-H", f"unix://{self.socket}", *arguments], input=data, stdout=said, timeout=limit_s,
                stderr=subprocess.STDOUT, check=False, env={**os.environ, "DOCKER_BUILDKIT": "0"},
            )  # fmt: skip
            said.seek(0)
            return done.returncode, said.read().decode(errors="replace").strip()

    def ok(self, *arguments: str, data: bytes | None = None) -> str:
        """Run it, insist on success, return what it says."""
        code, said = self.docker(*arguments, data=data)
        assert code == 0, f"docker {' '.join(arguments)}: {said}\n{self.log()}"
        return said

    def status(self, name: str) -> str:
        """The container's state, "" when there is none."""
        code, said = self.docker("inspect", "-f", "{{.State.Status}}", name)
        return said if code == 0 else ""

    def traces(self) -> frozenset[str]:
        """Everything of this agent that something could be left of: the host's, the journal's rows, the files."""
        marks = (f"{self.root}/", f"mo{self.instance}", f"mooring-{self.instance}/", f"mooring_{self.instance}")
        state = snapshot(*marks)
        found = {
            f"{kind}: {one}" for kind in ("processes", "mounts", "links", "cgroups") for one in getattr(state, kind)
        }
        found |= {f"rule: {line}" for line in self._rules()}
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/journal.sqlite3?mode=ro", uri=True)) as journal:
            found |= {f"row: {space} {key}" for space, key in journal.execute("SELECT space, key FROM document")}
        for pattern in _KEPT:
            found |= {f"file: {path}" for path in self.root.glob(pattern) if path.name != ".cache"}  # crun 1.21's own
        return frozenset(found)

    def settled_traces(self) -> frozenset[str]:
        """The traces to compare with later: none of files that are on their way out, which go in the background."""
        wait_until(lambda: not any("/trash/" in trace for trace in self.traces()), 60, "the trash is empty")
        return self.traces()

    def _rules(self) -> list[str]:
        table = ["nft", "-s", "list", "table", "inet", f"mooring_{self.instance}"]
        return [line.strip() for line in subprocess.run(table, capture_output=True, text=True).stdout.splitlines()]

    def wait_traces(self, wanted: frozenset[str]) -> None:
        """Wait until there is exactly what was there before; AssertionError with the difference."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.traces() == wanted, 60)
        now = self.traces()
        assert now == wanted, "\n".join(["left:", *sorted(now - wanted), "lost:", *sorted(wanted - now)])


_KEPT = (
    "data/containers/*", "data/volumes/*", "data/volumes/*/*", "data/build/*/*", "data/images/blobs/*/*",
    "data/images/layers/*", "data/images/roots/*", "data/images/trash/*", "data/images/ingest/*", "run/*/*",
)  # fmt: skip


@contextlib.contextmanager
def run_agent(root: Path, *flags: str) -> Iterator[Agent]:
    """Start an agent below `root` with BusyBox as its only image; afterwards take everything of it off the host."""
    agent = Agent(root, *flags)
    try:
        agent.start()
        agent.ok("import", "-c", 'CMD ["sh"]', "-", IMAGE, data=busybox_tar())
        yield agent
    finally:
        agent.stop()
        purge = [sys.executable, "-m", "agent", "purge", "--data", str(agent.data), "--run", str(agent.run)]
        subprocess.run(
            [*purge, "--yes"], check=True, capture_output=True, cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        shutil.rmtree(root, ignore_errors=True)
