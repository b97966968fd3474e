"""A real installation. The secret key is a file made by `manage.py ensure_secrets`."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from controlplane.settings.base import *  # noqa: F403
from controlplane.settings.base import (
    MOORING_PUBLIC_URL,
    MOORING_SECRET_KEY_FILE,
    MOORING_TLS_CERTIFICATE,
    MOORING_TRUST_PROXY,
)

DEBUG = False


def _read_secret_key() -> str:
    try:
        return MOORING_SECRET_KEY_FILE.read_text().strip()
    except FileNotFoundError:
        # `ensure_secrets` itself, and build steps that need no key, start without one. Nothing can be signed with
        # an empty key: Django refuses to.
        return ""


SECRET_KEY = _read_secret_key()

_public = urlsplit(MOORING_PUBLIC_URL)
_secure = _public.scheme == "https" or bool(MOORING_TLS_CERTIFICATE) or os.environ.get("MOORING_SECURE_COOKIES") == "1"
SESSION_COOKIE_SECURE = _secure  # browsers count http://localhost as secure
CSRF_COOKIE_SECURE = _secure
# A promise about the whole host name, other ports' services included: only made when the name is ours alone.
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _public.scheme == "https" and _public.port in (None, 443) else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if MOORING_TRUST_PROXY else None
