"""kill -9 of the agent at each named line of create, start, exit, stop and rm: it restarts, converges, leaves nothing.

A real agent with a data directory of its own, driven by the docker CLI. Acknowledged work is never lost; work that was
cut off has either happened or not; one more command always brings the container where it was to be.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.host_state import HostState, snapshot, wait_until_unchanged

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers need root"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="driven by the docker CLI"),
    pytest.mark.skipif(shutil.which("busybox") is None, reason="the image is made of busybox-static"),
]

_INSTANCE = "kil"
_IMAGE = "victim"


class Agent:
    """One data directory, and an agent on it that may be killed and started again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.socket = root / "docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, failpoint: str = "") -> None:
        flags = ["--data", f"{self.root}/data", "--run", f"{self.root}/run", "--socket", str(self.socket)]
        command = [sys.executable, "-m", "agent", "run", *flags, "--instance", _INSTANCE]
        command += ["--bridge-subnet", "10.214.0.1/24"]
        with open(self.root / "log", "ab") as log:
            environment = {**os.environ, "MOORING_FAILPOINT": failpoint}
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while self.docker("version")[0] != 0:
            assert self._process.poll() is None, (self.root / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the agent does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def wait_killed(self) -> None:
        """The failpoint has been reached."""
        assert self._process is not None
        assert self._process.wait(30) == -signal.SIGKILL
        self._process = None

    def docker(self, *arguments: str, data: bytes = b"") -> tuple[int, str]:
        done = subprocess.run(
            ["docker", "-H", f"unix://{self.socket}", *arguments], input=data, capture_output=True, timeout=60
        )
        return done.returncode, (done.stdout + done.stderr).decode().strip()

    def ok(self, *arguments: str, data: bytes = b"") -> str:
        code, said = self.docker(*arguments, data=data)
        assert code == 0, f"docker {' '.join(arguments)}: {said}"
        return said

    def status(self, name: str) -> str:
        code, said = self.docker("inspect", "-f", "{{.State.Status}}", name)
        return said if code == 0 else ""


def _root_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        busybox = shutil.which("busybox")
        assert busybox
        archive.add(busybox, "bin/busybox")
        for name in ("sh", "sleep", "true", "cat"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    made = Agent(tmp_path_factory.mktemp("killed"))
    made.start()
    made.ok("import", "-", _IMAGE, data=_root_tar())
    yield made
    made.stop()
    purge = [sys.executable, "-m", "agent", "purge", "--data", f"{made.root}/data", "--run", f"{made.root}/run"]
    subprocess.run([*purge, "--instance", _INSTANCE, "--yes"], check=True, capture_output=True)


def _prepared(agent: Agent, failpoint: str, prepare: Callable[[], object]) -> HostState:
    """Bring the agent to where the deed can begin, with the failpoint armed; the host as it was before anything."""
    for line in agent.ok("ps", "-aq").splitlines():
        agent.ok("rm", "-fv", line)
    before = snapshot(str(agent.root), f"mo{_INSTANCE}", f"mooring-{_INSTANCE}/")
    prepare()
    agent.stop()
    agent.start(failpoint)
    return before


def _converged(agent: Agent, before: HostState) -> None:
    """No container is left in the journal, no trace of one on the host."""
    agent.docker("rm", "-fv", "victim")
    assert agent.ok("ps", "-aq") == ""
    assert agent.ok("volume", "ls", "-q") == ""
    left = wait_until_unchanged(before, str(agent.root), f"mo{_INSTANCE}", f"mooring-{_INSTANCE}/")
    assert not left, f"left on the host: {json.dumps(left, indent=1)}"
    for directory in (agent.root / name for name in ("data/containers", "run/bundles", "run/shm")):
        assert not directory.is_dir() or list(directory.iterdir()) == []


@pytest.mark.parametrize(
    "point", ["create.after_rootfs", "create.after_volumes", "create.before_row", "create.after_row"]
)
def test_create(agent: Agent, point: str) -> None:
    before = _prepared(agent, point, lambda: None)
    code, _ = agent.docker("create", "--name", "victim", "-v", "/data", _IMAGE, "true")
    assert code != 0
    agent.wait_killed()
    agent.start()
    if point == "create.after_row":
        assert agent.status("victim") == "created"
        agent.ok("start", "-a", "victim")
    else:
        assert agent.status("victim") == ""
        agent.ok("run", "--rm", "--name", "victim", "-v", "/data", _IMAGE, "true")
    _converged(agent, before)


@pytest.mark.parametrize(
    "point",
    [
        "start.after_journal", "start.after_network", "start.before_runtime_create", "start.after_runtime_create",
        "start.after_runtime_start", "start.before_ack",
    ],
)  # fmt: skip
def test_start(agent: Agent, point: str) -> None:
    create = ["create", "--name", "victim", "-p", "80", "-v", "/data", "--ipc", "shareable", _IMAGE, "sleep", "1000"]
    before = _prepared(agent, point, lambda: agent.ok(*create))
    code, _ = agent.docker("start", "victim")
    assert code != 0
    agent.wait_killed()
    agent.start()
    assert agent.status("victim") in ("created", "running")
    if point in ("start.after_runtime_create", "start.after_runtime_start", "start.before_ack"):
        assert agent.status("victim") == "running"
    agent.ok("start", "victim")
    assert agent.status("victim") == "running"
    assert agent.ok("exec", "victim", "sh", "-c", "echo works") == "works"
    assert len(agent.ok("top", "victim").splitlines()) == 2
    _converged(agent, before)


@pytest.mark.parametrize("point", ["exit.before_lock", "exit.after_release"])
@pytest.mark.parametrize("auto_remove", [False, True])
def test_exit(agent: Agent, point: str, auto_remove: bool) -> None:
    flags = ["--rm"] if auto_remove else []
    before = _prepared(agent, point, lambda: None)
    agent.docker("run", "-d", *flags, "--name", "victim", "-v", "/data", _IMAGE, "sh", "-c", "exit 7")
    agent.wait_killed()
    agent.start()
    if auto_remove:
        deadline = time.monotonic() + 10
        while agent.status("victim") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert agent.status("victim") == ""
    else:
        assert agent.ok("wait", "victim") == "7"
        assert agent.status("victim") == "exited"
    _converged(agent, before)


@pytest.mark.parametrize("point", ["stop.after_journal", "stop.after_signal", "stop.during_grace", "stop.after_kill"])
def test_stop(agent: Agent, point: str) -> None:
    run = ["run", "-d", "--restart", "always", "--name", "victim", _IMAGE, "sh", "-c", "trap '' TERM; sleep 1000"]
    before = _prepared(agent, point, lambda: agent.ok(*run))
    code, _ = agent.docker("stop", "-t", "1", "victim")
    assert code != 0
    agent.wait_killed()
    agent.start()
    agent.ok("stop", "-t", "0", "victim")
    assert agent.status("victim") == "exited"
    _converged(agent, before)


@pytest.mark.parametrize(
    "point", ["rm.after_journal", "rm.after_volumes", "rm.after_root", "rm.after_files", "rm.after_row"]
)
def test_rm(agent: Agent, point: str) -> None:
    run = ["run", "-d", "--name", "victim", "-v", "/data", "-p", "80", _IMAGE, "sleep", "1000"]
    before = _prepared(agent, point, lambda: agent.ok(*run))
    code, _ = agent.docker("rm", "-fv", "victim")
    assert code != 0
    agent.wait_killed()
    agent.start()
    assert agent.status("victim") == ""
    agent.ok("run", "--rm", "--name", "victim", _IMAGE, "true")
    _converged(agent, before)
