"""What each Dockerfile instruction says, typed: from a `Statement` to a frozen value, with Docker's complaints.

Words are not expanded here; that needs the environment of the stage (`environment`). Every value keeps its statement
for its line number and the text shown to the client.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from agent.build.durations import parse_duration_ns
from agent.build.flags import FlagError, FlagSet
from agent.build.run_mounts import RunMount, parse_run_mount
from agent.build.syntax import Dockerfile, Heredoc, Statement, parse_statement
from agent.build.words import WordError, parse_json_words, split_key_values, split_raw_words
from wire.errors import Invalid

__all__ = [
    "Add", "Arg", "Cmd", "CommandLine", "Copy", "Entrypoint", "Env", "Expose", "From", "Healthcheck", "Instruction",
    "Label", "Maintainer", "OnBuild", "Run", "Shell", "StopSignal", "User", "Volume", "Workdir", "parse_instruction",
    "parse_instructions", "parse_trigger", "type_statement",
]  # fmt: skip

_STAGE_NAME = re.compile(r"^[a-z][a-z0-9-_.]*$")
_WHITESPACE = re.compile(r"[\t\v\f\r ]+")
_NETWORKS = ("default", "none", "host")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """What every instruction has."""

    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """A command: words as they are (`exec`), or one line for the stage's shell."""

    words: tuple[str, ...]
    exec_form: bool
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class From(_Base):
    """`base` may hold references to arguments declared before the first stage; `name` is lower case or empty."""

    base: str
    name: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg(_Base):
    """Names with their default, None where none is given."""

    pairs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Env(_Base):
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(_Base):
    """`expand` is false for labels that come from the client's options."""

    pairs: tuple[tuple[str, str], ...]
    expand: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(_Base):
    command: CommandLine
    mounts: tuple[RunMount, ...] = ()
    network: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(_Base):
    """COPY. `from_` is empty for the context. Inline documents are in `statement.heredocs`, named among `sources`."""

    sources: tuple[str, ...]
    destination: str
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    documents: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(_Base):
    """ADD: like COPY from the context, and also URLs, git repositories and archives, which are unpacked."""

    sources: tuple[str, ...]
    destination: str
    chown: str = ""
    chmod: str = ""
    link: bool = False
    checksum: str = ""
    keep_git_dir: bool = False
    exclude: tuple[str, ...] = ()
    documents: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdir(_Base):
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expose(_Base):
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class User(_Base):
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(_Base):
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmd(_Base):
    command: CommandLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrypoint(_Base):
    command: CommandLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell(_Base):
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck(_Base):
    """`test` as Docker stores it (`["CMD-SHELL", …]`, `["NONE"]`); times in nanoseconds, 0 meaning inherited."""

    test: tuple[str, ...]
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSignal(_Base):
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintainer(_Base):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBuild(_Base):
    """`trigger` is the text run by a later build."""

    trigger: str


Instruction = (
    From | Arg | Env | Label | Run | Copy | Add | Workdir | Expose | User | Volume | Cmd | Entrypoint | Shell
    | Healthcheck | StopSignal | Maintainer | OnBuild
)  # fmt: skip


def parse_instructions(dockerfile: Dockerfile) -> list[Instruction]:
    """Type every statement. Raises Invalid with the line for the first that is wrong.

    Word-splitting faults come first, over the whole file, as Docker's own parser reports them before any other.
    """
    for statement in dockerfile.statements:
        _check_words(statement, dockerfile.escape)
    return [parse_instruction(statement, dockerfile.escape) for statement in dockerfile.statements]


def parse_instruction(statement: Statement, escape: str = "\\") -> Instruction:
    """Type one statement. Raises Invalid: `dockerfile parse error on line N: …`."""
    try:
        return _type_statement(statement, escape)
    except (FlagError, WordError) as error:
        raise Invalid(f"dockerfile parse error on line {statement.line}: {error}") from None


def parse_trigger(text: str, escape: str = "\\") -> Instruction:
    """Type an ONBUILD trigger. Raises Invalid."""
    return type_statement(parse_statement(text, escape=escape), escape)


def type_statement(statement: Statement, escape: str = "\\") -> Instruction:
    """Type a statement that has no line to name. Raises Invalid."""
    try:
        return _type_statement(statement, escape)
    except (FlagError, WordError) as error:
        raise Invalid(str(error)) from None


def _type_statement(statement: Statement, escape: str) -> Instruction:
    keyword = statement.keyword.upper()
    parse = _PARSERS.get(keyword)
    if parse is None:
        hint = suggest(statement.keyword, sorted(_PARSERS))
        raise FlagError(f"unknown instruction: {statement.keyword}{hint}")
    return parse(statement, keyword, escape)


def suggest(value: str, options: list[str]) -> str:
    """Docker's ` (did you mean X?)` for a value within two edits of an option, in the value's letter case."""
    best, distance = "", 3
    for option in options:
        if value.lower() == option.lower():
            return ""
        found = _edit_distance(value.lower(), option.lower())
        if found < distance:
            best, distance = option, found
    if not best:
        return ""
    return f" (did you mean {best.lower() if value == value.lower() else best}?)"


def _edit_distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def _check_words(statement: Statement, escape: str) -> None:
    keyword = statement.keyword.upper()
    try:
        if keyword in ("ENV", "LABEL"):
            split_key_values(statement.rest, keyword, escape)
        elif keyword in ("CMD", "ENTRYPOINT", "RUN", "SHELL", "VOLUME", "COPY", "ADD"):
            parse_json_words(statement.rest)
        elif keyword == "ONBUILD" and statement.rest.partition(" ")[0].upper() in ("ENV", "LABEL"):
            _check_words(parse_statement(statement.rest, escape=escape), escape)  # cut by now, typed later
    except WordError as error:
        raise Invalid(f"failed to parse Dockerfile: {error}") from None


def _flags(statement: Statement, **kinds: str) -> FlagSet:
    options = sorted(name.replace("_", "-") for name in kinds)
    return FlagSet.parse(statement.flags, {name.replace("_", "-"): kind for name, kind in kinds.items()},
                         lambda name: suggest(name, options))  # fmt: skip


def _at_least_one(statement: Statement, keyword: str) -> None:
    if not statement.rest:
        raise FlagError(f"{keyword} requires at least one argument")


def _exactly_one(statement: Statement, keyword: str) -> str:
    if not statement.rest:
        raise FlagError(f"{keyword} requires exactly one argument")
    return statement.rest


def _from(statement: Statement, keyword: str, escape: str) -> From:
    flags = _flags(statement, platform="string")
    words = _WHITESPACE.split(statement.rest) if statement.rest else []
    name = ""
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2].lower()
        if not _STAGE_NAME.match(name):
            raise FlagError(
                f'invalid name for build stage: "{words[2]}", name can\'t start with a number or contain symbols'
            )
    elif len(words) != 1:
        raise FlagError("FROM requires either one or three arguments")
    return From(statement=statement, base=words[0], name=name, platform=flags.text("platform"))


def _arg(statement: Statement, keyword: str, escape: str) -> Arg:
    _flags(statement)
    _at_least_one(statement, keyword)
    pairs: list[tuple[str, str | None]] = []
    for word in split_raw_words(statement.rest, escape):
        name, equals, value = word.partition("=")
        if not name:
            raise FlagError("ARG names can not be blank")
        pairs.append((name, value if equals else None))
    return Arg(statement=statement, pairs=tuple(pairs))


def _key_values(statement: Statement, keyword: str, escape: str) -> tuple[tuple[str, str], ...]:
    _flags(statement)
    _at_least_one(statement, keyword)
    pairs = split_key_values(statement.rest, keyword, escape)
    if any(not name for name, _ in pairs):
        raise FlagError(f"{keyword} names can not be blank")
    return tuple(pairs)


def _env(statement: Statement, keyword: str, escape: str) -> Env:
    return Env(statement=statement, pairs=_key_values(statement, keyword, escape))


def _label(statement: Statement, keyword: str, escape: str) -> Label:
    return Label(statement=statement, pairs=_key_values(statement, keyword, escape))


def _command_line(statement: Statement) -> CommandLine:
    words = parse_json_words(statement.rest)
    if words is not None:
        return CommandLine(words=tuple(words), exec_form=True)
    return CommandLine(words=(statement.rest,) if statement.rest else (), exec_form=False, heredocs=statement.heredocs)


def _run(statement: Statement, keyword: str, escape: str) -> Run:
    flags = _flags(statement, mount="strings", network="string", security="string")
    if flags.given("security"):
        level = flags.text("security")
        if level not in ("sandbox", "insecure"):
            raise FlagError(f"security {level} is not valid")
        if level == "insecure":
            raise FlagError("unknown flag: security")  # RUN has the sandbox of `docker run`
    network = flags.text("network") or "default"
    if network not in _NETWORKS:
        raise FlagError(f'invalid network mode "{network}"')
    mounts = tuple(parse_run_mount(value) for value in flags.all_text("mount"))
    return Run(statement=statement, command=_command_line(statement), mounts=mounts, network=network)


def _sources(statement: Statement, keyword: str, escape: str) -> tuple[tuple[str, ...], str, tuple[Heredoc, ...]]:
    json_words = parse_json_words(statement.rest)
    words = json_words if json_words is not None else _WHITESPACE.split(statement.rest) if statement.rest else []
    if len(words) < 2:
        raise FlagError(
            f"{keyword} requires at least two arguments, but only one was provided. Destination could not be determined"
        )
    *sources, destination = words
    if not statement.heredocs:
        return tuple(sources), destination, ()
    openings = re.compile(r"^\d*<<-?[^<]+$")
    if openings.match(destination):
        raise FlagError(f"{keyword} cannot accept a heredoc as a destination")
    plain = tuple(source for source in sources if not openings.match(source))
    return plain, destination, statement.heredocs


def _copy(statement: Statement, keyword: str, escape: str) -> Copy:
    flags = _flags(
        statement, **{"from": "string"}, chown="string", chmod="string", link="bool", parents="bool", exclude="strings"
    )
    sources, destination, documents = _sources(statement, keyword, escape)
    return Copy(
        statement=statement,
        sources=sources,
        destination=destination,
        documents=documents,
        from_=flags.text("from"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.flag("link"),
        parents=flags.flag("parents"),
        exclude=flags.all_text("exclude"),
    )


def _add(statement: Statement, keyword: str, escape: str) -> Add:
    flags = _flags(
        statement,
        chown="string",
        chmod="string",
        link="bool",
        checksum="string",
        keep_git_dir="bool",
        exclude="strings",
    )
    sources, destination, documents = _sources(statement, keyword, escape)
    return Add(
        statement=statement,
        sources=sources,
        destination=destination,
        documents=documents,
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.flag("link"),
        checksum=flags.text("checksum"),
        keep_git_dir=flags.flag("keep-git-dir"),
        exclude=flags.all_text("exclude"),
    )


def _workdir(statement: Statement, keyword: str, escape: str) -> Workdir:
    _flags(statement)
    return Workdir(statement=statement, path=_exactly_one(statement, keyword))


def _expose(statement: Statement, keyword: str, escape: str) -> Expose:
    _flags(statement)
    _at_least_one(statement, keyword)
    return Expose(statement=statement, ports=tuple(sorted(_WHITESPACE.split(statement.rest))))


def _user(statement: Statement, keyword: str, escape: str) -> User:
    _flags(statement)
    return User(statement=statement, user=_exactly_one(statement, keyword))


def _volume(statement: Statement, keyword: str, escape: str) -> Volume:
    _flags(statement)
    json_words = parse_json_words(statement.rest)
    words = json_words if json_words is not None else _WHITESPACE.split(statement.rest) if statement.rest else []
    if not words:
        raise FlagError("VOLUME requires at least one argument")
    if any(not word.strip() for word in words):
        raise FlagError("VOLUME specified can not be an empty string")
    return Volume(statement=statement, paths=tuple(word.strip() for word in words))


def _cmd(statement: Statement, keyword: str, escape: str) -> Cmd:
    _flags(statement)
    return Cmd(statement=statement, command=_command_line(statement))


def _entrypoint(statement: Statement, keyword: str, escape: str) -> Entrypoint:
    _flags(statement)
    return Entrypoint(statement=statement, command=_command_line(statement))


def _shell(statement: Statement, keyword: str, escape: str) -> Shell:
    _flags(statement)
    words = parse_json_words(statement.rest)
    if words is None:
        if not statement.rest:
            raise FlagError("SHELL requires at least one argument")
        raise FlagError("SHELL requires the arguments to be in JSON form")
    if not words:
        raise FlagError("SHELL requires at least one argument")
    return Shell(statement=statement, words=tuple(words))


def _healthcheck(statement: Statement, keyword: str, escape: str) -> Healthcheck:
    _at_least_one(statement, keyword)
    parts = _WHITESPACE.split(statement.rest, maxsplit=1)
    kind, rest = parts[0].upper(), parts[1].strip() if len(parts) == 2 else ""
    if kind == "NONE":
        if rest:
            raise FlagError("HEALTHCHECK NONE takes no arguments")
        return Healthcheck(statement=statement, test=("NONE",))
    flags = _flags(
        statement,
        interval="string",
        timeout="string",
        start_period="string",
        start_interval="string",
        retries="string",
    )
    if kind != "CMD":
        raise FlagError(f"Unknown type {json.dumps(kind)} in HEALTHCHECK (try CMD)")
    words = parse_json_words(rest)
    test = ("CMD-SHELL", rest) if words is None else ("CMD", *words)
    if not rest or words == []:
        raise FlagError("Missing command after HEALTHCHECK CMD")
    return Healthcheck(
        statement=statement,
        test=test,
        interval_ns=_interval(flags, "interval"),
        timeout_ns=_interval(flags, "timeout"),
        start_period_ns=_interval(flags, "start-period"),
        start_interval_ns=_interval(flags, "start-interval"),
        retries=_retries(flags.text("retries")),
    )


def _interval(flags: FlagSet, name: str) -> int:
    text = flags.text(name)
    if not text:
        return 0
    try:
        nanoseconds = parse_duration_ns(text)
    except ValueError as error:
        raise FlagError(str(error)) from None
    if nanoseconds and nanoseconds < 1_000_000:
        raise FlagError(f'Interval "{name}" cannot be less than 1ms')
    return nanoseconds


def _retries(text: str) -> int:
    if not text:
        return 0
    try:
        retries = int(text)
    except ValueError:
        raise FlagError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if retries < 0:
        raise FlagError(f"--retries cannot be negative ({retries})")
    return retries


def _stop_signal(statement: Statement, keyword: str, escape: str) -> StopSignal:
    _flags(statement)
    return StopSignal(statement=statement, signal=_exactly_one(statement, keyword))


def _maintainer(statement: Statement, keyword: str, escape: str) -> Maintainer:
    _flags(statement)
    return Maintainer(statement=statement, name=_exactly_one(statement, keyword))


def _onbuild(statement: Statement, keyword: str, escape: str) -> OnBuild:
    _at_least_one(statement, keyword)
    first = statement.rest.split(maxsplit=1)[0].upper()
    if first == "ONBUILD":
        raise FlagError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if first in ("MAINTAINER", "FROM"):
        raise FlagError(f"{first} isn't allowed as an ONBUILD trigger")
    trigger = re.sub(r"(?i)^\s*ONBUILD\s*", "", statement.original)
    return OnBuild(statement=statement, trigger=trigger)


_PARSERS: dict[str, Callable[[Statement, str, str], Instruction]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
