"""What an examination of the host found: one plain value for every room that looks."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Finding", "Severity"]

Severity = Literal["error", "warning", "info"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`error`: containers cannot run. `warning`: something will not work or is slower. `info`: good to know.

    `title` is one short sentence, `detail` says what was seen and what follows, `next` what to do ("" nothing).
    """

    code: str
    severity: Severity
    title: str
    detail: str = ""
    next: str = ""
