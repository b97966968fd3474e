"""What a client is told of files that are fetched, as Docker Engine 26.1 tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.build.remote_sources import Download, fetch_source
from tests.fakes.registry import run_fake_registry
from wire.errors import Invalid


@pytest.mark.parametrize(
    ("size", "announced", "told"),
    [
        (0, True, [{"status": "Downloading", "progressDetail": {}}, {}, {"stream": "\n"}]),
        (2, True, [
            {"status": "Downloading", "progressDetail": {"current": 2, "total": 2},
             "progress": f"[{'=' * 50}>]       2B/2B"},
            {"stream": "\n"},
        ]),
        (5, False, [
            {"status": "Downloading", "progressDetail": {"current": 5}, "progress": "      5B"}, {"stream": "\n"},
        ]),
    ],
)  # fmt: skip
def test_a_fetch_is_told_at_its_end(size: int, announced: bool, told: list[Any]) -> None:
    fetched = Download(path=Path("/x"), content_type="", sha256="", modified_ns=0, size_bytes=size, announced=announced)
    assert fetched.progress() == told


async def test_a_fetch_without_a_name_to_give_is_told_as_well(tmp_path: Path) -> None:
    told: list[Any] = []
    async with run_fake_registry() as registry:
        url = f"http://{registry.address}/v2/"
        with pytest.raises(Invalid) as caught:
            async with fetch_source(
                url, scratch=tmp_path, checksum="", keep_git_dir=False, destination="/x/", tell=told.append
            ):
                raise AssertionError("there is no name")
    assert caught.value.message == f"cannot determine filename for source {url}"
    assert [line.get("status", line.get("stream")) for line in told if line] == ["Downloading", "\n"]
    assert list(tmp_path.iterdir()) == []
