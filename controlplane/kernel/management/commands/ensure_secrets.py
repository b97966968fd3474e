"""`manage.py ensure_secrets`: make the data directory and the secret key, once."""

from __future__ import annotations

import os
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

__all__ = ["Command"]


class Command(BaseCommand):
    """See the module docstring. Safe to repeat; an existing key is never touched."""

    help = "Make the data directory and the secret key, once."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing."""
        settings.MOORING_DATA.mkdir(parents=True, exist_ok=True, mode=0o755)
        for directory in (settings.MOORING_PLANE_DATA, settings.MOORING_RUN):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = settings.MOORING_SECRET_KEY_FILE
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            self.stdout.write(f"{file} is there")
            return
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(64) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.stdout.write(f"made {file}")
