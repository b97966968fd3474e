"""Enumerations of hosts."""

from __future__ import annotations

from django.db import models


class HostState(models.TextChoices):
    """What is known about a host now. `unknown` is silence: its containers may well run. `offline` is a goodbye."""

    PENDING = "pending"
    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Link(models.TextChoices):
    """The stored state of a host's tunnel, written by the gateway."""

    NEVER = "never"
    UP = "up"
    LEFT = "left"  # the agent said goodbye
    LOST = "lost"  # it fell silent
