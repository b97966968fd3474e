"""Eight clients at once on the same names: everyone gets a sensible answer, nothing is left, and pruning takes nothing
away from a build or a pull under way."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.agents import IMAGE, Agent, run_agent
from tests.integration.build.transcripts import context_of
from tests.registries import run_registry

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers need root"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="prepared by the docker CLI"),
]

CLIENTS, ROUNDS = 8, 60


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with run_agent(tmp_path_factory.mktemp("crowd")) as running:
        yield running


@pytest.fixture(scope="module")
def remote(agent: Agent) -> Iterator[str]:
    """An image of two layers more than BusyBox, in a registry."""
    with run_registry() as address:
        dockerfile = f"FROM {IMAGE}\nRUN head -c 3000000 /dev/urandom >/one\nRUN echo 2 >/two"
        agent.ok("build", "-t", f"{address}/app", "-", data=dockerfile.encode())
        agent.ok("push", f"{address}/app")
        agent.ok("rmi", f"{address}/app")
        yield f"{address}/app"


class Client:
    """Says one thing after another to the agent and keeps what went wrong."""

    def __init__(self, agent: Agent, seed: int) -> None:
        self._agent = agent
        self.random = random.Random(seed)
        self.wrong: list[str] = []

    def __call__(self, method: str, path: str, body: object = None, *, may_fail: tuple[int, ...] = ()) -> list[dict]:  # type: ignore[type-arg]
        """Ask; the answer's JSON lines. A status of 500 and more, or an error in a stream, is wrong."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/x-tar" if isinstance(body, bytes) else "application/json"}
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(self._agent.socket))
            connection = http.client.HTTPConnection("agent")
            connection.sock = client
            connection.request(method, f"/v1.45{path}", data, kind if data is not None else {})
            answer = connection.getresponse()
            text = answer.read().decode()
        if answer.status >= 500 and answer.status not in may_fail:
            self.wrong.append(f"{method} {path}: {answer.status} {text.strip()}")
        streamed = path.startswith(("/build?", "/images/create"))
        lines = [json.loads(line) for line in text.splitlines()] if streamed and answer.status == 200 else []
        self.wrong += [f"{method} {path}: {line['error']}" for line in lines if "error" in line]
        return lines


def _crowd(agent: Agent, acts: list[Callable[[Client], object]]) -> None:
    """Every client does random acts; then what they left is removed."""
    clients = [Client(agent, seed) for seed in range(CLIENTS)]

    def live(client: Client) -> None:
        for _ in range(ROUNDS):
            client.random.choice(acts)(client)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(live, clients))
    wrong = [line for client in clients for line in client.wrong]
    assert not wrong, "\n".join([*sorted(set(wrong)), agent.log()])


@pytest.fixture(autouse=True)
def nothing_left(agent: Agent, remote: str) -> Iterator[None]:
    agent.ok("builder", "prune", "-f")
    before = agent.settled_traces()
    yield
    agent.docker("rm", "-fv", *agent.ok("ps", "-aq").split(), "none")
    names = agent.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    agent.docker("rmi", "-f", *(name for name in names if name != f"{IMAGE}:latest"))
    agent.ok("system", "prune", "-f", "--volumes")
    agent.docker("volume", "prune", "-af")
    agent.docker("builder", "prune", "-f")
    agent.wait_traces(before)


def test_containers_networks_and_volumes(agent: Agent) -> None:
    host = {"Binds": ["v:/v"], "NetworkMode": "n", "PortBindings": {"80/tcp": [{"HostPort": ""}]}}
    body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "HostConfig": host, "Volumes": {"/anonymous": {}}}
    acts: list[Callable[[Client], object]] = [
        lambda c: c("POST", "/networks/create", {"Name": "n"}),
        lambda c: c("POST", "/containers/create?name=x", body),
        lambda c: c("POST", "/containers/create?name=x", {**body, "HostConfig": {"AutoRemove": True}}),
        lambda c: c("POST", "/containers/x/start"),
        lambda c: c("POST", "/containers/x/restart?t=0"),
        lambda c: c("POST", "/containers/x/stop?t=0"),
        lambda c: c("POST", "/containers/x/kill"),
        lambda c: c("POST", "/containers/x/pause"),
        lambda c: c("POST", "/containers/x/unpause"),
        lambda c: c("DELETE", "/containers/x?force=1&v=1"),
        lambda c: c("DELETE", "/containers/x"),
        lambda c: c("POST", "/containers/x/rename?name=y"),
        lambda c: c("DELETE", "/containers/y?force=1&v=1"),
        lambda c: c("GET", "/containers/x/json?size=1"),
        lambda c: c("GET", "/containers/json?all=1&size=1"),
        lambda c: c("GET", "/containers/x/top"),
        lambda c: c("GET", "/containers/x/stats?stream=0"),
        lambda c: c("GET", "/containers/x/logs?stdout=1"),
        lambda c: c("GET", "/containers/x/archive?path=/etc"),
        lambda c: c("POST", "/networks/n/connect", {"Container": "x"}),
        lambda c: c("POST", "/networks/n/disconnect", {"Container": "x", "Force": True}),
        lambda c: c("DELETE", "/networks/n"),
        lambda c: c("POST", "/volumes/create", {"Name": "v"}),
        lambda c: c("DELETE", "/volumes/v"),
        lambda c: c("POST", "/containers/prune"),
        lambda c: c("POST", "/networks/prune"),
        lambda c: c("POST", "/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D"),
        lambda c: c("GET", "/system/df"),
    ]
    _crowd(agent, acts)


def test_images_and_builds(agent: Agent, remote: str) -> None:
    dockerfile = f"FROM {IMAGE}\nCOPY a /a\nRUN cat /a >/b\n"
    acts: list[Callable[[Client], object]] = [
        lambda c: c("POST", f"/images/create?fromImage={remote}&tag=latest"),
        lambda c: c("POST", f"/images/create?fromImage={remote}&tag=latest"),
        lambda c: c(
            "POST", "/build?t=app", context_of({"dockerfile": dockerfile, "files": {"a": c.random.choice("12")}})
        ),
        lambda c: c(
            "POST", "/build?t=app", context_of({"dockerfile": dockerfile, "files": {"a": c.random.choice("12")}})
        ),
        lambda c: c("POST", f"/images/{remote}/tag?repo=app&tag=2"),
        lambda c: c("DELETE", f"/images/{remote}"),
        lambda c: c("DELETE", "/images/app?force=1"),
        lambda c: c("DELETE", "/images/app:2"),
        lambda c: c("POST", "/containers/create?name=x", {"Image": "app", "Cmd": ["true"]}),
        lambda c: c("POST", "/containers/x/start"),
        lambda c: c("POST", "/commit?container=x&repo=app"),
        lambda c: c("DELETE", "/containers/x?force=1&v=1"),
        lambda c: c("GET", "/images/json?all=1"),
        lambda c: c("GET", "/images/app/json"),
        lambda c: c("GET", "/images/app/history"),
        lambda c: c("POST", "/images/prune"),
        lambda c: c("POST", "/build/prune"),
        lambda c: c("POST", "/containers/prune"),
        lambda c: c("GET", "/system/df"),
    ]
    _crowd(agent, acts)


def test_prune_takes_nothing_from_a_build_or_a_pull(agent: Agent, remote: str) -> None:
    dockerfile = f"FROM {IMAGE}\nRUN sleep 0.3; echo 1 >/a\nRUN sleep 0.3; cat /a >/b\nRUN cat /a /b\n".encode()
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            work = [
                pool.submit(agent.docker, "build", "--no-cache", "-t", "app", "-", data=dockerfile),
                pool.submit(agent.docker, "build", "-t", "app2", "-", data=dockerfile),
                pool.submit(agent.docker, "pull", remote),
            ]
            prunes = 0
            while not all(one.done() for one in work):
                agent.ok("system", "prune", "-f")
                prunes += 1
            assert prunes >= 2
            for one in work:
                code, said = one.result()
                assert code == 0, said
            assert agent.ok("run", "--rm", "app", "cat", "/b") == "1"
            assert agent.ok("run", "--rm", remote, "cat", "/two") == "2"
            agent.ok("rmi", "app", "app2", remote)
