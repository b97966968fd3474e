"""Every error of `/api/v1` in one shape: code, what, why, next, message, request id."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from controlplane.kernel.requests import new_request_id
from wire.errors import Internal, MooringError, Unavailable
from wire.httpstatus import error_for_status, status_of

__all__ = ["error_body", "exception_handler"]

logger = logging.getLogger(__name__)

_WHAT = {
    "invalid": "The request is not valid",
    "unauthenticated": "You are not signed in",
    "forbidden": "You may not do this",
    "not_found": "It is not there",
    "conflict": "It is in the way of something else",
    "exhausted": "A limit is reached",
    "unsupported": "This is not offered",
    "unavailable": "It cannot be reached now",
    "timeout": "It took too long",
}
_NEXT = {
    "invalid": "Correct the marked values and send it again",
    "unauthenticated": "Sign in and try again",
    "forbidden": "Ask an admin",
    "not_found": "Check the name; it may have been removed meanwhile",
    "conflict": "Look at its present state and try again",
    "exhausted": "Wait or make room, then try again",
    "unavailable": "Look at the host's page, then try again",
    "timeout": "Try again; look at the host's load if it repeats",
}


def error_body(error: MooringError, request_id: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the answer's JSON for `error`; `fields` are messages per input field."""
    body: dict[str, Any] = {
        "code": str(error.details.get("code", error.kind)),
        "what": str(error.details.get("what", _WHAT.get(error.kind, "Something went wrong here"))),
        "why": error.message,
        "next": str(error.details.get("next", _NEXT.get(error.kind, "Try again; report the request id if it repeats"))),
        "message": error.message,
        "request_id": request_id,
    }
    if fields:
        body["fields"] = fields
    return {"error": body}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF hook. A fault of ours becomes `internal` with the request id; its traceback stays in the log."""
    request = context.get("request")
    request_id = getattr(request, "request_id", None) or new_request_id()
    fields: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    if isinstance(exc, MooringError):
        error = exc
        if "retry_after_s" in exc.details:
            headers["Retry-After"] = str(exc.details["retry_after_s"])
            return Response(error_body(error, request_id), status=429, headers=headers)
    elif isinstance(exc, exceptions.ValidationError):
        fields = exc.detail if isinstance(exc.detail, dict) else {"": exc.detail}
        error = error_for_status(400, _first_message(exc.detail))
    elif isinstance(exc, exceptions.APIException):
        error = error_for_status(exc.status_code, str(exc.detail))
        if exc.status_code not in (400, 401, 403, 404, 503):
            return Response(error_body(error, request_id), status=exc.status_code)
    elif isinstance(exc, OperationalError):
        logger.warning("web_api.database_away request=%s error=%s", request_id, exc)
        error, headers = Unavailable("the database is busy or cannot be reached"), {"Retry-After": "2"}
    elif isinstance(exc, Http404):
        error = error_for_status(404, "No such page")
    elif isinstance(exc, PermissionDenied):
        error = error_for_status(403, str(exc) or "permission denied")
    else:
        logger.exception("web_api.crashed request=%s", request_id)
        error = Internal(f"internal error (reference {request_id})")
    body = error_body(error, request_id, fields)
    if getattr(request, "path", "").startswith("/agent/"):
        body["message"] = error.message  # what programs that speak Docker's error shape read
    return Response(body, status=status_of(error), headers=headers)


def _first_message(detail: Any, path: str = "") -> str:
    if isinstance(detail, dict):
        for key, value in detail.items():
            return _first_message(value, f"{path}.{key}" if path else str(key))
    if isinstance(detail, list) and detail:
        return _first_message(detail[0], path)
    text = str(detail) if detail else "invalid"
    return f"{path}: {text}" if path and path != "non_field_errors" else text
