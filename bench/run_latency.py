"""Run and exec latency of Mooring beside another engine, alternating in one run.

    bench/run_latency.py --agent unix:///var/lib/mooring/agent.sock --plane unix:///var/lib/mooring/engine.sock \\
                         --reference unix:///run/docker.sock [--rounds 20] [--json FILE]

Every round times `docker run --rm IMAGE true` and `docker exec CONTAINER true` once per socket, in random order, as a
whole client process. Each engine needs the image under the same name. Prints medians, p10, p90, n, and the ratio of
medians to the reference.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

DOCKER = "docker"


def docker(host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the docker CLI against one engine; raises CalledProcessError when it fails."""
    return subprocess.run(
        [DOCKER, *arguments], env={**os.environ, "DOCKER_HOST": host}, capture_output=True, text=True, check=True
    )


def timed_ms(host: str, *arguments: str) -> float:
    """Milliseconds that one whole client process took."""
    began = time.perf_counter()
    docker(host, *arguments)
    return (time.perf_counter() - began) * 1000


def measure(engines: dict[str, str], image: str, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Per work and engine, one figure a round."""
    names = {name: f"bench-exec-{name}-{os.getpid()}" for name in engines}
    figures: dict[str, dict[str, list[float]]] = {"run": defaultdict(list), "exec": defaultdict(list)}
    for name, host in engines.items():
        docker(host, "run", "-d", "--name", names[name], image, "sleep", "100000")
        docker(host, "run", "--rm", image, "true")
    try:
        arms = [(work, name) for work in figures for name in engines]
        for _ in range(rounds):
            random.shuffle(arms)
            for work, name in arms:
                command = ("run", "--rm", image, "true") if work == "run" else ("exec", names[name], "true")
                figures[work][name].append(timed_ms(engines[name], *command))
    finally:
        for name, host in engines.items():
            docker(host, "rm", "-f", names[name])
    return figures


def summary(figures: list[float]) -> dict[str, float]:
    """Median, p10, p90 (milliseconds) and n."""
    cuts = statistics.quantiles(figures, n=10, method="inclusive")
    return {"median": statistics.median(figures), "p10": cuts[0], "p90": cuts[-1], "n": len(figures)}


def main() -> int:
    """Measure, print a table, optionally write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--agent", default="unix:///var/lib/mooring/agent.sock")
    parser.add_argument("--plane", default="unix:///var/lib/mooring/engine.sock", help="'' leaves it out")
    parser.add_argument("--reference", required=True, help="the other engine's socket")
    parser.add_argument("--image", default="busybox")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    engines = {"reference": arguments.reference, "agent": arguments.agent, "plane": arguments.plane}
    engines = {name: host for name, host in engines.items() if host}
    figures = measure(engines, arguments.image, arguments.rounds)
    version = docker(arguments.reference, "version", "-f", "{{.Server.Version}}").stdout.strip()
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}"
    result: dict[str, object] = {"machine": machine, "reference": version, "date": time.strftime("%Y-%m-%d")}
    print(f"{machine}; reference engine {version}")
    print(f"{'work':<6}{'engine':<12}{'median ms':>10}{'p10':>8}{'p90':>8}{'n':>5}{'ratio':>8}")
    for work, by_engine in figures.items():
        reference = statistics.median(by_engine["reference"])
        rows = {name: summary(values) for name, values in by_engine.items()}
        for name, row in rows.items():
            row["ratio"] = row["median"] / reference
            print(
                f"{work:<6}{name:<12}{row['median']:>10.1f}{row['p10']:>8.1f}{row['p90']:>8.1f}"
                f"{row['n']:>5.0f}{row['ratio']:>8.2f}"
            )
        result[work] = rows
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
