"""The agent as a process, on the fake runtime (no root): start, lock, stop, death, degraded hosts."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.instances import REPOSITORY, wait_until


class Agent:
    """One agent process in a directory of its own."""

    def __init__(self, directory: Path, *, runtime: str = "fake") -> None:
        self.socket = directory / "docker.sock"
        self.data = directory / "data"
        self.log = (directory / "log").open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "agent", "run", "--data", str(self.data), "--run", str(directory / "run"),
                "--socket", str(self.socket), "--runtime", runtime, "--instance", "tdaemn",
            ],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, cwd=directory, stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        text = json.dumps(body) if body is not None else None
        with (
            contextlib.closing(socket.socket(socket.AF_UNIX)) as client,
            contextlib.closing(http.client.HTTPConnection("agent", timeout=60)) as connection,
        ):
            client.settimeout(60)
            client.connect(str(self.socket))
            connection.sock = client
            connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
            answer = connection.getresponse()
            content = answer.read()
            is_json = answer.headers.get("content-type") == "application/json"
        return answer.status, json.loads(content) if content and is_json else content

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("GET", "/_ping") == (200, b"OK")
        assert self.process.poll() is None, "the agent ended"
        return False

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def agent(directory: Path) -> Iterator[Agent]:
    running = Agent(directory)
    wait_until(running.answers, 60, "the agent answers")
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)
    running.log.close()


def test_it_stops_at_sigterm_at_once_although_somebody_follows_events(agent: Agent) -> None:
    follower = socket.socket(socket.AF_UNIX)
    follower.connect(str(agent.socket))
    follower.sendall(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
    assert follower.recv(1024).startswith(b"HTTP/1.1 200")
    assert agent.end() == 0
    assert not agent.socket.exists()
    while follower.recv(1024):
        pass
    follower.close()
    assert "agent.stopped" in Path(agent.log.name).read_text()


def test_a_second_agent_on_the_same_data_is_refused_and_the_first_goes_on(agent: Agent, directory: Path) -> None:
    second = Agent(directory)
    assert second.process.wait(30) == 1
    second.log.close()
    assert f"another agent runs on {agent.data}" in Path(agent.log.name).read_text()
    assert agent.answers()


def test_killed_it_starts_again_on_the_socket_it_left_and_knows_its_volumes(agent: Agent, directory: Path) -> None:
    status, _ = agent.ask("POST", "/v1.45/volumes/create", {"Name": "keep"})
    assert status == 201
    agent.end(signal.SIGKILL)
    assert agent.socket.exists()
    again = Agent(directory)
    wait_until(again.answers, 60, "the agent answers again")
    assert again.ask("GET", "/v1.45/volumes/keep")[0] == 200
    assert again.end() == 0
    again.log.close()


def test_the_socket_is_for_root_and_its_group_only(agent: Agent) -> None:
    assert agent.socket.stat().st_mode & 0o777 == 0o660


def test_the_state_of_a_fake_host_is_whole(agent: Agent) -> None:
    status, state = agent.ask("GET", "/mooring/v1/state")
    assert status == 200
    assert {network["Name"] for network in state["networks"]} == {"bridge", "host", "none"}
    assert state["facts"]["cpus"] >= 1
    assert all(finding["title"] for finding in state["doctor"]["findings"])


def test_join_refuses_what_is_no_control_plane(directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "join", "http://127.0.0.1:1", "--token", "t", "--data", str(directory / "d")],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("agent: http://127.0.0.1:1 cannot be reached")
    assert not (directory / "d/credential.json").exists()
