"""Enumerations stored in this room's tables."""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    """What a user is in the organisation. An admin may do everything; a member works with containers."""

    ADMIN = "admin"
    MEMBER = "member"
