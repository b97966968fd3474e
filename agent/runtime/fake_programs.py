"""What a fake container runs: small coroutines that behave like well-known programs, and a shell to type at.

A program gets a `Terminal` (its streams), its argv and environment, and returns its exit code. Signals arrive as
cancellation with the number in `Terminal.signal`. Chosen by the base name of argv[0], else of the image.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

__all__ = ["PROGRAMS", "Program", "Terminal", "find_program"]

Program = Callable[["Terminal", "tuple[str, ...]", "Mapping[str, str]"], Awaitable[int]]


class Terminal:
    """A fake process's streams: `out` and `err` write, `line` reads a line, `size` follows resizes."""

    def __init__(self, emit: Callable[[int, bytes], Awaitable[None]], *, tty: bool, hostname: str) -> None:
        self._emit = emit
        self.tty = tty
        self.hostname = hostname
        self.size = (24, 80)
        self.pace = 1.0
        self._input: asyncio.Queue[bytes] = asyncio.Queue()
        self._typed = b""
        self._closed = False

    async def out(self, text: str) -> None:
        """Write to stdout."""
        await self._emit(1, self._cooked(text))

    async def err(self, text: str) -> None:
        """Write to stderr, which on a terminal is the same thing."""
        await self._emit(1 if self.tty else 2, self._cooked(text))

    def _cooked(self, text: str) -> bytes:
        return text.encode().replace(b"\n", b"\r\n") if self.tty else text.encode()

    def type(self, data: bytes) -> None:
        """What a client sent to stdin; b"" is end of input."""
        self._input.put_nowait(data)

    async def read(self) -> bytes:
        """The next bytes of stdin, b"" at its end."""
        if self._typed:
            data, self._typed = self._typed, b""
            return data
        if self._closed:
            return b""
        data = await self._input.get()
        self._closed = not data
        return data

    async def line(self) -> str | None:
        """A line without its newline, with echo and backspace on a terminal; None at the end of input."""
        typed = ""
        while True:
            data = await self.read()
            if not data:
                return typed or None
            for position, value in enumerate(data):
                if value in b"\r\n":
                    self._typed = data[position + 1 :]
                    if self.tty:
                        await self._emit(1, b"\r\n")
                    return typed
                if not self.tty:
                    typed += chr(value)
                elif value == 4 and not typed:
                    return None
                elif value == 3:
                    await self._emit(1, b"^C\r\n")
                    return ""
                elif value in (8, 127):
                    if typed:
                        typed = typed[:-1]
                        await self._emit(1, b"\b \b")
                elif value >= 32:
                    typed += chr(value)
                    await self._emit(1, bytes((value,)))


async def _sleep(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    amount = argv[1] if len(argv) > 1 else "infinity"
    if amount in ("infinity", "inf"):
        await asyncio.Event().wait()
    try:
        await asyncio.sleep(float(amount))
    except ValueError:
        await terminal.err(f"sleep: invalid number '{amount}'\n")
        return 1
    return 0


async def _echo(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    await terminal.out(" ".join(argv[1:]) + "\n")
    return 0


async def _cat(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    while data := await terminal.read():
        await terminal.out(data.decode(errors="replace"))
    return 0


async def _seq(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    first, last = (1, int(argv[1])) if len(argv) == 2 else (int(argv[1]), int(argv[2]))
    for start in range(first, last + 1, 1000):
        await terminal.out("".join(f"{n}\n" for n in range(start, min(start + 1000, last + 1))))
        await asyncio.sleep(0)
    return 0


async def _true(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    return 0


async def _false(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    return 1


async def _web_server(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    await terminal.err("[notice] 1#1: start worker processes\n")
    chance = random.Random(terminal.hostname)
    for number in itertools.count(1):
        await asyncio.sleep(chance.uniform(0.2, 2.5) * terminal.pace)
        path = chance.choice(("/", "/health", "/api/items", f"/api/items/{number}", "/static/app.js"))
        status = chance.choices((200, 304, 404, 500), (80, 12, 7, 1))[0]
        client = f"10.{chance.randrange(4)}.0.{chance.randrange(2, 250)}"
        await terminal.out(f'{client} - - "GET {path} HTTP/1.1" {status} {chance.randrange(80, 9000)}\n')
        if status == 500:
            await terminal.err(f"[error] 29#29: *{number} upstream prematurely closed connection, request: {path}\n")
    return 0


async def _database(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    await terminal.out("1:M * Server initialized\n1:M * Ready to accept connections tcp\n")
    chance = random.Random(terminal.hostname)
    while True:
        await asyncio.sleep(chance.uniform(5, 15) * terminal.pace)
        changes = chance.randrange(1, 400)
        await terminal.out(f"1:M * {changes} changes in 60 seconds. Saving...\n1:M * Background saving terminated\n")


async def _counter(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    for number in itertools.count(1):
        await terminal.out(f"tick {number}\n")
        await asyncio.sleep(terminal.pace)
    return 0


async def _crash(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    await terminal.out("starting\n")
    await asyncio.sleep(2 * terminal.pace)
    await terminal.err("fatal: cannot reach database at db:5432\n")
    return 1


_FILES: Final = "bin  dev  etc  home  lib  proc  root  sys  tmp  usr  var\n"


async def _command(terminal: Terminal, words: list[str], env: Mapping[str, str]) -> int:
    match words:
        case ["ls", *_]:
            await terminal.out(_FILES)
        case ["pwd"]:
            await terminal.out("/\n")
        case ["hostname"]:
            await terminal.out(f"{terminal.hostname}\n")
        case ["env"]:
            await terminal.out("".join(f"{name}={value}\n" for name, value in env.items()))
        case ["whoami"] | ["id", "-un"]:
            await terminal.out("root\n")
        case ["id"]:
            await terminal.out("uid=0(root) gid=0(root)\n")
        case ["uname", *_]:
            await terminal.out(f"Linux {terminal.hostname} fake\n")
        case ["stty", "size"]:
            await terminal.out(f"{terminal.size[0]} {terminal.size[1]}\n")
        case ["ps", *_]:
            await terminal.out("PID   USER     TIME  COMMAND\n    1 root      0:00 /bin/app\n   14 root      0:00 sh\n")
        case [name, *_] if name in PROGRAMS:
            return await PROGRAMS[name](terminal, tuple(words), env)
        case [name, *_]:
            await terminal.err(f"sh: {name}: not found\n")
            return 127
    return 0


async def _shell(terminal: Terminal, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    code = 0
    if len(argv) > 2 and argv[1] in ("-c", "-lc"):
        return await _script(terminal, argv[2], env)
    while True:
        if terminal.tty:
            await terminal.out("/ # ")
        line = await terminal.line()
        if line is None:
            return code
        match = re.fullmatch(r"\s*exit(?:\s+(\d+))?\s*", line)
        if match:
            return int(match[1] or code)
        code = await _script(terminal, line, env)


async def _script(terminal: Terminal, script: str, env: Mapping[str, str]) -> int:
    code = 0
    for part in re.split(r";|\n", script):
        match = re.fullmatch(r"\s*exit(?:\s+(\d+))?\s*", part)
        if match:
            return int(match[1] or code)
        redirected = part.replace(">&2", "").replace("1>&2", "")
        try:
            words = shlex.split(redirected.replace("$?", str(code)))
        except ValueError as error:
            await terminal.err(f"sh: {error}\n")
            return 2
        if words[:1] == ["exec"]:
            words = words[1:]
        if not words:
            continue
        if redirected != part and words[0] == "echo":
            await terminal.err(" ".join(words[1:]) + "\n")
            code = 0
        else:
            code = await _command(terminal, words, env)
    return code


PROGRAMS: Final[Mapping[str, Program]] = {
    "sleep": _sleep,
    "echo": _echo,
    "cat": _cat,
    "seq": _seq,
    "true": _true,
    "false": _false,
    "sh": _shell,
    "bash": _shell,
    "ash": _shell,
    "nginx": _web_server,
    "httpd": _web_server,
    "caddy": _web_server,
    "redis-server": _database,
    "postgres": _database,
    "mysqld": _database,
    "counter": _counter,
    "crash": _crash,
}


_WRAPPERS: Final = frozenset(
    {"docker-entrypoint.sh", "entrypoint.sh", "tini", "docker-init", "dumb-init", "exec", "env"}
)


def find_program(argv: tuple[str, ...]) -> Program | None:
    """The program for an argv: by base name, looking through wrappers such as `docker-entrypoint.sh nginx`; None when
    this fake has no such executable.

    Names that end in `-missing` or paths under `/missing` do not exist, so failures can be scripted; anything else
    unknown is taken for a service that counts.
    """
    while argv and argv[0].rpartition("/")[2] in _WRAPPERS:
        argv = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    if not argv:
        return _counter
    name = argv[0].rpartition("/")[2]
    if name in PROGRAMS:
        return PROGRAMS[name]
    if name.endswith(("missing", "nonexistent")) or argv[0].startswith("/missing"):
        return None
    return _counter
