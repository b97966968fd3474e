"""How an instruction's text is cut into words: JSON arrays, key-value pairs, and raw words that keep their quotes."""

from __future__ import annotations

import json
import re

from agent.build.go_text import quote

__all__ = ["WordError", "parse_json_words", "split_key_values", "split_raw_words"]

_WHITESPACE = re.compile(r"[\t\v\f\r ]+")


class WordError(ValueError):
    """The text cannot be cut; the wording is Docker's."""


def parse_json_words(text: str) -> list[str] | None:
    """Return the strings of a JSON array, or None when `text` is not one (it is then meant for a shell).

    Raises WordError for a JSON array that holds anything but strings.
    """
    if not text.lstrip().startswith("["):
        return None
    try:
        # What follows the array is not looked at, as in Docker.
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except ValueError:
        return None
    if not all(isinstance(item, str) for item in value):
        raise WordError("when using JSON array syntax, arrays must be comprised of strings only")
    return list(value)


def split_raw_words(text: str, escape: str) -> list[str]:
    """Cut at blanks outside quotes and escapes; quotes and escapes stay, for expansion takes them later."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        if char == escape and quote != "'" and position + 1 < len(text):
            word.append(text[position : position + 2])
            position += 2
            continue
        if quote:
            quote = "" if char == quote else quote
            word.append(char)
        elif char in "'\"":
            quote = char
            word.append(char)
        elif char.isspace():
            if word:
                words.append("".join(word))
                word = []
        else:
            word.append(char)
        position += 1
    if word:
        words.append("".join(word))
    return words


def split_key_values(text: str, keyword: str, escape: str) -> list[tuple[str, str]]:
    """Cut `name=value …`, or the old `name value with blanks`. Raises WordError."""
    words = split_raw_words(text, escape)
    if not words:
        return []
    if "=" not in words[0]:
        parts = _WHITESPACE.split(text.strip(), maxsplit=1)
        if len(parts) < 2:
            raise WordError(f"{keyword} must have two arguments")
        return [(parts[0], parts[1])]
    pairs = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise WordError(f"Syntax error - can't find = in {quote(word)}. Must be of the form: name=value")
        pairs.append((name, value))
    return pairs
