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
_NEXT_AFTER = (
    ("port is already allocated", "Free the port and start the container, or remove it and publish another port"),
    ("address already in use", "Free the port and start the container, or remove it and publish another port"),
    ("no such host", "Check the registry's name and the DNS of the host, then retry"),
    ("connection refused", "Check that the registry runs and can be reached from the host, then retry"),
    ("pull access denied", "Check the image's name, or give the host a sign-in for its registry"),
    ("unauthorized", "Give the host a sign-in for the registry, then retry"),
    ("manifest unknown", "Check the tag; the registry does not have it"),
    ("executable file not found", "Check the command; the image has no such program"),
    ("no space left on device", "Free disk space on the host, then retry"),
)
"""What to do after Docker's best known sentences, whose kind alone says too little."""


def describe(title: str, error: MooringError) -> dict[str, Any]:
    """Return the stored form of `error`: `{code, what, why, next, message, status}`."""
    known = next((act for words, act in _NEXT_AFTER if words in error.message), None)
    return {
        "code": error.kind,
        "what": f"{title} failed",
        "why": error.message,
        "next": known or _NEXT.get(error.kind, "Read the job's output, then retry"),
        "message": error.message,
        "status": status_of(error),
    }
