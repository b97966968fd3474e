"""pytest: SQLite in a file of its own (threads share it, as in production), no Redis, fast password hashing."""

from __future__ import annotations

import os
import tempfile

# Never a real installation's directory, and one for each run: several may run at once. tests/unit/controlplane makes
# and removes it; type checkers, which read these settings too, leave nothing behind.
os.environ["MOORING_DATA"] = os.path.join(tempfile.gettempdir(), f"mooring-unit-{os.getpid()}")

from controlplane.settings.base import *  # noqa: F403
from controlplane.settings.base import DATABASES, MOORING_DATA

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MOORING_REDIS_URL = "memory://"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["NAME"] = ":memory:"  # for commands that only look at models, which find no directory
    DATABASES["default"]["TEST"] = {"NAME": str(MOORING_DATA / "test.sqlite3")}
