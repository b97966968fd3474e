"""Reading from an engine: `docker logs` and attached output of a million lines, list and inspect with 100 containers.

    bench/read_latency.py --reference unix:///run/docker.sock [--lines 1000000] [--rounds 5] [--json FILE]

List and inspect are single HTTP requests on a kept connection (no client process), the median of 50 a round.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys

from arms import docker, engines, parser, report, take_turns, timed_s


class Connection(http.client.HTTPConnection):
    """HTTP/1.1 over the engine's unix socket."""

    def __init__(self, host: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = host.removeprefix("unix://")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)

    def get(self, path: str) -> bytes:
        """The body of one GET; raises RuntimeError when it is not 200."""
        self.request("GET", path)
        answer = self.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {body[:200]!r}")
        return body


def main() -> int:
    """Prepare the containers, measure, remove them."""
    options = parser((__doc__ or "").split("\n")[0], rounds=5)
    options.add_argument("--image", default="busybox")
    options.add_argument("--lines", type=int, default=1_000_000)
    options.add_argument("--containers", type=int, default=100)
    arguments = options.parse_args()
    hosts = engines(arguments)
    mark = f"bench-read-{os.getpid()}"
    count = f"seq 1 {arguments.lines}"
    stores = {name: host for name, host in hosts.items() if not (name == "plane" and "agent" in hosts)}
    connections = {name: Connection(host) for name, host in hosts.items()}

    def request_s(name: str, path: str) -> float:
        return statistics.median(timed_s(lambda: connections[name].get(path)) for _ in range(50))

    try:
        for host in stores.values():
            docker(host, "run", "-d", "--name", f"{mark}-logs", arguments.image, "sh", "-c", count)
            docker(host, "wait", f"{mark}-logs")
            for number in range(arguments.containers - 1):
                docker(host, "create", "--name", f"{mark}-{number}", arguments.image, "true")
        figures = take_turns(
            {
                "logs": lambda name: timed_s(
                    lambda: docker(hosts[name], "logs", f"{mark}-logs", out=subprocess.DEVNULL)
                ),
                "attached": lambda name: timed_s(
                    lambda: docker(
                        hosts[name], "run", "--rm", arguments.image, "sh", "-c", count, out=subprocess.DEVNULL
                    )
                ),
                "list": lambda name: request_s(name, "/v1.41/containers/json?all=1"),
                "inspect": lambda name: request_s(name, f"/v1.41/containers/{mark}-0/json"),
            },
            list(hosts),
            arguments.rounds,
        )
    finally:
        for host in stores.values():
            left = docker(host, "ps", "-aq", "--filter", f"name={mark}").decode().split()
            if left:
                docker(host, "rm", "-f", *left)
    report(figures, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
