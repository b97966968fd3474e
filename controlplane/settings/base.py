"""What every environment shares. Paths under `MOORING_DATA` are named here and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from controlplane.settings.database import database_from_environment

BASE_DIR = Path(__file__).resolve().parents[2]

# --- where things are on disk ----------------------------------------------------------------------------------------
MOORING_DATA = Path(os.environ.get("MOORING_DATA", "/var/lib/mooring"))
MOORING_RUN = MOORING_DATA / "run"
MOORING_PLANE_DATA = MOORING_DATA / "plane"
MOORING_ENGINE_SOCKET = MOORING_DATA / "engine.sock"
MOORING_GATEWAY_SOCKET = MOORING_RUN / "gateway.sock"  # agents of this machine, and the relay of the asgi process
MOORING_GATEWAY_CALLS_SOCKET = MOORING_RUN / "gateway-calls.sock"  # asgi and workers
MOORING_SECRET_KEY_FILE = Path(os.environ.get("MOORING_SECRET_KEY_FILE", MOORING_PLANE_DATA / "secret.key"))

# --- how it is reached -----------------------------------------------------------------------------------------------
MOORING_LISTEN_ADDRESS = os.environ.get("MOORING_LISTEN_ADDRESS", "127.0.0.1")  # it is not encrypted
MOORING_PORT = int(os.environ.get("MOORING_PORT", "8080"))
MOORING_PUBLIC_URL = os.environ.get("MOORING_PUBLIC_URL", f"http://localhost:{MOORING_PORT}").rstrip("/")
MOORING_TLS_CERTIFICATE = os.environ.get("MOORING_TLS_CERTIFICATE", "")  # a chain in PEM: makes the TLS port
MOORING_TLS_KEY = os.environ.get("MOORING_TLS_KEY", "")
MOORING_TLS_LISTEN_ADDRESS = os.environ.get("MOORING_TLS_LISTEN_ADDRESS", "0.0.0.0")
MOORING_TLS_PORT = int(os.environ.get("MOORING_TLS_PORT", "8443"))
MOORING_TRUST_PROXY = os.environ.get("MOORING_TRUST_PROXY") == "1"  # believe what a proxy in front says of its client
MOORING_REDIS_URL = os.environ.get("MOORING_REDIS_URL", f"unix://{MOORING_RUN / 'valkey.sock'}")
ALLOWED_HOSTS = [name for name in os.environ.get("MOORING_ALLOWED_HOSTS", "*").split(",") if name]

# --- limits -----------------------------------------------------------------------------------------------------------
MOORING_JOB_LEASE_S = 10.0  # a running job whose worker is silent for this long is handed to another worker
MOORING_JOB_ATTEMPTS = 3
MOORING_JOB_REDISPATCH_S = 4.0  # a queued job nobody took for this long lost its message
MOORING_JOB_KEEP_DAYS = 30  # ended jobs and their output; the audit record stays
MOORING_ENROLMENT_TTL_S = 3600
MOORING_SETUP_TTL_S = 1800
MOORING_REVOCATION_CHECK_S = 2.0  # how often an open stream's right to be open is looked up again
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # bodies of the dashboard's side

DATABASES: dict[str, dict[str, Any]] = {
    "default": database_from_environment(os.environ.get("MOORING_DATABASE_URL"), MOORING_PLANE_DATA / "db.sqlite3")
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "controlplane.kernel",
    "controlplane.accounts",
    "controlplane.audit",
    "controlplane.fleet",
    "controlplane.jobs",
    "controlplane.gateway",
    "controlplane.workloads",
    "controlplane.orchestrator",
    "controlplane.engine_api",
    "controlplane.web_api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "controlplane.kernel.requests.RequestIdMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "controlplane.urls"
APPEND_SLASH = False
TEMPLATES: list[dict[str, Any]] = []
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["controlplane.accounts.backends.PasswordBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

# --- sessions, CSRF, headers -----------------------------------------------------------------------------------------
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "mooring_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = "mooring_csrftoken"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "controlplane.kernel.requests.csrf_failure"
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("MOORING_TRUSTED_ORIGINS", "").split(",") if origin]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- static files: the built dashboard -------------------------------------------------------------------------------
FRONTEND_DIST = Path(os.environ.get("MOORING_FRONTEND_DIST", BASE_DIR / "frontend" / "dist"))
STATIC_URL = "/static/"
WHITENOISE_ROOT = None
WHITENOISE_USE_FINDERS = False
WHITENOISE_AUTOREFRESH = False
WHITENOISE_ALLOW_ALL_ORIGINS = False
STATIC_ROOT = FRONTEND_DIST if FRONTEND_DIST.is_dir() else None
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$"


def _add_static_headers(headers: Any, path: str, url: str) -> None:
    """WhiteNoise wants the function itself, and what it needs cannot be imported before the settings are there."""
    from controlplane.kernel.requests import add_static_headers

    add_static_headers(headers, path, url)


WHITENOISE_ADD_HEADERS_FUNCTION = _add_static_headers

# --- time and words --------------------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-us"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["controlplane.web_api.authentication.RequestAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["controlplane.web_api.permissions.DenyUnlessDeclared"],
    "DEFAULT_RENDERER_CLASSES": ["controlplane.web_api.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["controlplane.web_api.parsers.OrjsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "controlplane.web_api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_METADATA_CLASS": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Mooring management API",
    "DESCRIPTION": "What the dashboard and tooling use. The Docker-compatible API is separate.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SORT_OPERATIONS": True,
    "ENUM_NAME_OVERRIDES": {
        "HostState": "controlplane.fleet.choices.HostState",
        "JobState": "controlplane.jobs.choices.JobState",
        "Role": "controlplane.accounts.choices.Role",
        "ContainerState": "controlplane.web_api.serializers.containers.CONTAINER_STATES",
        "EnrolmentProgress": "controlplane.web_api.serializers.hosts.ENROLMENT_STATES",
        "LinkState": "controlplane.web_api.serializers.hosts.LINK_STATES",
    },
}

# --- Celery -----------------------------------------------------------------------------------------------------------
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# A worker thread keeps its SQLite connection from job to job; with PostgreSQL it goes back to the pool.
CELERY_DB_REUSE_MAX = 10_000 if DATABASES["default"]["ENGINE"].endswith("sqlite3") else None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Redelivery of an unacknowledged message; the sweeper is much quicker, and a job is done once whatever arrives.
    "visibility_timeout": 6 * 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "queue_order_strategy": "round_robin",
}
CELERY_BEAT_SCHEDULER = "controlplane.kernel.timetable:SteadyScheduler"
CELERY_BEAT_SCHEDULE = {
    "jobs.sweep": {"task": "jobs.sweep", "schedule": 3.0, "options": {"expires": 3.0}},
    "kernel.beat_heartbeat": {"task": "kernel.record_beat", "schedule": 5.0, "options": {"expires": 5.0}},
    "jobs.clean": {"task": "jobs.clean", "schedule": 3600.0, "options": {"expires": 1800.0}},
    "kernel.clean": {"task": "kernel.clean_expired", "schedule": 600.0, "options": {"expires": 300.0}},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "unforeseen": {"()": "django.utils.log.CallbackFilter", "callback": lambda record: bool(record.exc_info)},
    },
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("MOORING_LOG_LEVEL", "INFO")},
    "loggers": {
        # Faults of ours are logged with their reference where they happen; what escapes that has its traceback here.
        "django.request": {"level": "ERROR", "filters": ["unforeseen"]},
        "django.channels": {"level": "WARNING"},
        "uvicorn": {"level": "WARNING"},  # it would log the addresses of sockets, and with them their tickets
        "celery.app.trace": {"level": "WARNING"},  # a line for each task would be two for each job
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
