"""What a new host fetches in order to join: an installer, and the agent's sources of exactly this version."""

from __future__ import annotations

import gzip
import io
import shlex
import tarfile
from functools import cache

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from controlplane.accounts.access import Action
from controlplane.web_api.views.api_view import ApiView

__all__ = ["InstallerView", "SourceView", "join_command", "public_url"]

_SHIPPED = ("agent", "wire", "scripts", "requirements-agent.txt", "LICENSE")

_INSTALLER = """#!/bin/sh
# Installs Mooring's agent on this host and joins it to {url}. Arguments: --token TOKEN [--name NAME] [--data DIR]
set -eu
[ "$(id -u)" = 0 ] || {{ echo "mooring: run this as root" >&2; exit 1; }}
target=${{MOORING_HOME:-/opt/mooring}}
fetch() {{ if command -v curl >/dev/null; then curl -fsS "$1"; else wget -nv -O- "$1"; fi; }}
mkdir -p "$target"
fetch {url}/agent/v1/source.tar.gz | tar -xz -C "$target"
exec "$target/scripts/join" {url} "$@"
"""


def public_url(request: Request) -> str:
    """The address a new host shall use: the configured one, else what the asker reached (ALLOWED_HOSTS vouches)."""
    if "localhost" in settings.MOORING_PUBLIC_URL:
        return request.build_absolute_uri("/").rstrip("/")
    return str(settings.MOORING_PUBLIC_URL)


def join_command(url: str, secret: str, name: str = "") -> str:
    """Return the one line that installs the agent on a machine and joins it. A plain Debian has wget and no curl."""
    words = ["sh", "-s", "--", "--token", secret, *(["--name", name] if name else [])]
    script = f"{shlex.quote(url)}/agent/v1/install"
    return f"(curl -fsS {script} || wget -nv -O- {script}) | {shlex.join(words)}"


@cache
def _source() -> bytes:
    """The sources as a tar, always the same bytes for the same tree."""
    out = io.BytesIO()

    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if "__pycache__" in entry.name:
            return None
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = 0
        return entry

    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in _SHIPPED:
            tar.add(settings.BASE_DIR / name, name, filter=kept)
    return gzip.compress(out.getvalue(), mtime=0)


@extend_schema(exclude=True)
class InstallerView(ApiView):
    """A shell script; holds nothing secret."""

    actions = {"GET": Action.INSTALLER_READ}

    def get(self, request: Request) -> HttpResponse:
        """Return the script for the address it was asked at."""
        return HttpResponse(_INSTALLER.format(url=shlex.quote(public_url(request))), content_type="text/x-shellscript")


@extend_schema(exclude=True)
class SourceView(ApiView):
    """The agent's sources: the same for everybody, and no secret."""

    actions = {"GET": Action.INSTALLER_READ}

    def get(self, request: Request) -> HttpResponse:
        """Return the archive."""
        return HttpResponse(_source(), content_type="application/gzip")
