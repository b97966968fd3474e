"""The fake runtime obeys the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.ports.runtime import ProcessSpec, SandboxSpec
from agent.runtime.fake import FakeRuntime
from tests.contract.runtime_suite import Lab, RuntimeSuite


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    runtime = FakeRuntime(pace=0.01)

    def template(container_id: str) -> SandboxSpec:
        return SandboxSpec(
            id=container_id, bundle=tmp_path / container_id, rootfs=tmp_path, process=ProcessSpec(args=("true",))
        )

    yield Lab(runtime, template, tmp_path)
    await runtime.close()


class TestFakeRuntime(RuntimeSuite):
    pass
