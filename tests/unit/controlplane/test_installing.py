"""The one line that makes a machine a host."""

from __future__ import annotations

import io
import tarfile

from django.test import Client

from controlplane.web_api.views.installing import join_command


def test_the_line_names_address_token_and_name() -> None:
    line = join_command("https://plane.example", "tok", "web 1")
    assert line == "curl -fsS https://plane.example/agent/v1/install | sh -s -- --token tok --name 'web 1'"


def test_the_installer_fetches_and_joins_the_address_it_came_from(client: Client) -> None:
    script = client.get("/agent/v1/install").content.decode()
    assert script.startswith("#!/bin/sh")
    assert "/agent/v1/source.tar.gz | tar -xz" in script
    assert 'exec "$target/scripts/join" http' in script


def test_the_sources_are_the_agents_alone(client: Client) -> None:
    archive = client.get("/agent/v1/source.tar.gz").content
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        names = tar.getnames()
    assert {"agent/__main__.py", "wire/errors.py", "scripts/join", "requirements-agent.txt"} <= set(names)
    assert not [name for name in names if name.startswith(("controlplane", "frontend", "data", "."))]
    assert not [name for name in names if "__pycache__" in name]
