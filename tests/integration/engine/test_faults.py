"""What goes wrong on a host, on a real agent: a full disk, and containers that misbehave. The agent says so, bounds it,
goes on, and is whole again afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents import IMAGE, Agent, run_agent
from tests.instances import wait_until

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers need root"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="driven by the docker CLI"),
]

MIB = 1 << 20


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """Its data directory is a file system of 96 MiB of its own."""
    root = tmp_path_factory.mktemp("faults")
    (root / "data").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "mooring-faults", str(root / "data")], check=True)
    try:
        with run_agent(root) as running:
            yield running
    finally:
        subprocess.run(["umount", "-q", str(root / "data")], check=False)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(autouse=True)
def nothing_left(agent: Agent) -> Iterator[None]:
    before = agent.settled_traces()
    yield
    ids = agent.ok("ps", "-aq").split()
    if ids:
        agent.ok("rm", "-fv", *ids)
    names = agent.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    agent.docker("rmi", "-f", *(name for name in names if name != f"{IMAGE}:latest"))
    agent.docker("image", "prune", "-f")
    agent.docker("volume", "prune", "-af")
    agent.docker("builder", "prune", "-f")
    agent.wait_traces(before)


class Ballast:
    """A file that takes the space of the agent's disk away."""

    def __init__(self, agent: Agent) -> None:
        self._disk, self._file = agent.data, agent.data / "ballast"

    def leave(self, free_bytes: int) -> None:
        self.release()
        facts = os.statvfs(self._disk)
        with self._file.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(facts.f_bavail * facts.f_frsize - free_bytes, 1))

    def release(self) -> None:
        self._file.unlink(missing_ok=True)


@pytest.fixture
def ballast(agent: Agent) -> Iterator[Ballast]:
    made = Ballast(agent)
    yield made
    made.release()


def test_full_disk_refuses_what_needs_space_and_leaves_nothing_of_it(
    agent: Agent, ballast: Ballast, tmp_path: Path
) -> None:
    agent.ok("run", "--name", "big", IMAGE, "sh", "-c", "head -c 12000000 /dev/urandom >/big")
    agent.ok("commit", "big", "app")
    agent.ok("save", "-o", str(tmp_path / "app.tar"), "app")
    agent.ok("rmi", "app")
    before = agent.settled_traces()
    dockerfile = f"FROM {IMAGE}\nRUN head -c 12000000 /dev/urandom >/big\n".encode()
    (tmp_path / "context").mkdir()
    (tmp_path / "context/Dockerfile").write_bytes(dockerfile)
    (tmp_path / "context/more").write_bytes(os.urandom(12_000_000))
    ballast.leave(6 * MIB)
    for command in (
        ("load", "-i", str(tmp_path / "app.tar")),
        ("import", str(tmp_path / "app.tar"), "app"),
        ("build", "-t", "app", str(tmp_path / "context")),
    ):
        code, said = agent.docker(*command)
        assert (code, "no space left on device" in said) == (1, True), said
    code, said = agent.docker("build", "--force-rm", "-t", "app", "-", data=dockerfile)
    assert code == 1  # the program in the container is told, and what it says is shown
    assert "returned a non-zero code: 1" in said
    code, said = agent.docker("cp", str(tmp_path / "app.tar"), "big:/copy")
    assert (code, "no space left on device" in said) == (1, True), said
    ballast.release()
    agent.ok("builder", "prune", "-f")
    agent.wait_traces(before)
    agent.ok("load", "-i", str(tmp_path / "app.tar"))
    assert agent.ok("run", "--rm", "app", "stat", "-c", "%s", "/big") == "12000000"
    agent.ok("build", "-t", "app", str(tmp_path / "context"))


def test_full_disk_to_the_last_byte(agent: Agent, ballast: Ballast) -> None:
    """What runs goes on and can be looked at, stopped and removed; nothing acknowledged is lost."""
    count = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"
    agent.ok("run", "-d", "--init", "--name", "counter", IMAGE, "sh", "-c", count)
    agent.ok("run", "-d", "--name", "doomed", "-v", "/data", IMAGE, "sleep", "1000")
    wait_until(lambda: agent.ok("logs", "counter"), 60, "it counts")
    pid = agent.ok("inspect", "-f", "{{.State.Pid}}", "counter")
    ballast.leave(0)
    code, said = agent.docker("create", "--name", "new", "-v", "/etc", IMAGE, "true")
    assert code == 1 or agent.status("new") == "created", said
    assert agent.ok("exec", "counter", "echo", "alive") == "alive"
    assert agent.ok("stop", "-t", "0", "doomed") == "doomed"
    assert agent.status("doomed") == "exited"
    assert agent.ok("inspect", "-f", "{{.State.ExitCode}}", "doomed") == "137"
    agent.ok("rm", "-v", "doomed")
    agent.stop(signal.SIGKILL)
    agent.start()
    assert agent.status("doomed") == ""
    assert agent.ok("inspect", "-f", "{{.State.Pid}}", "counter") == pid
    ballast.release()
    last = agent.ok("logs", "--tail", "1", "counter")
    wait_until(lambda: agent.ok("logs", "--tail", "1", "counter") != last, 60, "its log goes on")
    agent.ok("run", "--rm", "-v", "/etc", IMAGE, "true")


def _events(agent: Agent, since: float, name: str) -> list[str]:
    """What happened to the container until now."""
    filters = ["--filter", f"container={name}", "--format", "{{.Action}}"]
    return agent.ok("events", "--since", f"{since:.6f}", "--until", f"{time.time():.6f}", *filters).split()


def test_out_of_memory(agent: Agent) -> None:
    since = time.time()
    flags = ["--name", "hog", "-m", "24m", "--memory-swap", "24m"]
    code, _ = agent.docker("run", *flags, IMAGE, "sh", "-c", "x=$(head -c 80000000 /dev/zero | tr '\\0' x); echo $x")
    assert code == 137
    assert agent.ok("inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", "hog") == "137 true"
    events = _events(agent, since, "hog")
    assert events[-1] == "die"
    assert "oom" in events


def test_fork_bomb(agent: Agent) -> None:
    agent.ok("run", "-d", "--name", "bomb", "--pids-limit", "32", IMAGE, "sleep", "1000")
    bomb = "i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i+1)); done"
    code, said = agent.docker("exec", "bomb", "sh", "-c", bomb)
    assert code != 0
    assert "can't fork" in said
    assert 25 < len(agent.ok("top", "bomb").splitlines()) <= 33
    assert agent.status("bomb") == "running"
    agent.ok("run", "--rm", IMAGE, "true")
    agent.ok("rm", "-f", "bomb")


def test_deaf_to_sigterm(agent: Agent) -> None:
    since = time.time()
    agent.ok("run", "-d", "--name", "deaf", IMAGE, "sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done")
    wait_until(lambda: agent.ok("logs", "deaf"), 60, "it no longer hears")
    began = time.monotonic()
    agent.ok("stop", "-t", "1", "deaf")
    assert time.monotonic() - began >= 1
    assert (
        agent.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", "deaf")
        == "exited 137 false"
    )
    assert _events(agent, since, "deaf")[-4:] == ["kill", "kill", "stop", "die"]


def test_log_flood(agent: Agent) -> None:
    """The disk it takes (here: soon all there is) and the agent's memory are bounded; it is never held up for good."""
    rotation = ["--log-opt", "max-size=1m", "--log-opt", "max-file=2"]
    before = _resident_bytes(agent.pid)
    flood = "yes $(head -c 900 /dev/zero | tr '\\0' x)"
    agent.ok("run", "-d", "--init", "--name", "flood", *rotation, IMAGE, "sh", "-c", flood)
    directory = agent.data / "containers" / agent.ok("inspect", "-f", "{{.Id}}", "flood")
    rotated: set[str] = set()

    def is_rotated() -> bool:
        rotated.update(name for name in os.listdir(directory) if re.search(r"\.log\.\d+$", name))
        return len(rotated) >= 5

    wait_until(is_rotated, 90, "the log is cut again and again")
    assert agent.status("flood") == "running"
    agent.ok("kill", "flood")
    assert len([path for path in directory.iterdir() if ".log" in path.name and path.stat().st_size]) <= 3
    assert agent.ok("logs", "--tail", "1", "flood").startswith("xxx")
    assert _resident_bytes(agent.pid) - before < 64 * MIB


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_lost_monitor_is_told(agent: Agent) -> None:
    since = time.time()
    agent.ok("run", "-d", "--name", "orphan", IMAGE, "sleep", "1000")
    agent.ok("run", "-d", "--name", "again", "--restart", "on-failure", IMAGE, "sleep", "1000")
    lost = []
    for name in ("orphan", "again"):
        init = int(agent.ok("inspect", "-f", "{{.State.Pid}}", name))
        status = Path(f"/proc/{init}/status").read_text()
        monitor = int(re.search(r"^PPid:\s*(\d+)", status, re.MULTILINE)[1])  # type: ignore[index]
        assert Path(f"/proc/{monitor}/comm").read_text().strip() == "conmon"
        os.kill(monitor, signal.SIGKILL)
        lost.append(init)
    wait_until(lambda: agent.status("orphan") == "exited", 60, "the loss is noticed")
    state = json.loads(agent.ok("inspect", "-f", "{{json .State}}", "orphan"))
    assert (state["ExitCode"], state["OOMKilled"]) == (255, False)
    assert "monitor" in state["Error"]
    assert _events(agent, since, "orphan")[-1] == "die"
    wait_until(lambda: agent.ok("inspect", "-f", "{{.RestartCount}} {{.State.Running}}", "again") == "1 true", 60)
    assert not any(Path(f"/proc/{init}").exists() for init in lost)
