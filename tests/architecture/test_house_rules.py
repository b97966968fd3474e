"""House rules that import contracts cannot express. Each rule is shown a bad example of its own, so it can fail."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("wire", "agent", "controlplane")
REFUSED_NAMES = {"utils", "util", "helpers", "misc", "common", "manager", "base"}
LINE_LIMIT = 600


def modules() -> Iterator[Path]:
    for room in SOURCES:
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


@functools.cache
def _calls(source: str) -> tuple[tuple[int, str], ...]:
    """(line, dotted name) of every call."""
    return tuple(_find_calls(ast.parse(source)))


def _find_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            parts, target = [], node.func
            while isinstance(target, ast.Attribute):
                parts.append(target.attr)
                target = target.value
            if isinstance(target, ast.Name):
                parts.append(target.id)
            yield node.lineno, ".".join(reversed(parts))


def spawns(source: str) -> list[int]:
    """Lines that start a process by other means than `agent.host`."""
    pattern = re.compile(
        r"^(subprocess\.\w+|os\.(system|popen|fork|posix_spawnp?|exec\w+)|asyncio\.create_subprocess_\w+)$"
    )
    return [line for line, name in _calls(source) if pattern.match(name)]


def unsafe_extractions(source: str) -> list[int]:
    """Lines that let tarfile write files (CVE-2025-4517 and its kin)."""
    return [line for line, name in _calls(source) if name.endswith((".extractall", ".extract"))]


def naive_times(source: str) -> list[int]:
    """Lines that make a time without a zone."""
    refused = (
        "datetime.utcnow",
        "datetime.datetime.utcnow",
        "datetime.utcfromtimestamp",
        "datetime.datetime.utcfromtimestamp",
    )
    return [line for line, name in _calls(source) if name in refused]


def lost_cancellations(source: str) -> list[int]:
    """Lines with `asyncio.wait_for`: that of Python 3.11 drops a cancellation which comes together with what it waits
    for. `asyncio.timeout` does not."""
    return [line for line, name in _calls(source) if name in ("asyncio.wait_for", "wait_for")]


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        (spawns, "import subprocess\nsubprocess.run(['x'])"),
        (spawns, "import asyncio\nasyncio.create_subprocess_exec('x')"),
        (unsafe_extractions, "t.extractall('/x')"),
        (naive_times, "datetime.utcnow()"),
        (lost_cancellations, "async def f():\n    await asyncio.wait_for(x(), 1)"),
    ],
)
def test_each_rule_refuses_its_bad_example(rule: object, bad: str) -> None:
    assert callable(rule)
    assert rule(bad)


def test_only_host_starts_processes_in_the_agent() -> None:
    wrong = {
        str(path.relative_to(REPOSITORY)): lines
        for path in modules()
        if path.is_relative_to(REPOSITORY / "agent") and not path.is_relative_to(REPOSITORY / "agent/host")
        if (lines := spawns(path.read_text()))
    }
    assert not wrong


def test_no_library_extracts_archives_for_us() -> None:
    assert not {str(p): lines for p in modules() if (lines := unsafe_extractions(p.read_text()))}


def test_no_naive_times() -> None:
    assert not {str(p): lines for p in modules() if (lines := naive_times(p.read_text()))}


def test_no_cancellation_is_lost() -> None:
    assert not {str(p): lines for p in modules() if (lines := lost_cancellations(p.read_text()))}


def test_modules_are_small_and_say_what_they_are() -> None:
    for path in modules():
        source = path.read_text()
        assert source.count("\n") <= LINE_LIMIT, f"{path} has more than {LINE_LIMIT} lines: split it by concern"
        if source.strip():
            assert ast.get_docstring(ast.parse(source)), f"{path} has no docstring"
        assert path.stem not in REFUSED_NAMES or path.parent.name == "settings", f"{path}: say what it is"


def test_nothing_speaks_of_the_workplace() -> None:
    """No paths of a developer's machine and no registry hosts in tracked files."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    refused = re.compile(
        "/wo" + "rk/|/root/\\.py" + "env|(https?://)?registry\\.npm" + "js\\.org|files\\.python" + "hosted"
    )
    for name in filter(None, tracked):
        path = REPOSITORY / name
        if path.suffix in (".png", ".woff2", ".ico") or not path.is_file():
            continue
        found = refused.search(path.read_text(errors="replace"))
        assert not found, f"{name} mentions {found.group(0) if found else ''}"
