"""Latency of `docker run --rm IMAGE true`, `docker exec` and many runs at once, beside another engine.

    bench/run_latency.py --agent unix:///var/lib/mooring/agent.sock --plane unix:///var/lib/mooring/engine.sock \\
                         --reference unix:///run/docker.sock [--rounds 20] [--json FILE]

Each engine needs the image under the same name.
"""

from __future__ import annotations

import os
import subprocess
import sys

from arms import docker, engines, parser, report, take_turns, timed_s


def at_once(host: str, image: str, count: int) -> None:
    """Start `count` clients together and wait for all."""
    environment = {**os.environ, "DOCKER_HOST": host}
    clients = [
        subprocess.Popen(["docker", "run", "--rm", image, "true"], env=environment, stdout=subprocess.DEVNULL)
        for _ in range(count)
    ]
    for client in clients:
        if client.wait() != 0:
            raise RuntimeError(f"a run failed on {host}")


def main() -> int:
    """Measure run and exec in milliseconds, and `--parallel` runs at once every fourth round."""
    options = parser((__doc__ or "").split("\n")[0], rounds=20)
    options.add_argument("--image", default="busybox")
    options.add_argument("--parallel", type=int, default=20, help="runs at once; 0 leaves that out")
    arguments = options.parse_args()
    hosts = engines(arguments)
    names = {name: f"bench-exec-{name}-{os.getpid()}" for name in hosts}
    for host in hosts.values():  # an engine that is not there ends this before anything is made
        docker(host, "run", "--rm", arguments.image, "true")
    try:
        for name, host in hosts.items():
            docker(host, "run", "-d", "--name", names[name], arguments.image, "sleep", "100000")
        figures = take_turns(
            {
                "run": lambda name: 1000 * timed_s(lambda: docker(hosts[name], "run", "--rm", arguments.image, "true")),
                "exec": lambda name: 1000 * timed_s(lambda: docker(hosts[name], "exec", names[name], "true")),
            },
            list(hosts),
            arguments.rounds,
        )
        if arguments.parallel:
            figures |= take_turns(
                {
                    f"run x {arguments.parallel}": lambda name: (
                        1000 * timed_s(lambda: at_once(hosts[name], arguments.image, arguments.parallel))
                    )
                },
                list(hosts),
                max(1, arguments.rounds // 4),
            )
    finally:
        for name, host in hosts.items():
            docker(host, "rm", "-f", names[name])
    report(figures, arguments, "ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
