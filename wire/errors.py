"""The one closed list of error kinds, shared by both programs.

An error has a kind, a message in Docker's customary wording and optional structured details. Rooms subclass the
kinds; adapters wrap causes; only the edges translate a kind into a status (`wire.httpstatus`). Retry policy reads the
kind, never the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "Cancelled", "Conflict", "Exhausted", "Forbidden", "Internal", "Invalid", "MooringError", "NotFound",
    "NotModified", "PreconditionFailed", "Timeout", "Unauthenticated", "Unavailable", "Unsupported",
]  # fmt: skip


class MooringError(Exception):
    """Base of all expected errors. `message` is shown to users; `details` is for programs."""

    kind: ClassVar[str] = "internal"

    def __init__(self, message: str, /, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, object] = details


class Invalid(MooringError):
    """The request itself is wrong; repeating it unchanged cannot succeed."""

    kind = "invalid"


class Unauthenticated(MooringError):
    """Who is asking is not known."""

    kind = "unauthenticated"


class Forbidden(MooringError):
    """Who is asking is known and may not."""

    kind = "forbidden"


class NotFound(MooringError):
    """The named object does not exist, or the caller may not know that it does."""

    kind = "not_found"


class Conflict(MooringError):
    """The object's present state or an existing name forbids it."""

    kind = "conflict"


class NotModified(MooringError):
    """It already is as asked; nothing was done."""

    kind = "not_modified"


class PreconditionFailed(MooringError):
    """Something else has to be true first."""

    kind = "precondition_failed"


class Exhausted(MooringError):
    """A limit is reached: size, count, disk, addresses."""

    kind = "exhausted"


class Unsupported(MooringError):
    """Understood, and not offered here."""

    kind = "unsupported"


class Unavailable(MooringError):
    """It cannot be reached now; the same request may succeed later."""

    kind = "unavailable"


class Timeout(MooringError):
    """It took longer than allowed."""

    kind = "timeout"


class Cancelled(MooringError):
    """The caller, or somebody entitled to, stopped it."""

    kind = "cancelled"


class Internal(MooringError):
    """A fault of ours, or of something below us that fits no other kind (Docker answers 500)."""

    kind = "internal"
