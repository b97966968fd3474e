"""Request paths as Docker's router takes them: only in their shortest form, which others are sent to."""

from __future__ import annotations

import posixpath
import urllib.parse

__all__ = ["redirect_target"]

_UNESCAPED = "/$&+,:;=@!'()*~"
"""What Go leaves as it is in the path of a URL, besides letters, digits and `-_.`."""


def redirect_target(path: str, query: str = "") -> str | None:
    """Where a client that asked for the decoded `path` is sent; None when the path is in its shortest form.

    A path is shortened as by Go's `path.Clean`: no empty and no dot segments, a slash at its end kept.
    """
    if path.startswith("/") and "//" not in path and "/." not in path:
        return None
    shortest = posixpath.normpath("/" + path.lstrip("/"))
    if path.endswith("/") and shortest != "/":
        shortest += "/"
    if shortest == path:
        return None
    return urllib.parse.quote(shortest, safe=_UNESCAPED) + (f"?{query}" if query else "")
