"""PostgreSQL, Redis, nginx and a Python web application of Debian's, through all of an image's and a service's life.

Built by our builder, pushed to a real registry and pulled from it, run as one project with volumes and health checks,
used by their own clients, upgraded by recreate: the new containers find what the old ones wrote. The images are built
on the agent's socket; the project goes through the plane.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.conftest import Engine
from tests.debian_images import RECIPES, contexts
from tests.instances import Instance, free_port, wait_until
from tests.registries import run_registry

SERVICES = ("postgresql", "redis", "nginx", "guestbook")
PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def registry(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that holds versions 1 and 2 of every image; the engine that built them has none of them left."""
    engine = Engine(instance, instance.agent_socket)
    with run_registry() as address:
        for name, context in contexts(tmp_path_factory.mktemp("real")).items():
            built = f"{address}/{name}"
            if name == "debian":
                engine.ok("build", "-t", built, str(context), limit_s=240)
                continue
            for version in ("1", "2"):
                arguments = ["--build-arg", f"VERSION={version}", "--build-arg", f"FROM={address}/debian"]
                shown = engine.ok("build", "-t", f"{built}:{version}", *arguments, str(context), limit_s=240)
                assert f"Successfully tagged {built}:{version}" in shown
                pushed = engine.ok("push", f"{built}:{version}")
                assert "digest: sha256:" in pushed
            assert shown.count("Using cache") >= 3, shown
            assert "Layer already exists" in pushed
        _remove_images(engine, address)
        yield address


def _remove_images(engine: Engine, address: str) -> None:
    names = engine.ok("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={address}/*")
    if names:
        engine.ok("rmi", *names.split())
    engine.ok("image", "prune", "-f")


class Project:
    """The guestbook with its database, cache and proxy, at one version of the images."""

    def __init__(self, engine: Engine, registry: str) -> None:
        self.engine, self.registry = engine, registry
        self.version = 1
        self.database_port, self.cache_port, self.web_port = free_port(), free_port(), free_port()

    def compose(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", "compose", "-p", "real", "-f", str(RECIPES / "compose.yaml"), *arguments],
            capture_output=True, text=True, check=False, timeout=200, stdin=subprocess.DEVNULL,
            env={
                "PATH": os.environ["PATH"], "HOME": str(self.engine.instance.data / "home"), "LC_ALL": "C.UTF-8",
                "DOCKER_HOST": self.engine.host, "REGISTRY": self.registry, "VERSION": str(self.version),
                "PASSWORD": PASSWORD, "DATABASE_PORT": str(self.database_port), "CACHE_PORT": str(self.cache_port),
                "WEB_PORT": str(self.web_port),
            },
        )  # fmt: skip
        assert done.returncode == 0, f"compose {' '.join(arguments)}: {done.stdout}\n{done.stderr}{self._state()}"
        return done.stdout

    def _state(self) -> str:
        ids = self.engine("ps", "-aq")[1].split()
        return "".join(f"\n{self.engine('logs', '--tail', '20', one)}" for one in ids)

    def ask(self, path: str = "/", text: str | None = None) -> str:
        data = text.encode() if text is not None else None
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}{path}", data, timeout=60) as answer:
            return str(answer.read().decode())

    def page(self) -> dict[str, Any]:
        return dict(json.loads(self.ask()))

    def psql(self, statement: str) -> str:
        """What psql says, from the host's network, over the published port."""
        image = f"{self.registry}/postgresql:{self.version}"
        return self.engine.ok(
            "run", "--rm", "--network", "host", "-e", f"PGPASSWORD={PASSWORD}", "--entrypoint", "psql", image,
            "-h", "127.0.0.1", "-p", str(self.database_port), "-U", "postgres", "-At", "-c", statement,
        )  # fmt: skip

    def redis_cli(self, *command: str) -> str:
        """What redis-cli says, from a container beside the cache, which it finds by name."""
        image = f"{self.registry}/redis:{self.version}"
        return self.engine.ok("run", "--rm", "--network", "real_inside", image, "redis-cli", "-h", "cache", *command)

    def containers(self) -> dict[str, str]:
        """Service → id and image of its container, all of which run and are healthy."""
        rows = self.engine.ok("ps", "--no-trunc", "--format", "{{.Names}} {{.ID}} {{.Image}} {{.Status}}").splitlines()
        assert all(row.endswith("(healthy)") for row in rows), rows
        return {name: f"{ident} {image}" for name, ident, image, *_ in (row.split() for row in rows)}


@pytest.mark.timeout(900)  # with the images built first, and taking the instance down: minutes on a busy machine
@pytest.mark.parametrize("engine", ["plane"], indirect=True)
def test_a_project_of_real_programs(engine: Engine, registry: str) -> None:
    project = Project(engine, registry)
    try:
        pulled = project.compose("pull", "-q") + engine.ok("pull", f"{registry}/nginx:1")
        assert f"Status: Image is up to date for {registry}/nginx:1" in pulled
        project.compose("up", "-d", "--wait")
        first = project.containers()
        assert len(first) == 4
        assert project.ask("/nginx") == "nginx itself\n"
        project.ask("/", "an entry of version 1")
        project.psql("INSERT INTO entries (text) VALUES ('said by psql')")
        project.redis_cli("INCRBY", "visitors", "40")
        page = project.page()
        assert page == {"version": "1", "visitors": 41, "entries": ["an entry of version 1", "said by psql"]}
        wait_until(lambda: "GET / HTTP/1." in engine.ok("logs", "real-proxy-1"), 60, "nginx has logged the request")

        project.version = 2
        project.compose("pull", "-q")
        project.compose("up", "-d", "--wait")
        second = project.containers()
        assert second.keys() == first.keys()
        assert not set(second.values()) & set(first.values())
        page = project.page()
        assert page == {"version": "2", "visitors": 42, "entries": ["an entry of version 1", "said by psql"]}
        assert project.psql("SHOW server_encoding; SELECT count(*) FROM entries").split() == ["UTF8", "2"]
        assert project.redis_cli("GET", "visitors") == "42"
        database = json.loads(engine.ok("inspect", "real-database-1"))[0]
        assert [mount["Name"] for mount in database["Mounts"]] == ["real_database"]
        assert database["HostConfig"]["ShmSize"] == 128 << 20
    finally:
        project.compose("down", "-v", "-t", "20")
        _remove_images(engine, registry)
    assert engine.ok("ps", "-aq") == ""
    assert engine.ok("volume", "ls", "-q") == ""
