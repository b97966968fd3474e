"""One instance for the whole run; each test is given both of its sockets in turn and leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host_state import snapshot, wait_until_unchanged
from tests.instances import Instance, run_instance
from tests.registries import run_registry

IMAGE = "mooring/starter"


@pytest.fixture(scope="session")
def mirror() -> Iterator[str]:
    """Where the instance's engine looks for images of its default registry."""
    with run_registry() as address:
        yield address


@pytest.fixture(scope="session")
def instance(mirror: str) -> Iterator[Instance]:
    nothing = snapshot()
    with run_instance(f"--agent-flag=--registry-mirror=http://{mirror}") as running:
        yield running
    left = wait_until_unchanged(nothing, str(running.data), running.agent_id)
    assert not left, f"left on the host: {left}"


@pytest.fixture(params=["plane", "agent"])
def engine(instance: Instance, request: pytest.FixtureRequest) -> Iterator[Engine]:
    yield Engine(instance, instance.engine_socket if request.param == "plane" else instance.agent_socket)
    instance.remove_all()


class Engine:
    """The docker CLI against one of the sockets."""

    def __init__(self, instance: Instance, host: str) -> None:
        self.instance = instance
        self.host = host

    def __call__(self, *arguments: str, **options: object) -> tuple[int, str, str]:
        """Run `docker ARGUMENTS`; return exit code, stdout and stderr."""
        done = self.instance.docker(*arguments, host=self.host, **options)  # type: ignore[arg-type]
        return done.returncode, done.stdout, done.stderr

    def ok(self, *arguments: str, **options: object) -> str:
        """Run it, insist on success, return stdout without surrounding blanks."""
        code, out, err = self(*arguments, **options)
        assert code == 0, f"docker {' '.join(arguments)}: exit code {code}\n{out}\n{err}"
        return out.strip()
