"""Shell-like expansion of words: quotes, escapes, `$name` and `${name…}` with the modifiers Dockerfiles know.

    ${v}           the value, empty when unset
    ${v:-w} ${v-w} `w` when unset (with the colon: or empty)
    ${v:+w} ${v+w} `w` when set (with the colon: and not empty)
    ${v:?w} ${v?w} fails with `w` when unset (with the colon: or empty)
    ${v#p} ${v##p} the value without the shortest, longest prefix that matches the pattern
    ${v%p} ${v%%p} the same for suffixes
    ${v/p/r} ${v//p/r}  the first match, every match replaced

Patterns know `*`, `?` and escapes. Only one level of word is expanded; nothing is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent.build.go_text import quote

__all__ = ["Expander", "ExpansionError"]

_SPECIAL = frozenset("@*#?-$!0")
_NOTHING: Mapping[str, str] = {}


class ExpansionError(ValueError):
    """The word cannot be expanded; the text is Docker's."""


class Expander:
    """Expands words by one escape character. `keep_unset` leaves references to unset names as they are written."""

    def __init__(self, *, escape: str = "\\", keep_unset: bool = False) -> None:
        self._escape = escape
        self._keep_unset = keep_unset

    def word(self, word: str, environment: Mapping[str, str] = _NOTHING) -> str:
        """Return `word` expanded, quotes removed. Raises ExpansionError."""
        return self._scan(word, environment).joined

    def words(self, text: str, environment: Mapping[str, str] = _NOTHING) -> list[str]:
        """Return `text` expanded and split at blanks outside quotes. Raises ExpansionError."""
        return self._scan(text, environment).split

    def document(self, text: str, environment: Mapping[str, str] = _NOTHING) -> str:
        """Expand the references of an inline document, where quotes mean nothing. Raises ExpansionError."""
        scan = _Scan(text, environment, self._escape, self._keep_unset)
        try:
            return scan.document()
        except ExpansionError as error:
            raise ExpansionError(f"failed to process {quote(text)}: {error}") from None

    def referenced(self, word: str, environment: Mapping[str, str] = _NOTHING) -> set[str]:
        """Names that `word` refers to, whether set or not. Raises ExpansionError."""
        return self._scan(word, environment).names

    def _scan(self, text: str, environment: Mapping[str, str]) -> _Scan:
        scan = _Scan(text, environment, self._escape, self._keep_unset)
        try:
            scan.run()
        except ExpansionError as error:
            raise ExpansionError(f"failed to process {quote(text)}: {error}") from None
        return scan


class _Scan:
    """One pass over one text."""

    def __init__(self, text: str, environment: Mapping[str, str], escape: str, keep_unset: bool) -> None:
        self._text = text
        self._position = 0
        self._environment = environment
        self._escape = escape
        self._keep_unset = keep_unset
        self._words: list[str] = []
        self._word: list[str] = []
        self._in_word = False
        self.names: set[str] = set()
        self.joined = ""

    def run(self) -> None:
        self.joined = self._until("", split=True)
        self._end_word()

    def document(self) -> str:
        """All of the text with only `$` and the escape character before `$` or itself taken as special."""
        result: list[str] = []
        while char := self._peek():
            if char == "$":
                result.append(self._dollar())
                continue
            self._next()
            if char == self._escape and self._peek() in ("$", self._escape):
                char = self._next()
            result.append(char)
        return "".join(result)

    @property
    def split(self) -> list[str]:
        return self._words

    # scanning
    def _peek(self) -> str:
        return self._text[self._position] if self._position < len(self._text) else ""

    def _next(self) -> str:
        char = self._peek()
        self._position += 1
        return char

    def _until(self, stop: str, *, raw_escapes: bool = False, split: bool = False) -> str:
        """Expand up to `stop` (consumed), or to the end when it is empty. With `split` also gather words."""
        result: list[str] = []
        while char := self._peek():
            if stop and char == stop:
                self._next()
                return "".join(result)
            if char == "'":
                piece = self._single_quoted()
                self._add(piece, split, quoted=True)
            elif char == '"':
                piece = self._double_quoted()
                self._add(piece, split, quoted=True)
            elif char == "$":
                piece = self._dollar()
                self._add_unquoted(piece, split)
            else:
                piece = self._next()
                if piece == self._escape:
                    following = self._next()
                    if not following:
                        break
                    piece = self._escape + following if raw_escapes else following
                    self._add(piece, split, quoted=True)
                elif piece.isspace():
                    if split:
                        self._end_word()
                else:
                    self._add(piece, split, quoted=False)
            result.append(piece)
        if stop:
            raise ExpansionError(f"syntax error: missing '{stop}'")
        return "".join(result)

    def _add(self, piece: str, split: bool, *, quoted: bool) -> None:
        if split:
            self._word.append(piece)
            self._in_word = self._in_word or quoted or bool(piece)

    def _add_unquoted(self, piece: str, split: bool) -> None:
        """The value of an unquoted reference is split at its blanks."""
        if not split:
            return
        for char in piece:
            if char.isspace():
                self._end_word()
            else:
                self._add(char, split, quoted=False)

    def _end_word(self) -> None:
        if self._in_word:
            self._words.append("".join(self._word))
        self._word = []
        self._in_word = False

    def _single_quoted(self) -> str:
        self._next()
        end = self._text.find("'", self._position)
        if end < 0:
            raise ExpansionError("unexpected end of statement while looking for matching single-quote")
        piece = self._text[self._position : end]
        self._position = end + 1
        return piece

    def _double_quoted(self) -> str:
        self._next()
        result: list[str] = []
        while char := self._peek():
            if char == '"':
                self._next()
                return "".join(result)
            if char == "$":
                result.append(self._dollar())
                continue
            self._next()
            if char == self._escape:
                following = self._peek()
                if not following:
                    continue
                if following in ('"', "$", self._escape):
                    char = self._next()
            result.append(char)
        raise ExpansionError("unexpected end of statement while looking for matching double-quote")

    # references
    def _dollar(self) -> str:
        self._next()
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._get(name)
            if value is None:
                return f"${name}" if self._keep_unset else ""
            return value
        self._next()
        following = self._peek()
        if not following:
            raise ExpansionError("syntax error: missing '}'")
        if following in "{}:":
            raise ExpansionError("syntax error: bad substitution")
        name = self._name()
        operator = self._next()
        if operator == "}":
            value = self._get(name)
            if value is None:
                return f"${{{name}}}" if self._keep_unset else ""
            return value
        if operator == "/":
            return self._replace(name)
        return self._modified(name, operator)

    def _get(self, name: str) -> str | None:
        self.names.add(name)
        return self._environment.get(name)

    def _name(self) -> str:
        start = self._position
        first = self._peek()
        if not first:
            return ""
        if first.isdigit():
            while self._peek().isdigit():
                self._position += 1
        elif first in _SPECIAL:
            self._position += 1
        elif first == "_" or first.isalpha():
            while (char := self._peek()) and (char == "_" or char.isalnum()):
                self._position += 1
        return self._text[start : self._position]

    def _modified(self, name: str, operator: str) -> str:
        colon = operator == ":"
        written = operator
        if colon:
            operator = self._next()
            written += operator
        if not operator or operator not in "+-?#%" or (colon and operator in "#%"):
            raise ExpansionError(f"unsupported modifier ({written or chr(0xFFFD)}) in substitution")
        word = self._until("}", raw_escapes=operator in "#%")
        value = self._get(name)
        if value is None and self._keep_unset:
            return f"${{{name}{written}{word}}}"
        absent = value is None or (colon and value == "")
        if operator == "-":
            return word if absent else value or ""
        if operator == "+":
            return "" if absent else word
        if operator == "?":
            if absent:
                why = word or ("is not allowed to be unset" if value is None else "is not allowed to be empty")
                raise ExpansionError(f"{name}: {why}")
            return value or ""
        greedy = word.startswith(operator)
        pattern = word[1:] if greedy else word
        if operator == "#":
            return _without_prefix(value or "", pattern, greedy)
        return _without_suffix(value or "", pattern, greedy)

    def _replace(self, name: str) -> str:
        everywhere = self._peek() == "/"
        if everywhere:
            self._next()
        pattern = self._until("/", raw_escapes=True)
        replacement = self._until("}", raw_escapes=True)
        value = self._get(name)
        if value is None and self._keep_unset:
            return f"${{{name}/{'/' if everywhere else ''}{pattern}/{replacement}}}"
        if not pattern:
            return value or ""
        return re.sub(_pattern(pattern, greedy=True), lambda _: replacement, value or "", count=0 if everywhere else 1)


def _pattern(pattern: str, *, greedy: bool) -> str:
    """A shell pattern as a regular expression."""
    result = ["(?s:"]
    chars = iter(pattern)
    for char in chars:
        if char == "*":
            result.append(".*" if greedy else ".*?")
        elif char == "?":
            result.append(".")
        elif char == "\\":
            result.append(re.escape(next(chars, "\\")))
        else:
            result.append(re.escape(char))
    result.append(")")
    return "".join(result)


def _without_prefix(value: str, pattern: str, greedy: bool) -> str:
    match = re.match(_pattern(pattern, greedy=greedy), value)
    return value[match.end() :] if match else value


def _without_suffix(value: str, pattern: str, greedy: bool) -> str:
    whole = re.compile(_pattern(pattern, greedy=True))
    starts = range(len(value) + 1) if greedy else range(len(value), -1, -1)
    for start in starts:
        if whole.fullmatch(value, start):
            return value[:start]
    return value
