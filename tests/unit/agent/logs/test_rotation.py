"""When the rotator looks at its logs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.logs.rotation import Rotator
from agent.ports.logs import LogRotation


async def test_logs_that_are_due_soon_are_looked_at_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(_: Rotator, log: Path, watched: Any, now: float) -> None:
        looked.append(log.name)
        watched.due_at = now + 3600

    monkeypatch.setattr(Rotator, "_look", look)
    rotator = Rotator()
    for name, due_in_s in (("now", 0.0), ("soon", 0.3), ("later", 60.0)):
        rotator.watch(tmp_path / name, tmp_path / "ctl", LogRotation(max_bytes=1, max_files=1))
        rotator._logs[tmp_path / name].due_at = asyncio.get_running_loop().time() + due_in_s
    await asyncio.sleep(0)
    assert looked == ["now", "soon"]
    await rotator.close()
