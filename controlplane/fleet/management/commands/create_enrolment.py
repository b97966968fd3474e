"""`manage.py create_enrolment --name N`: print a single-use token with which one machine may join."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.accounts.selectors import default_organisation
from controlplane.fleet.actions import create_enrolment
from wire.errors import MooringError

__all__ = ["Command"]


class Command(BaseCommand):
    """See the module docstring."""

    help = "Print a single-use token with which one machine may join."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take name and life time."""
        parser.add_argument("--name", default="")
        parser.add_argument("--ttl", type=int, default=None, help="seconds, 60 to 604800")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the token."""
        try:
            _, secret = create_enrolment(
                organisation_id=default_organisation().pk,
                name=options["name"],
                ttl_s=options["ttl"],
                created_by="console",
            )
        except MooringError as error:
            raise CommandError(error.message) from error
        self.stdout.write(secret)
