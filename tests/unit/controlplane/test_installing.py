"""The one line that makes a machine a host."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from django.test import Client

from controlplane.web_api.views.installing import join_command


def test_the_line_names_address_token_and_name() -> None:
    line = join_command("https://plane.example", "tok", "web 1")
    script = "https://plane.example/agent/v1/install"
    assert line == f"(curl -fsS {script} || wget -nv -O- {script}) | sh -s -- --token tok --name 'web 1'"


def test_the_installer_fetches_and_joins_the_address_it_came_from(client: Client) -> None:
    script = client.get("/agent/v1/install").content.decode()
    assert script.startswith("#!/bin/sh")
    assert "/agent/v1/source.tar.gz | tar -xz" in script
    assert 'exec "$target/scripts/join" http' in script


@pytest.mark.parametrize("program", ["curl", "wget"])
def test_the_line_needs_only_one_of_curl_and_wget(client: Client, tmp_path: Path, program: str) -> None:
    script = client.get("/agent/v1/install").content.decode().replace("exec ", "echo ").replace('"$(id -u)"', "0")
    (tmp_path / "script").write_text(script)
    fetcher = tmp_path / program
    fetcher.write_text(
        f"#!{shutil.which('sh')}\nfor url; do :; done\n"
        f"case $url in */install) cat {tmp_path}/script ;; *) tar -cz -f - -T /dev/null ;; esac\n"
    )
    for tool in ("sh", "tar", "gzip", "cat", "mkdir"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    fetcher.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", join_command("http://plane.example", "tok")], capture_output=True, text=True, check=False,
        env={"PATH": str(tmp_path), "MOORING_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("/scripts/join http://testserver --token tok\n")


def test_the_sources_are_the_agents_alone(client: Client) -> None:
    archive = client.get("/agent/v1/source.tar.gz").content
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        names = tar.getnames()
    assert {"agent/__main__.py", "wire/errors.py", "scripts/join", "requirements-agent.txt"} <= set(names)
    assert not [name for name in names if name.startswith(("controlplane", "frontend", "data", "."))]
    assert not [name for name in names if "__pycache__" in name]
