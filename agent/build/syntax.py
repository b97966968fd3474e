"""A Dockerfile's text, split into statements: directives, comments, continuation lines, heredocs and flags.

Nothing here knows what an instruction means beyond which ones take flags and heredocs; `instructions` gives meaning.
The rules are those of the Dockerfile reference as Docker 26.1 applies them: a continuation line keeps its own leading
blanks, comment lines inside a continued statement vanish, an escape character before another one does not continue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.build.expansion import Expander, ExpansionError
from agent.build.words import split_raw_words
from wire.errors import Invalid

__all__ = ["Dockerfile", "Heredoc", "Statement", "parse_dockerfile", "parse_statement"]

_BLANKS = " \t\v\f\r"
_WHITESPACE = re.compile(r"[\t\v\f\r ]+")
_DIRECTIVE = re.compile(r"^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*$")
_HEREDOC_WORD = re.compile(r"^(\d*)<<(-?)([^<]*)$")
_DIRECTIVES = frozenset(("syntax", "escape", "check"))
_TAKES_HEREDOC = frozenset(("run", "add", "copy"))
_DEFAULT_ESCAPE = "\\"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """An inline document. `expand` is false when its name was quoted; `chomp` (`<<-`) drops leading tabs."""

    name: str
    content: str
    expand: bool = True
    chomp: bool = False
    descriptor: int = 0

    def text(self) -> str:
        """The content, without leading tabs when `<<-` asked for that."""
        return re.sub(r"(?m)^\t+", "", self.content) if self.chomp else self.content


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One instruction as written. `original` is its joined text, `rest` what follows keyword and flags."""

    keyword: str
    original: str
    rest: str
    line: int
    end_line: int
    flags: tuple[str, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """All statements in order, the escape character in force and warnings for the client."""

    statements: tuple[Statement, ...]
    escape: str = _DEFAULT_ESCAPE
    syntax: str = ""
    checks: str = ""
    warnings: tuple[str, ...] = field(default_factory=tuple)


def parse_dockerfile(text: str) -> Dockerfile:
    """Split `text` into statements. Raises Invalid (`failed to parse Dockerfile: …`) for what cannot be split."""
    return _Parser(text).parse()


def parse_statement(text: str, *, escape: str = _DEFAULT_ESCAPE) -> Statement:
    """Parse one instruction that stands alone, such as an ONBUILD trigger."""
    lines = text.removesuffix("\n").split("\n")
    return _Parser(text, escape=escape).statement(lines[0], 1, iter(enumerate(lines[1:], start=2)))


class _Parser:
    """Walks the lines once."""

    def __init__(self, text: str, *, escape: str = _DEFAULT_ESCAPE) -> None:
        self._lines = enumerate(_split_lines(text), start=1)
        self._directives: dict[str, str] = {}
        self._warnings: list[str] = []
        self._set_escape(escape)

    def _set_escape(self, escape: str) -> None:
        self._escape = escape
        token = re.escape(escape)
        self._continuation = re.compile(rf"(^|[^{token}]){token}[ \t]*$")

    def parse(self) -> Dockerfile:
        statements: list[Statement] = []
        in_directives = True
        for number, raw in self._lines:
            line = raw.removesuffix("\r").lstrip(_BLANKS)
            if in_directives:
                in_directives = self._directive(line)
            if line.startswith("#"):
                continue
            joined, continued = self._cut_continuation(line)
            if not continued and not joined.strip(_BLANKS):
                continue
            statements.append(self._continue(joined, continued, number))
        if not statements:
            raise Invalid("failed to parse Dockerfile: file with no instructions")
        if self._warnings:
            self._warnings.append("[WARNING]: Empty continuation lines will become errors in a future release.\n")
        return Dockerfile(
            statements=tuple(statements),
            escape=self._escape,
            syntax=self._directives.get("syntax", ""),
            checks=self._directives.get("check", ""),
            warnings=tuple(self._warnings),
        )

    def _directive(self, line: str) -> bool:
        """Take a parser directive; false ends the region in which directives count."""
        match = _DIRECTIVE.match(line)
        if match is None or (name := match[1].lower()) not in _DIRECTIVES:
            return False
        if name in self._directives:
            raise Invalid(f"failed to parse Dockerfile: only one {name} parser directive can be used")
        self._directives[name] = match[2]
        if name == "escape":
            if match[2] not in ("`", "\\"):
                raise Invalid(f"failed to parse Dockerfile: invalid escape token '{match[2]}' does not match ` or \\")
            self._set_escape(match[2])
        return True

    def _cut_continuation(self, line: str) -> tuple[str, bool]:
        """Return the line without its continuation character, and whether it had one."""
        cut, count = self._continuation.subn(r"\1", line)
        return cut, count > 0

    def _continue(self, joined: str, continued: bool, number: int) -> Statement:
        empty_line = False
        last = number
        while continued:
            following = next(self._lines, None)
            if following is None:
                break
            last, raw = following[0], following[1].removesuffix("\r")
            if raw.lstrip(_BLANKS).startswith("#"):
                continue
            if not raw.strip(_BLANKS):
                empty_line = True
                continue
            part, continued = self._cut_continuation(raw)
            joined += part
        if empty_line:
            self._warnings.append(f"[WARNING]: Empty continuation line found in: {joined}\n")
        return self.statement(joined, number, self._lines, last)

    def statement(self, joined: str, line: int, following: Iterator[tuple[int, str]], last: int = 0) -> Statement:
        """Split `joined`; heredoc bodies are taken from `following`."""
        original = joined.strip()
        parts = _WHITESPACE.split(original, maxsplit=1)
        keyword = parts[0]
        flags, rest = _split_flags(parts[1]) if len(parts) == 2 else ((), "")
        heredocs: list[Heredoc] = []
        last = max(last, line)
        if keyword.lower() in _TAKES_HEREDOC and "<<" in joined and not rest.startswith("["):
            for opening in _heredoc_openings(rest, self._escape):
                body: list[str] = []
                for last, raw in following:  # noqa: B007 - the line number is used after the loop
                    text = raw.removesuffix("\r")
                    if (text.lstrip("\t") if opening.chomp else text) == opening.name:
                        break
                    body.append(raw + "\n")
                else:
                    raise Invalid("failed to parse Dockerfile: unterminated heredoc")
                heredocs.append(
                    Heredoc(
                        name=opening.name,
                        content="".join(body),
                        expand=opening.expand,
                        chomp=opening.chomp,
                        descriptor=opening.descriptor,
                    )
                )
        return Statement(
            keyword=keyword,
            original=original,
            rest=rest.strip(),
            line=line,
            end_line=last,
            flags=flags,
            heredocs=tuple(heredocs),
        )


def _split_lines(text: str) -> list[str]:
    text = text.removeprefix("\ufeff")
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines


def _split_flags(rest: str) -> tuple[tuple[str, ...], str]:
    """Take leading `--name[=value]` words, which may hold quotes and escapes; a bare `--` ends them."""
    flags: list[str] = []
    position = 0
    while True:
        while position < len(rest) and rest[position].isspace():
            position += 1
        if not rest.startswith("--", position):
            return tuple(flags), rest[position:]
        word, position = _flag_word(rest, position)
        if word == "--":
            return tuple(flags), rest[position:].lstrip()
        flags.append(word)


def _flag_word(rest: str, position: int) -> tuple[str, int]:
    word: list[str] = []
    quote = ""
    while position < len(rest):
        char = rest[position]
        if char == "\\" and position + 1 < len(rest) and quote != "'":
            position += 1
            word.append(rest[position])
        elif quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "'\"":
            quote = char
        elif char.isspace():
            break
        else:
            word.append(char)
        position += 1
    return "".join(word), position


def _heredoc_openings(rest: str, escape: str) -> list[Heredoc]:
    """The heredocs that a command line opens, without bodies, in order."""
    found = []
    for word in split_raw_words(rest, escape):
        match = _HEREDOC_WORD.match(word)
        if match is None or not match[3]:
            continue
        try:
            names = Expander(escape=escape).words(match[3], {})
        except ExpansionError:
            continue
        if len(names) != 1:
            continue
        found.append(
            Heredoc(
                name=names[0],
                content="",
                expand=names[0] == match[3],
                chomp=match[2] == "-",
                descriptor=int(match[1] or 0),
            )
        )
    return found
