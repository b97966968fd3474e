"""Docker's words for durations, so that a list from the mirror reads like the engine's own."""

from __future__ import annotations

from datetime import datetime

from controlplane.kernel.clock import now

__all__ = ["human_duration", "status_text"]


def human_duration(seconds: float) -> str:
    """Return what Docker's clients call a duration: `Less than a second`, `5 minutes`, `About an hour`, `3 weeks`."""
    whole = int(seconds)
    minutes, hours = int(seconds / 60), int(seconds / 3600 + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(seconds / 3600) // 24 // 365} years"


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
