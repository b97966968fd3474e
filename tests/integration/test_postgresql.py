"""The control plane's own tests once more, on a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgresql import run_postgresql

REPOSITORY = Path(__file__).resolve().parents[2]
# A thread's pooled connection may outlive the last test; the whole cluster is thrown away a moment later.
_TEARDOWN = "ignore:Error when trying to teardown test databases:pytest.PytestWarning"


@pytest.mark.root
@pytest.mark.timeout(600)
def test_control_plane_tests_pass_on_postgresql() -> None:
    with run_postgresql() as url:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-W", _TEARDOWN, "tests/unit/controlplane"],
            env={**os.environ, "MOORING_DATABASE_URL": url}, cwd=REPOSITORY, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
