"""kill -9 of every program while a container counts: the container goes on, all heals, nothing is lost or doubled."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.conformance.conftest import IMAGE
from tests.instances import Instance, wait_until

PROGRAMS = ("agent", "worker", "asgi", "gateway", "valkey")


@pytest.fixture
def counter(instance: Instance) -> Iterator[str]:
    """A container that prints 1, 2, 3, …"""
    script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"
    yield instance.docker("run", "-d", "--name", "counter", IMAGE, "sh", "-c", script, check=True).stdout.strip()
    instance.remove_all()


def _numbers(instance: Instance) -> list[int]:
    return [int(n) for n in instance.docker("logs", "counter", host=instance.agent_socket, check=True).stdout.split()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_container_and_log_survive(instance: Instance, counter: str, program: str) -> None:
    pid = instance.docker("inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", "counter", check=True).stdout
    instance.kill(program)
    instance.wait_healthy()
    after = instance.docker("inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", "counter", check=True).stdout
    assert after == pid
    seen = len(_numbers(instance))
    wait_until(lambda: len(_numbers(instance)) > seen + 5, 60, "the container goes on counting")
    numbers = _numbers(instance)
    assert numbers == list(range(1, len(numbers) + 1))
    assert instance.docker("exec", "counter", "echo", "alive", check=True).stdout == "alive\n"
    assert instance.docker("run", "--rm", IMAGE, "echo", "works", check=True).stdout == "works\n"


def test_agent_learns_exits_it_did_not_see(instance: Instance) -> None:
    folder = instance.data / "gate"
    folder.mkdir(exist_ok=True)
    (folder / "open").unlink(missing_ok=True)
    instance.docker(
        "run", "-d", "--name", "short", "-v", f"{folder}:/gate", IMAGE,
        "sh", "-c", "while [ ! -e /gate/open ]; do sleep 0.05; done; echo last words; exit 9", check=True,
    )  # fmt: skip
    pid = int(instance.docker("inspect", "-f", "{{.State.Pid}}", "short", check=True).stdout)
    instance.ask_supervisor("stopProcess", "agent")
    (folder / "open").touch()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 60, "the container ends while no agent runs")
    instance.ask_supervisor("startProcess", "agent")
    instance.wait_healthy()
    assert instance.docker("wait", "short", check=True).stdout.strip() == "9"
    assert instance.docker("logs", "short", check=True).stdout == "last words\n"


@pytest.mark.parametrize("program", ["worker", "asgi", "gateway", "valkey"])
def test_accepted_jobs_are_done_exactly_once(instance: Instance, program: str) -> None:
    """Creates race with the kill: every create that was acknowledged exists, and no name exists twice."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def create() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"job-{number}"
            done = instance.docker("create", "--name", name, IMAGE, "true")
            if done.returncode == 0:
                acknowledged.append(name)

    thread = threading.Thread(target=create)
    thread.start()
    try:
        wait_until(lambda: len(acknowledged) >= 3, 60, "some creates are acknowledged")
        instance.kill(program)
        instance.wait_healthy()
        before = len(acknowledged)
        wait_until(lambda: len(acknowledged) >= before + 2, 60, "creates are acknowledged again")
    finally:
        stop.set()
        thread.join()
    there = instance.docker("ps", "-a", "--format", "{{.Names}}", host=instance.agent_socket, check=True).stdout.split()
    assert len(there) == len(set(there))
    assert set(acknowledged) <= set(there)
    instance.remove_all()


def test_log_viewer_that_reconnects_misses_nothing(instance: Instance, counter: str) -> None:
    """A follower is cut by the kill of asgi; reading on from where it was gives every number once."""
    with subprocess.Popen(
        ["docker", "logs", "-f", "counter"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "DOCKER_HOST": instance.engine_socket},
    ) as follower:  # fmt: skip
        assert follower.stdout is not None
        got = [int(follower.stdout.readline()) for _ in range(20)]
        instance.kill("asgi")
        got += [int(line) for line in follower.stdout]
    instance.wait_healthy()
    assert got == list(range(1, len(got) + 1))
    numbers = _numbers(instance)
    assert numbers[: len(got)] == got
