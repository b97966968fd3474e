"""Where a text stops being JSON, told as Go's scanner tells it. Only asked once a decoder has refused the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["describe_syntax_error"]

_SPACE: Final = " \t\r\n"
_LITERALS: Final = ("true", "false", "null")
_DIGITS: Final = "0123456789"


class _Wrong(Exception):
    """Raised at the first character that does not fit, with the whole text."""


class _Ended(Exception):
    """The text breaks off."""


def describe_syntax_error(body: bytes, *, at_end: str = "unexpected EOF") -> str:
    """Go's words for the first fault of `body`, which is not JSON: a character in the wrong place, or the end.

    `at_end` is what Go says of a text that breaks off: `unexpected EOF` where it reads a stream, `unexpected end of
    JSON input` where it has the whole.
    """
    scanner = _Scanner(body.decode("utf-8", "replace"))
    try:
        scanner.value()
        scanner.end()
    except _Wrong as fault:
        return str(fault)
    except _Ended:
        return at_end
    except RecursionError:
        return "exceeded max depth"
    return at_end


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def value(self) -> None:
        character = self._after_space()
        if character == "{":
            self._members("}", self._member, "object key:value pair")
        elif character == "[":
            self._members("]", self.value, "array element")
        elif character == '"':
            self._string()
        elif character == "-" or character in _DIGITS:
            self._number()
        else:
            literal = next((word for word in _LITERALS if word[0] == character), None)
            if literal is None:
                raise self._wrong("looking for beginning of value")
            for expected in literal:
                if self._peek() != expected:
                    raise self._wrong(f"in literal {literal} (expecting {_quoted(expected)})")
                self._at += 1

    def end(self) -> None:
        """Raise when something follows the value."""
        while self._next_is(_SPACE):
            self._at += 1
        if self._at < len(self._text):
            raise self._wrong("after top-level value")

    def _members(self, end: str, member: Callable[[], None], what: str) -> None:
        self._at += 1
        if self._after_space() == end:
            self._at += 1
            return
        while True:
            member()
            character = self._after_space()
            if character not in (",", end):
                raise self._wrong(f"after {what}")
            self._at += 1
            if character == end:
                return

    def _member(self) -> None:
        if self._after_space() != '"':
            raise self._wrong("looking for beginning of object key string")
        self._string()
        if self._after_space() != ":":
            raise self._wrong("after object key")
        self._at += 1
        self.value()

    def _string(self) -> None:
        self._at += 1
        while (character := self._peek()) != '"':
            if character < " ":
                raise self._wrong("in string literal")
            self._at += 1
            if character == "\\":
                self._escape()
        self._at += 1

    def _escape(self) -> None:
        kind = self._peek()
        if kind not in 'bfnrt\\/"u':
            raise self._wrong("in string escape code")
        self._at += 1
        for _ in range(4 if kind == "u" else 0):
            if self._peek() not in _DIGITS + "abcdefABCDEF":
                raise self._wrong("in \\u hexadecimal character escape")
            self._at += 1

    def _number(self) -> None:
        if self._peek() == "-":
            self._at += 1
        if self._peek() not in _DIGITS:
            raise self._wrong("in numeric literal")
        leading_zero = self._peek() == "0"
        self._at += 1
        if not leading_zero:
            self._digits()
        if self._next_is("."):
            self._at += 1
            if self._peek() not in _DIGITS:
                raise self._wrong("after decimal point in numeric literal")
            self._digits()
        if self._next_is("eE"):
            self._at += 1
            if self._peek() in "+-":
                self._at += 1
            if self._peek() not in _DIGITS:
                raise self._wrong("in exponent of numeric literal")
            self._digits()

    def _digits(self) -> None:
        while self._next_is(_DIGITS):
            self._at += 1

    def _next_is(self, characters: str) -> bool:
        return self._at < len(self._text) and self._text[self._at] in characters

    def _after_space(self) -> str:
        while self._next_is(_SPACE):
            self._at += 1
        return self._peek()

    def _peek(self) -> str:
        if self._at >= len(self._text):
            raise _Ended
        return self._text[self._at]

    def _wrong(self, context: str) -> _Wrong:
        return _Wrong(f"invalid character {_quoted(self._text[self._at])} {context}")


def _quoted(character: str) -> str:
    if character == "'":
        return "'\\''"
    shown = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}.get(character, character)
    return f"'{shown}'" if character.isprintable() or character in "\n\t\r" else f"'\\x{ord(character):02x}'"
