"""The only place that knows which HTTP status an error kind has."""

from __future__ import annotations

from wire import errors

__all__ = ["error_for_status", "status_of"]

_STATUS: dict[str, int] = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "not_modified": 304,
    "precondition_failed": 412,
    "exhausted": 413,
    "unsupported": 501,
    "unavailable": 503,
    "timeout": 504,
    "cancelled": 499,
    "internal": 500,
}

_KIND: dict[int, type[errors.MooringError]] = {
    _STATUS[cls.kind]: cls
    for cls in (
        errors.Invalid, errors.Unauthenticated, errors.Forbidden, errors.NotFound, errors.Conflict,
        errors.NotModified, errors.PreconditionFailed, errors.Exhausted, errors.Unsupported, errors.Unavailable,
        errors.Timeout, errors.Cancelled, errors.Internal,
    )
}  # fmt: skip


def status_of(error: errors.MooringError) -> int:
    """Return the HTTP status for `error`'s kind."""
    return _STATUS[error.kind]


def error_for_status(status: int, message: str) -> errors.MooringError:
    """Return the error that a peer meant by `status`; an unknown 4xx is invalid, anything else internal."""
    known = _KIND.get(status)
    if known is not None:
        return known(message)
    return errors.Invalid(message) if 400 <= status < 500 else errors.Internal(message)
