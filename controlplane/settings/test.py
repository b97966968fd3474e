"""pytest: SQLite in a file of its own (threads share it, as in production), no Redis, fast password hashing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("MOORING_DATA", str(Path(tempfile.gettempdir()) / f"mooring-test-{os.getpid()}"))

from controlplane.settings.base import *  # noqa: F403
from controlplane.settings.base import DATABASES, MOORING_DATA

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MOORING_REDIS_URL = "memory://"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["NAME"] = str(MOORING_DATA / "db.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(MOORING_DATA / "test.sqlite3")}
MOORING_DATA.mkdir(parents=True, exist_ok=True)
