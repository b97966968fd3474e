"""Go's `path.Match` patterns as regular expressions: image filters and the sources of COPY are written in them."""

from __future__ import annotations

import re

__all__ = ["MalformedPattern", "path_pattern"]


class MalformedPattern(ValueError):
    """Not a pattern; the text is Go's."""

    def __init__(self) -> None:
        super().__init__("syntax error in pattern")


def path_pattern(pattern: str) -> re.Pattern[str]:
    """Return what matches whole paths (`fullmatch`) as `pattern` does: nothing but a slash matches a slash.

    Raises MalformedPattern.
    """
    result: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "*":
            result.append("[^/]*")
        elif char == "?":
            result.append("[^/]")
        elif char == "[":
            text, position = _class(pattern, position)
            result.append(text)
        else:
            if char == "\\":
                char, position = _escaped(pattern, position - 1)
            result.append(re.escape(char))
    return re.compile("".join(result), re.DOTALL)


def _class(pattern: str, position: int) -> tuple[str, int]:
    """A character class from behind its bracket: its expression and where the pattern goes on."""
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[str] = []
    while not (ranges and pattern.startswith("]", position)):
        if pattern[position : position + 1] in ("", "-", "]"):
            raise MalformedPattern
        low, position = _escaped(pattern, position)
        high = low
        if pattern.startswith("-", position):
            if pattern[position + 1 : position + 2] in ("", "-", "]"):
                raise MalformedPattern
            high, position = _escaped(pattern, position + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")  # matches nothing
    inside = "".join(ranges)
    if not inside:
        return ("[^/]" if negated else "(?!)"), position + 1
    return f"(?!/)[{'^' if negated else ''}{inside}]", position + 1


def _escaped(pattern: str, position: int) -> tuple[str, int]:
    """The character there, a backslash before it taken off, and the position behind it."""
    if pattern.startswith("\\", position):
        position += 1
    if position >= len(pattern):
        raise MalformedPattern
    return pattern[position], position + 1
