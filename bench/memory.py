"""Memory of an engine and its monitors with idle containers, and how busy the idle engine is.

    bench/memory.py --agent unix:///… --agent-pid PID --reference unix:///run/docker.sock --reference-pid PID \\
                    [--containers 100] [--seconds 30] [--json FILE]

Counts proportional set size of the engine's process, its children and every monitor process it left behind
(conmon, containerd and its shims), without the containers' own processes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from arms import REFERENCE, docker, parser, report

MONITORS = ("conmon", "containerd", "containerd-shim", "docker-proxy", "dockerd")


def pss_mib(pid: int) -> float:
    """Proportional set size of one process; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def family(engine_pid: int, known: set[int]) -> list[int]:
    """The engine, and every monitor process that was not there before the containers were started."""
    found = [engine_pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in known:
            try:
                name = (entry / "comm").read_text().strip()
            except OSError:
                continue
            if name.startswith(MONITORS):
                found.append(int(entry.name))
    return found


def cpu_s(pid: int) -> float:
    """User and system time of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure one engine after the other; the containers of one are gone before the next begins."""
    options = parser((__doc__ or "").split("\n")[0], rounds=1)
    options.add_argument("--agent-pid", type=int, required=True)
    options.add_argument("--reference-pid", type=int, required=True)
    options.add_argument("--containers", type=int, default=100)
    options.add_argument("--seconds", type=int, default=30)
    options.add_argument("--image", default="busybox")
    arguments = options.parse_args()
    arms = {REFERENCE: (arguments.reference, arguments.reference_pid), "agent": (arguments.agent, arguments.agent_pid)}
    figures: dict[str, dict[str, list[float]]] = {"all MiB": {}, "engine MiB": {}, "idle CPU %": {}}
    for name, (host, pid) in arms.items():
        containerd = {
            int(e.name) for e in Path("/proc").iterdir()
            if e.name.isdigit() and (e / "comm").read_text().strip() == "containerd"
        }  # fmt: skip
        known = {int(e.name) for e in Path("/proc").iterdir() if e.name.isdigit()}
        if name == REFERENCE:
            known -= containerd
        ids = [
            docker(host, "run", "-d", arguments.image, "sleep", "100000").decode().strip()
            for _ in range(arguments.containers)
        ]
        before = cpu_s(pid)
        time.sleep(arguments.seconds)
        figures["idle CPU %"][name] = [100 * (cpu_s(pid) - before) / arguments.seconds]
        figures["all MiB"][name] = [sum(pss_mib(p) for p in family(pid, known))]
        figures["engine MiB"][name] = [pss_mib(pid)]
        docker(host, "rm", "-f", *ids)
    report(figures, arguments, "as named")
    return 0


if __name__ == "__main__":
    sys.exit(main())
