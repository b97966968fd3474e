from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.network.lab import Lab, private_host


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    with private_host(tmp_path) as path:
        yield path


@pytest.fixture
async def lab(tmp_path: Path, outside: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path, outside)
    await made.networking.start()
    yield made
    await made.close()
