"""docker-py's own integration tests, all of those that Docker Engine passes on one host, on an agent's socket and the
plane's, at the same time, as they sleep for minutes. They prune and list everything, so each has an engine of its own.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import agents
from tests.conformance import docker_py_suite
from tests.conformance.conftest import IMAGE
from tests.host_state import snapshot, wait_until_unchanged
from tests.instances import Instance
from tests.registries import run_registry


@pytest.mark.timeout(1800)
def test_docker_py_suite(instance: Instance, mirror: str, tmp_path: Path) -> None:
    tree = docker_py_suite.prepare_tests(Path(os.environ.get("MOORING_TEST_CACHE", tmp_path)) / "docker-py")
    with ThreadPoolExecutor() as pool:
        doors = {
            "agent": pool.submit(_through_an_agent, tree, tmp_path / "agent"),
            "plane": pool.submit(_through_the_plane, tree, tmp_path / "plane", mirror, instance),
        }
    missing = [
        f"{door}: {node}: {result}"
        for door, outcome in doors.items()
        for node, result in outcome.result().items()
        if result != "passed"
    ]
    logs = [f"--- {door}\n{(tmp_path / door / 'pytest.log').read_text()[-6000:]}" for door in doors]
    assert not missing, "\n".join([f"{len(missing)} did not pass", *missing[:40], *logs])


def _through_an_agent(tree: Path, directory: Path) -> dict[str, str]:
    nothing = snapshot()
    (directory / "host").mkdir(parents=True)
    with run_registry() as mirror, agents.run_agent(directory / "host", f"--registry-mirror=http://{mirror}") as agent:
        agent.ok("rmi", agents.IMAGE)  # the suite's own is to have more in it
        outcome = docker_py_suite.run(f"unix://{agent.socket}", tree, mirror, directory)
    left = wait_until_unchanged(nothing, str(directory), agent.instance)
    assert not left, f"left on the host: {left}"
    return outcome


def _through_the_plane(tree: Path, directory: Path, mirror: str, instance: Instance) -> dict[str, str]:
    directory.mkdir()
    starter = str(directory / "starter.tar")  # the suite prunes images, ours among them
    instance.docker("save", "-o", starter, IMAGE, host=instance.agent_socket, check=True)
    try:
        return docker_py_suite.run(instance.engine_socket, tree, mirror, directory)
    finally:
        instance.remove_all()
        instance.docker("load", "-i", starter, host=instance.agent_socket, check=True)
