"""Which consumer serves which socket."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path

from controlplane.streams.events import EventsConsumer
from controlplane.streams.jobs import JobConsumer
from controlplane.streams.logs import LogsConsumer
from controlplane.streams.stats import StatsConsumer
from controlplane.streams.terminal import TerminalConsumer

__all__ = ["SOCKETS"]

SOCKETS: list[Any] = [
    path("ws/events", EventsConsumer.as_asgi()),
    path("ws/logs", LogsConsumer.as_asgi()),
    path("ws/stats", StatsConsumer.as_asgi()),
    path("ws/terminal", TerminalConsumer.as_asgi()),
    re_path(r"^ws/jobs/(?P<job_id>[0-9a-f-]{1,36})$", JobConsumer.as_asgi()),
]
