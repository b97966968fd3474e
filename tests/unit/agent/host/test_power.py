"""What systemd says of the machine's state, and machines without systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host import power


@pytest.mark.parametrize(
    ("says", "code", "down"),
    [("stopping", 1, True), ("running", 0, False), ("degraded", 1, False), ("offline", 1, False)],
)
async def test_only_a_machine_that_is_stopping_goes_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, code: int, down: bool
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\n[ $1 = is-system-running ] && echo {says}; exit {code}\n")
    systemctl.chmod(0o755)
    monkeypatch.setattr(power.shutil, "which", lambda *_arguments, **_options: str(systemctl))
    monkeypatch.setattr(power, "_BOOTED", tmp_path)
    assert await power.is_host_going_down() == down
    monkeypatch.setattr(power, "_BOOTED", tmp_path / "none")
    assert not await power.is_host_going_down()
