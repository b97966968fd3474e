"""`manage.py setup_link`: print the path of a fresh single-use set-up link, or nothing when an admin exists."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.core.management.base import BaseCommand

from controlplane.accounts.actions import create_setup_token

__all__ = ["Command"]


class Command(BaseCommand):
    """See the module docstring. Each call voids earlier links."""

    help = "Print the path of a fresh single-use set-up link, or nothing when an admin exists."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        secret = create_setup_token()
        if secret is not None:
            self.stdout.write(f"/setup?token={quote(secret)}")
