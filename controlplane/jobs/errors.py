"""How a failed job tells what failed, why, and what to do next."""

from __future__ import annotations

from typing import Any

from wire.errors import MooringError
from wire.httpstatus import status_of

__all__ = ["describe"]

_NEXT = {
    "unavailable": "Check the host's connection on its page, then retry",
    "timeout": "Look at the host's load, then retry",
    "conflict": "Choose another name or remove what is in the way, then retry",
    "not_found": "Check the name; it may have been removed meanwhile",
    "forbidden": "Ask an admin for the right",
    "exhausted": "Free some space or raise the limit, then retry",
    "invalid": "Correct the request and submit it again",
    "unsupported": "This is not offered here; see docs/compat.md",
    "cancelled": "Submit it again if it is still wanted",
}


def describe(title: str, error: MooringError) -> dict[str, Any]:
    """Return the stored form of `error`: `{code, what, why, next, message, status}`."""
    return {
        "code": error.kind,
        "what": f"{title} failed",
        "why": error.message,
        "next": _NEXT.get(error.kind, "Read the job's output, then retry"),
        "message": error.message,
        "status": status_of(error),
    }
