"""A real web server: built from Debian's packages, pushed to a real registry, pulled, run, spoken to."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.conftest import Engine
from tests.debian_images import nginx_rootfs, tar_of
from tests.instances import free_port, wait_until
from tests.registries import run_registry


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    with run_registry() as address:
        yield address


@pytest.fixture(scope="module")
def nginx_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("nginx")
    return tar_of(nginx_rootfs(work / "packages", work / "root"), work / "nginx.tar")


def _get(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


def test_nginx_from_a_registry(engine: Engine, registry: str, nginx_tar: Path) -> None:
    name = f"{registry}/team/nginx:1"
    engine.ok("import", "-c", 'CMD ["nginx", "-g", "daemon off;"]', "-c", "EXPOSE 80", str(nginx_tar), name)
    pushed = engine.ok("push", name)
    assert "digest: sha256:" in pushed
    engine.ok("rmi", name)
    assert engine("image", "inspect", name)[0] == 1
    pulled = engine.ok("pull", name)
    assert f"Status: Downloaded newer image for {name}" in pulled
    assert f"Status: Image is up to date for {name}" in engine.ok("pull", name)
    port = free_port()
    engine.ok("run", "-d", "--name", "nginx", "-p", f"{port}:80", name)
    wait_until(lambda: _get(port), 20, "nginx answers")
    assert _get(port) == "served by nginx from Debian\n"
    wait_until(lambda: "GET / HTTP/1.1" in engine.ok("logs", "nginx"), 10, "the request is logged")
    engine.ok("rm", "-f", "nginx")
    engine.ok("rmi", name)
