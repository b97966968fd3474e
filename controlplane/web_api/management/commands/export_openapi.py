"""Write the OpenAPI document of `/api/v1`: `manage.py export_openapi [FILE] [--check]`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from drf_spectacular.generators import SchemaGenerator

__all__ = ["Command", "document"]


def document() -> str:
    """Return the document as stable, indented JSON."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(schema, indent=1, sort_keys=True, default=str) + "\n"


class Command(BaseCommand):
    """See the module docstring."""

    help = "Write the OpenAPI document of /api/v1 (default: frontend/openapi.json)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file and `--check`."""
        parser.add_argument("file", nargs="?", default=str(settings.BASE_DIR / "frontend" / "openapi.json"))
        parser.add_argument("--check", action="store_true", help="fail when the file is not up to date")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or compare."""
        file, text = Path(options["file"]), document()
        if options["check"]:
            if not file.exists() or file.read_text() != text:
                raise CommandError(f"{file} is stale: run manage.py export_openapi")
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.stdout.write(f"wrote {file}")
