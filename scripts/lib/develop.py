"""`make dev`: the control plane, two agents on the fake runtime with lively data, and the dashboard with hot reload."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import starter
from launch import answers, in_front, manage, start_supervisor, step, wait_until
from programs import DEV_AGENTS, REPOSITORY, Instance, dev_programs

ACCOUNT, PASSWORD = "admin", "mooring-dev"
PORT = 8421
# name, image, command, published port: what the fake runtime has programs for
WORKLOADS = {
    "harbour-1": [
        ("shop-web-1", "nginx:1.29", "nginx", 8081), ("shop-db-1", "postgres:17", "postgres", 0),
        ("shop-cache-1", "redis:8", "redis-server", 0), ("ticker", "mooring/starter", "counter", 0),
    ],
    "harbour-2": [
        ("shop-web-2", "nginx:1.29", "nginx", 8082), ("worker-1", "mooring/starter", "counter", 0),
        ("flaky", "mooring/starter", "crash", 0), ("migrate", "mooring/starter", "true", 0),
    ],
}  # fmt: skip


def join(instance: Instance, name: str) -> None:
    """Enrol one of the fake hosts; safe to repeat."""
    data = instance.data / name
    if (data / "credential.json").exists():
        return
    token = manage(instance, "create_enrolment", "--name", name).splitlines()[-1]
    subprocess.run(
        [sys.executable, "-m", "agent", "join", instance.url, "--token", token, "--name", name, "--data", str(data)],
        env={**os.environ, **instance.environment}, check=True, capture_output=True,
    )  # fmt: skip


def populate(instance: Instance, name: str) -> None:
    """Images and running containers on one fake host; safe to repeat."""
    agent = starter.Engine(instance.data / f"{name}.sock")
    agent.ensure_image(starter.REPOSITORY)
    present = {container["Names"][0].lstrip("/") for container in agent.get("/containers/json?all=1")}
    for container, image, command, port in WORKLOADS[name]:
        repository, _, tag = image.partition(":")
        agent.post(f"/images/{starter.REPOSITORY}/tag?repo={repository}&tag={tag or 'latest'}")
        if container in present:
            agent.post(f"/containers/{container}/start")
            continue
        body = {
            "Image": image, "Cmd": [command], "Labels": {"com.docker.compose.project": container.split("-")[0]},
            "HostConfig": {"RestartPolicy": {"Name": "on-failure" if command == "crash" else "no"}},
        }  # fmt: skip
        if port:
            body["ExposedPorts"] = {"80/tcp": {}}
            body["HostConfig"] |= {"PortBindings": {"80/tcp": [{"HostPort": str(port)}]}}  # type: ignore[operator]
        made = agent.post(f"/containers/create?name={container}", body)
        agent.post(f"/containers/{made['Id']}/start")


def main() -> int:
    """Bring all up in front; Ctrl-C stops it. Data are in data/dev of the checkout."""
    instance = Instance(REPOSITORY / "data/dev", PORT, "127.0.0.1")
    for directory in (instance.run, instance.log, instance.data / "plane"):
        directory.mkdir(parents=True, exist_ok=True)
    password = instance.run / "password"
    password.write_text(PASSWORD + "\n")
    step("Make secrets", lambda: manage(instance, "ensure_secrets"))
    step("Migrate the database", lambda: manage(instance, "migrate", "--noinput", "-v", "0"))
    step(
        "Make the account",
        lambda: manage(instance, "create_admin", "--name", ACCOUNT, "--password-file", str(password)),
    )
    step("Start", lambda: start_supervisor(instance, with_agent=False, more=dev_programs(instance)))
    step("Wait until the control plane is healthy", lambda: manage(instance, "health", "--wait", "90"))
    supervisor = instance.supervisor()
    for name in DEV_AGENTS:
        join(instance, name)
    for name in (*DEV_AGENTS, "vite"):
        if supervisor.getProcessInfo(name)["statename"] not in ("RUNNING", "STARTING"):
            supervisor.startProcess(name, False)
    for name in DEV_AGENTS:
        socket = Path(instance.data / f"{name}.sock")
        wait_until(lambda socket=socket: answers(socket), 30, f"{name} does not answer", instance)  # type: ignore[misc]
        step(f"Fill {name}", lambda name=name: populate(instance, name))  # type: ignore[misc]
    print(f"\n  Dashboard with hot reload   http://127.0.0.1:5173/static/   ({ACCOUNT} / {PASSWORD})")
    print(f"  Dashboard as built          {instance.url}/")
    print(f"  Docker                      export DOCKER_HOST=unix://{instance.engine_socket}\n")
    return in_front(instance, (*DEV_AGENTS, "vite"))


if __name__ == "__main__":
    sys.exit(main())
