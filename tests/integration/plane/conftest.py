"""One plane for all tests here, one fake host per test; what a test kills it starts again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.fake_agent import FakeAgent, FakeEngine
from tests.integration.plane.processes import PROGRAMS, Plane, eventually


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.root)


@pytest.fixture(scope="session")
def plane() -> Iterator[Plane]:
    if os.geteuid() != 0:
        pytest.skip("root on the plane's socket is what these tests are")
    plane = Plane(Path(tempfile.mkdtemp(prefix="mooring-plane-test-", dir="/tmp")))
    try:
        plane.start_all()
        plane.credential = plane.enroll("h1")  # type: ignore[attr-defined]
        yield plane
    finally:
        plane.remove()


@pytest.fixture
async def engine(plane: Plane) -> AsyncIterator[FakeEngine]:
    """The engine of host h1, linked."""
    for name in PROGRAMS:
        if name not in plane._running:
            plane.start(name)
    engine = FakeEngine()
    async with FakeAgent(plane.url, plane.credential, engine):  # type: ignore[attr-defined]

        async def linked() -> bool:
            return (await plane.docker("ps"))[0] == 0

        await eventually(linked, 60, "the host is linked")
        yield engine
