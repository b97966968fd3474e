"""docker-py's own integration tests, all of those that Docker Engine passes on one host, on both sockets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance import docker_py_suite
from tests.conformance.conftest import IMAGE, MIRROR_PORT
from tests.instances import Instance
from tests.registries import run_registry


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("door", ["agent", "plane"])
def test_docker_py_suite(instance: Instance, tmp_path: Path, door: str) -> None:
    host = instance.agent_socket if door == "agent" else instance.engine_socket
    tree = docker_py_suite.prepare_tests(Path(os.environ.get("MOORING_TEST_CACHE", tmp_path)) / "docker-py")
    ids = [line for line in docker_py_suite.IDS.read_text().splitlines() if line and not line.startswith("#")]
    starter = str(tmp_path / "starter.tar")  # the suite prunes images, ours among them
    instance.docker("save", "-o", starter, IMAGE, host=instance.agent_socket, check=True)
    try:
        with run_registry(MIRROR_PORT) as mirror:
            docker_py_suite.prepare_images(host, mirror)
            outcome = docker_py_suite.run(host, tree, ids, tmp_path / "outcomes.txt")
    finally:
        instance.remove_all()
        instance.docker("load", "-i", starter, host=instance.agent_socket, check=True)
    missing = {node: result for node, result in outcome.items() if result != "passed"}
    log = (tmp_path / "pytest.log").read_text()[-6000:]
    assert not missing, "\n".join([f"{len(missing)} of {len(ids)} did not pass", *list(missing)[:40], log])
