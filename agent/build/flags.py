"""The `--name[=value]` flags of an instruction, checked against the ones it knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

__all__ = ["FlagError", "FlagSet"]


class FlagError(ValueError):
    """An instruction is used wrongly; the wording is Docker's and the line is added where it is known."""


class FlagSet:
    """Values of the flags that were given."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    @classmethod
    def parse(cls, words: Sequence[str], kinds: Mapping[str, str], hint: Callable[[str], str]) -> FlagSet:
        """Check `words` against `kinds` (`string`, `strings`, `bool`). Raises FlagError."""
        values: dict[str, list[str]] = {}
        for word in words:
            name, equals, value = word.removeprefix("--").partition("=")
            kind = kinds.get(name)
            if kind is None:
                raise FlagError(f"unknown flag: {name}{hint(name)}")
            if name in values and kind != "strings":
                raise FlagError(f"duplicate flag specified: {name}")
            if kind == "bool":
                value = value.lower() if equals else "true"
                if value not in ("true", "false"):
                    raise FlagError(f"expecting boolean value for flag {name}, not: {value}")
            elif not equals:
                raise FlagError(f"missing a value on flag: {name}")
            values.setdefault(name, []).append(value)
        return cls(values)

    def given(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """The value, or '' when not given."""
        return self._values.get(name, [""])[0]

    def all_text(self, name: str) -> tuple[str, ...]:
        return tuple(self._values.get(name, ()))

    def flag(self, name: str) -> bool:
        return self.text(name) == "true"
