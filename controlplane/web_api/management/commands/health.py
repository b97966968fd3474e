"""`manage.py health [--wait SECONDS]`: is every part of the plane alive? Prints each; exit status 0 when all are."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from controlplane.web_api.health import health_report

__all__ = ["Command"]


class Command(BaseCommand):
    """See the module docstring."""

    help = "Print how every part of the plane is; exit status 0 when all are well."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how long to wait."""
        parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, again until all is well or the time is over."""
        deadline = time.monotonic() + options["wait"]
        while True:
            report = health_report()
            report["components"]["asgi"] = _asgi()
            well = all(part["ok"] for part in report["components"].values())
            if well or time.monotonic() >= deadline:
                break
            time.sleep(0.3)
        for name, part in sorted(report["components"].items()):
            self.stdout.write(f"{'ok  ' if part['ok'] else 'FAIL'} {name}: {part['detail']}")
        if not well:
            sys.exit(1)


def _asgi() -> dict[str, Any]:
    address = settings.MOORING_LISTEN_ADDRESS if settings.MOORING_LISTEN_ADDRESS != "0.0.0.0" else "127.0.0.1"
    url = f"http://{address}:{settings.MOORING_PORT}/api/v1/health"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            json.load(answer)
    except urllib.error.HTTPError as error:
        return {"ok": error.code == 503, "detail": f"answers ({error.code})"}
    except (OSError, ValueError) as error:
        return {"ok": False, "detail": f"{url}: {error}"}
    return {"ok": True, "detail": f"answers on port {settings.MOORING_PORT}"}
