"""What all bench programs share: the engines that take turns, timing, summaries, the table, JSON.

Figures are whole client processes unless a program says otherwise. Rounds alternate the engines in random order, so
that the machine's other work falls on all of them alike; compare medians, not single figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["Figures", "docker", "engines", "parser", "report", "take_turns", "timed_s"]

REFERENCE = "reference"
Figures = dict[str, dict[str, list[float]]]
"""work → engine → seconds (or another unit that the program names), one figure a round."""


def docker(host: str, *arguments: str, data: bytes | None = None, out: int = subprocess.PIPE) -> bytes:
    """Run the docker CLI against one engine; returns stdout. Raises RuntimeError with its stderr when it fails."""
    done = subprocess.run(
        ["docker", *arguments], env={**os.environ, "DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}, input=data, stdout=out,
        stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments)} on {host}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout or b""


def timed_s(work: Callable[[], object]) -> float:
    """Seconds that one call took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """The options every program has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--agent", default="unix:///var/lib/mooring/agent.sock", help="'' leaves it out")
    options.add_argument("--plane", default="unix:///var/lib/mooring/engine.sock", help="'' leaves it out")
    options.add_argument("--reference", required=True, help="the other engine's socket")
    options.add_argument("--rounds", type=int, default=rounds)
    options.add_argument("--json", type=Path, metavar="FILE")
    return options


def engines(arguments: argparse.Namespace) -> dict[str, str]:
    """Name → socket of the engines that take part."""
    named = {REFERENCE: arguments.reference, "agent": arguments.agent, "plane": arguments.plane}
    return {name: host for name, host in named.items() if host}


def take_turns(works: Mapping[str, Callable[[str], float]], names: list[str], rounds: int) -> Figures:
    """Every round runs every work once on every engine, in random order. A work is told the engine's name and returns
    its figure."""
    figures: Figures = {work: {name: [] for name in names} for work in works}
    turns = [(work, name) for work in works for name in names]
    for _ in range(rounds):
        random.shuffle(turns)
        for work, name in turns:
            figures[work][name].append(works[work](name))
    return figures


def _summary(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=10, method="inclusive") if len(values) > 1 else [values[0]] * 9
    return {"median": statistics.median(values), "p10": cuts[0], "p90": cuts[-1], "n": len(values)}


def report(figures: Figures, arguments: argparse.Namespace, unit: str = "s") -> None:
    """Print the table, with the ratio of medians to the reference, and write the JSON file if one was asked for."""
    version = docker(arguments.reference, "version", "-f", "{{.Server.Version}}").decode().strip()
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}"
    result: dict[str, object] = {
        "machine": machine, "reference": version, "date": time.strftime("%Y-%m-%d"), "unit": unit,
    }  # fmt: skip
    print(f"{machine}; reference engine {version}; figures in {unit}")
    print(f"{'work':<16}{'engine':<12}{'median':>10}{'p10':>10}{'p90':>10}{'n':>5}{'ratio':>8}")
    for work, by_engine in figures.items():
        rows = {name: _summary(values) for name, values in by_engine.items() if values}
        base = rows.get(REFERENCE, {}).get("median", 0.0)
        for name, row in rows.items():
            row["ratio"] = row["median"] / base if base else 0.0
            print(
                f"{work:<16}{name:<12}{row['median']:>10.4g}{row['p10']:>10.4g}{row['p90']:>10.4g}"
                f"{row['n']:>5.0f}{row['ratio']:>8.2f}"
            )
        result[work] = rows
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
