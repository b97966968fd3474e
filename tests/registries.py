"""Debian's docker-registry on loopback, for tests that push and pull."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.instances import free_port, wait_until

__all__ = ["run_registry"]


@contextlib.contextmanager
def run_registry(port: int | None = None) -> Iterator[str]:
    """Start a registry with a directory of its own; yields `127.0.0.1:PORT`."""
    port = port or free_port()
    address = f"127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="registry-", dir="/var/tmp") as directory:
        configuration = Path(directory) / "registry.yml"
        configuration.write_text(
            "version: 0.1\nlog: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {directory}/data}}, delete: {{enabled: true}}}}\n"
            f'http: {{addr: "{address}"}}\n'
        )
        with subprocess.Popen(
            ["docker-registry", "serve", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                wait_until(lambda: _listens(port) or process.poll() is not None, 60, "the registry listens")
                assert process.poll() is None, "docker-registry ended at once"
                yield address
            finally:
                process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
