"""`manage.py create_admin --name N --password-file F`: make an admin, or give an existing one that password."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.accounts.actions import change_user, create_user
from controlplane.accounts.choices import Role
from controlplane.accounts.models import User
from wire.errors import MooringError

__all__ = ["Command"]


class Command(BaseCommand):
    """See the module docstring. Safe to repeat."""

    help = "Make an admin, or give an existing user that password and the admin's role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take name and password file (`-` is standard input): a password on the command line is seen by others."""
        parser.add_argument("--name", required=True)
        parser.add_argument("--password-file", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or change the user."""
        source = options["password_file"]
        password = (sys.stdin.read() if source == "-" else Path(source).read_text()).rstrip("\r\n")
        user = User.objects.filter(username=options["name"]).first()
        try:
            if user is None:
                create_user(username=options["name"], password=password, role=Role.ADMIN)
                self.stdout.write(f"made the admin {options['name']}")
            elif user.check_password(password) and user.role == Role.ADMIN and user.is_active:
                self.stdout.write(f"the admin {options['name']} is there")
            else:
                change_user(user, role=Role.ADMIN, password=password, is_active=True)
                self.stdout.write(f"changed the admin {options['name']}")
        except MooringError as error:
            raise CommandError(error.message) from error
