"""Docker's words for durations, so that a list from the mirror reads like the engine's own."""

from __future__ import annotations

from datetime import datetime

from controlplane.kernel.clock import now
from wire.durations import human_duration

__all__ = ["status_text"]


def status_text(
    state: str,
    *,
    told: str,
    started_at: datetime | None,
    finished_at: datetime | None,
    exit_code: int | None,
    health: str,
) -> str:
    """Return Docker's status line as of now; `told` (the agent's own, ageing text) where the times are not known."""
    if state in ("running", "paused") and started_at is not None:
        text = f"Up {human_duration((now() - started_at).total_seconds())}"
        if state == "paused":
            return f"{text} (Paused)"
        note = {"starting": "health: starting"}.get(health, health)
        return f"{text} ({note})" if note and note != "none" else text
    if state in ("exited", "restarting") and finished_at is not None and exit_code is not None:
        word = "Exited" if state == "exited" else "Restarting"
        return f"{word} ({exit_code}) {human_duration((now() - finished_at).total_seconds())} ago"
    return told or state.capitalize()
