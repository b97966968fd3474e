"""A three-service project with docker compose, version 2 and 1.29, on both sockets."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.conftest import IMAGE, Engine
from tests.instances import find_compose_plugin, free_port, wait_until

PROJECT = """
version: "3.8"
services:
  web:
    build:
      context: ./web
      args: {GREETING: "built by compose"}
    ports: ["${WEB_PORT}:80"]
    networks: [front, back]
    depends_on:
      db: {condition: service_healthy}
    environment: {COLOUR: "${COLOUR}"}
    secrets: [password]
    configs: [{source: motd, target: /etc/motd}]
    restart: unless-stopped
  db:
    image: shop/base:1
    command: sh -c "echo ready > /data/ready; while true; do sleep 1; done"
    init: true
    volumes: ["data:/data"]
    networks:
      back: {aliases: [database]}
    healthcheck: {test: ["CMD", "test", "-e", "/data/ready"], interval: 1s, timeout: 5s, retries: 30}
  worker:
    image: shop/base:1
    command: sh -c "echo working; while true; do sleep 1; done"
    init: true
    networks: [back]
  tool:
    image: shop/base:1
    command: echo tool ran
    profiles: [tools]
volumes:
  data: {}
networks:
  front: {}
  back: {internal: true}
secrets:
  password: {file: ./password.txt}
configs:
  motd: {file: ./motd.txt}
"""

DOCKERFILE = f"""
FROM {IMAGE}
ARG GREETING
RUN echo "$GREETING" > /var/www/index.html
HEALTHCHECK --interval=1s CMD wget -q -O /dev/null http://127.0.0.1/
CMD ["httpd", "-f", "-p", "80", "-h", "/var/www"]
"""


def _commands() -> Iterator[str]:
    if find_compose_plugin():
        yield "v2"
    program = shutil.which("docker-compose")
    if (
        program
        and "1.29"
        in subprocess.run([program, "version", "--short"], capture_output=True, text=True, check=False).stdout
    ):
        yield "v1"


class Project:
    """A project's directory and the compose command for it."""

    def __init__(self, engine: Engine, version: str, directory: Path) -> None:
        self.engine, self.version, self.directory = engine, version, directory
        self.port = free_port()
        self.colour = "blue"
        (directory / "web").mkdir(parents=True)
        text = PROJECT if version == "v2" else _without_configs(PROJECT)
        (directory / "docker-compose.yml").write_text(text)
        (directory / "web/Dockerfile").write_text(DOCKERFILE)
        (directory / "password.txt").write_text("s3cret\n")
        (directory / "motd.txt").write_text("welcome aboard\n")

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run compose; insist on its exit code; return stdout."""
        command = ["docker", "compose"] if self.version == "v2" else ["docker-compose", "--no-ansi"]
        done = subprocess.run(
            [*command, "-p", "shop", *arguments], cwd=self.directory, capture_output=True, text=True, check=False,
            timeout=240, stdin=subprocess.DEVNULL,
            env={
                "PATH": os.environ["PATH"], "HOME": str(self.engine.instance.data / "home"), "LC_ALL": "C.UTF-8",
                "DOCKER_HOST": self.engine.host, "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0",
                "WEB_PORT": str(self.port), "COLOUR": self.colour,
                # 1.29 reads ContainerConfig, which image inspect no longer has from API 1.45 on, as with Docker Engine
                **({"COMPOSE_API_VERSION": "1.41"} if self.version == "v1" else {}),
            },
        )  # fmt: skip
        assert done.returncode == code, (
            f"compose {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def page(self) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return None


def _without_configs(text: str) -> str:
    """The project as 1.29 understands it: it has no configs outside of a swarm."""
    lines = [line for line in text.splitlines() if "motd" not in line and line.strip() != "configs:"]
    return "\n".join(lines)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", list(_commands()))
def test_project_through_its_life(engine: Engine, version: str, tmp_path: Path) -> None:
    compose = Project(engine, version, tmp_path / "project")
    engine.ok("tag", IMAGE, "shop/base:1")
    compose("up", "-d", "--build")
    try:
        wait_until(compose.page, 60, "the page is served")
        assert compose.page() == "built by compose\n"
        names = set(engine.ok("ps", "--format", "{{.Names}}").replace("_", "-").split())
        assert names == {"shop-web-1", "shop-db-1", "shop-worker-1"}
        assert "healthy" in compose("ps")
        assert "working" in compose("logs", "worker")
        assert compose("exec", "-T", "web", "cat", "/run/secrets/password") == "s3cret\n"
        if version == "v2":
            assert compose("exec", "-T", "web", "cat", "/etc/motd") == "welcome aboard\n"
        assert "database" in compose("exec", "-T", "worker", "ping", "-c", "1", "-w", "5", "database")
        assert compose("run", "--rm", "-T", "worker", "echo", "one-off").strip().endswith("one-off")
        web = engine.ok("ps", "-q", "--filter", "label=com.docker.compose.service=web")
        (tmp_path / "copied").write_text("copied in\n")
        engine.ok("cp", str(tmp_path / "copied"), f"{web}:/var/www/copied")
        if version == "v2":
            compose("cp", "web:/var/www/copied", str(tmp_path / "back"))
            assert (tmp_path / "back").read_text() == "copied in\n"
            assert "tool ran" in compose("--profile", "tools", "run", "--rm", "-T", "tool")
        compose("restart", "-t", "1", "worker")
        compose("up", "-d", "--scale", "worker=3")
        workers = engine.ok("ps", "-q", "--filter", "label=com.docker.compose.service=worker").split()
        assert len(workers) == 3
        before = engine.ok("inspect", "-f", "{{.Id}}", web)
        compose("up", "-d", "--scale", "worker=3")
        assert engine.ok("ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.service=web") == before
        compose.colour = "green"
        compose("up", "-d", "-t", "1", "--scale", "worker=1")
        changed = engine.ok("ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.service=web")
        assert changed != before
        assert compose("exec", "-T", "web", "sh", "-c", "echo $COLOUR") == "green\n"
    finally:
        compose("down", "-v", "-t", "1", "--rmi", "all")
    assert engine.ok("ps", "-aq") == ""
    assert engine("image", "inspect", "shop/base:1")[0] == 1
    assert engine.ok("volume", "ls", "-q") == ""
    assert "shop" not in engine.ok("network", "ls", "--format", "{{.Name}}")
