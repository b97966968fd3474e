"""A container's state in words and in Docker's State shape."""

from __future__ import annotations

from typing import Any

from agent.engine.clock import now_ns, rfc3339_nano
from agent.engine.container import Container
from agent.engine.record import HealthState
from wire.durations import human_duration

__all__ = ["describe", "state_document"]


def describe(container: Container, at_ns: int | None = None) -> str:
    """The STATUS column: `Up 3 minutes (healthy)`, `Exited (137) 2 hours ago`, …"""
    state = container.record.state
    now = at_ns or now_ns()
    status = container.status
    if status in ("running", "paused"):
        text = f"Up {human_duration((now - state.started_at_ns) / 1e9)}"
        if status == "paused":
            return f"{text} (Paused)"
        if state.health is not None:
            shown = "health: starting" if state.health.status == "starting" else state.health.status
            return f"{text} ({shown})"
        return text
    if status == "restarting":
        return f"Restarting ({state.exit_code}) {human_duration((now - state.finished_at_ns) / 1e9)} ago"
    if status == "removing":
        return "Removal In Progress"
    if state.dead:
        return "Dead"
    if not state.started_at_ns:
        return "Created"
    if not state.finished_at_ns:
        return ""
    return f"Exited ({state.exit_code}) {human_duration((now - state.finished_at_ns) / 1e9)} ago"


def state_document(container: Container) -> dict[str, Any]:
    """`State` of inspect."""
    state = container.record.state
    document: dict[str, Any] = {
        "Status": container.status,
        "Running": container.running,
        "Paused": state.status == "paused",
        "Restarting": state.status == "restarting",
        "OOMKilled": state.oom_killed,
        "Dead": state.dead,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": rfc3339_nano(state.started_at_ns),
        "FinishedAt": rfc3339_nano(state.finished_at_ns),
    }
    if state.health is not None:
        document["Health"] = _health(state.health)
    return document


def _health(health: HealthState) -> dict[str, Any]:
    return {
        "Status": health.status,
        "FailingStreak": health.failing_streak,
        "Log": [
            {
                "Start": rfc3339_nano(item.started_at_ns),
                "End": rfc3339_nano(item.ended_at_ns),
                "ExitCode": item.exit_code,
                "Output": item.output,
            }
            for item in health.log
        ],
    }
