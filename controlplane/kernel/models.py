"""Signs of life of the processes that have no row of their own."""

from __future__ import annotations

from django.db import models

__all__ = ["Heartbeat"]


class Heartbeat(models.Model):
    """When the process called `name` was last seen alive."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()
