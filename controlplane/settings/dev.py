"""`make dev`: like production, with the dashboard served by Vite and readable errors in the log."""

from __future__ import annotations

from controlplane.settings.production import *  # noqa: F403

DEBUG = False  # Django's HTML error pages would hide what an API client really gets
WHITENOISE_AUTOREFRESH = True
CSRF_TRUSTED_ORIGINS = ["http://localhost:5173", "http://127.0.0.1:5173"]
