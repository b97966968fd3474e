"""`.dockerignore`: which paths of a context are left out.

One pattern a line, `#` starts a comment, `!` takes a path back in, the last pattern that matches decides. `*` and `?`
stop at a slash, `**` does not. A pattern that matches a directory matches everything below it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

__all__ = ["IgnoreRules", "parse_ignore"]


def parse_ignore(text: str) -> IgnoreRules:
    """Read an ignore file. Raises ValueError for a pattern that cannot be read."""
    patterns = []
    for line in text.removeprefix("\ufeff").splitlines():
        if line.startswith("#"):
            continue
        pattern = line.strip()
        if not pattern:
            continue
        negated = pattern.startswith("!")
        if negated:
            pattern = pattern[1:].strip()
        if pattern:
            pattern = posixpath.normpath(pattern)
            if len(pattern) > 1 and pattern.startswith("/"):
                pattern = pattern.lstrip("/")
        patterns.append(("!" if negated else "") + pattern)
    return IgnoreRules(patterns)


class IgnoreRules:
    """Compiled patterns. Raises ValueError for one that cannot be read, such as a lone `!`."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        self.has_exceptions = False
        for pattern in patterns:
            negated = pattern.startswith("!")
            body = pattern[1:] if negated else pattern
            if negated and not body:
                raise ValueError('illegal exclusion pattern: "!"')
            self.has_exceptions = self.has_exceptions or negated
            if body in ("", "."):
                continue
            self._rules.append((negated, _compile(body)))

    def __bool__(self) -> bool:
        return bool(self._rules)

    def excludes(self, path: str) -> bool:
        """Whether `path` (relative, with slashes) is left out, itself or by a directory above it."""
        parts = path.split("/")
        prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        excluded = False
        for negated, rule in self._rules:
            if negated == excluded and any(rule.fullmatch(prefix) for prefix in prefixes):
                excluded = not negated
        return excluded


def _compile(pattern: str) -> re.Pattern[str]:
    result: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "*":
            if pattern.startswith("*", position):
                position += 1
                if pattern.startswith("/", position):
                    position += 1
                result.append(".*" if position >= len(pattern) else "(?:.*/)?")
            else:
                result.append("[^/]*")
        elif char == "?":
            result.append("[^/]")
        elif char == "\\":
            result.append(re.escape(pattern[position : position + 1] or "\\"))
            position += 1
        elif char == "[":
            end = pattern.find("]", position + 1)
            if end < 0:
                raise ValueError(f"syntax error in pattern: {pattern}")
            body = pattern[position:end].replace("\\", "\\\\")
            result.append(f"[{'^' + body[1:] if body.startswith('^') else body}]")
            position = end + 1
        else:
            result.append(re.escape(char))
    try:
        return re.compile("".join(result), re.DOTALL)
    except re.error:
        raise ValueError(f"syntax error in pattern: {pattern}") from None
