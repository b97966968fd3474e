"""Starts, watches and stops one Mooring instance; the second half of scripts/up and scripts/down.

The instance lives in one data directory. supervisord is the process manager; this program writes its configuration,
talks to it over its unix socket, and brings the pieces up in order: secrets, database, Valkey, gateway, asgi, worker,
beat, then the local agent. Repeating `up` is safe: what runs is left alone, what does not is started.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import orphans
import service
import starter
from follow import follow
from programs import PLANE_PROGRAMS, REPOSITORY, Instance, Tls, write_configuration

DEFAULT_PORT, DEFAULT_TLS_PORT = 8420, 8443
T = TypeVar("T")


class StepFailed(Exception):
    """A step that failed: what, why, and what to do next."""

    def __init__(self, what: str, why: str, next_act: str) -> None:
        super().__init__(what)
        self.what, self.why, self.next_act = what, why, next_act


def step(title: str, work: Callable[[], T]) -> T:
    """Run one named step and say how long it took."""
    began = time.monotonic()
    print(f"{title:<46}", end="", flush=True)
    try:
        result = work()
    except BaseException:
        print(" failed", flush=True)
        raise
    print(f" {time.monotonic() - began:.1f} s", flush=True)
    return result


def manage(instance: Instance, *arguments: str) -> str:
    """Run a management command; return what it printed."""
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "manage.py"), *arguments],
        env={**os.environ, **instance.environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise StepFailed(
            f"manage.py {arguments[0]} failed",
            (done.stderr or done.stdout).strip()[-2000:] or f"exit code {done.returncode}",
            f"see {instance.log}, then run scripts/up again",
        )
    return done.stdout.strip()


def start_supervisor(
    instance: Instance,
    *,
    with_agent: bool,
    with_plane: bool = True,
    more: Mapping[str, list[str]] | None = None,
    kept: bool = False,
) -> None:
    """Start the process manager unless it runs, and make it follow the present configuration.

    `kept`: it is to come back after a reboot, where the host's first process can see to that.
    """
    at_once = service.is_for(instance) and instance.is_joined  # nobody starts it by name after a reboot
    configuration = write_configuration(
        instance, with_agent=with_agent, with_plane=with_plane, more=more, agent_at_once=at_once
    )
    as_service = kept and service.is_for(instance)
    if as_service:
        service.install(instance, configuration)
    if instance.supervisor() is None:
        orphans.stop(instance.data)
        wanted = [(instance.listen, instance.port, "--port")] if with_plane else []
        if with_plane and instance.tls is not None:
            wanted.append(("", instance.tls.port, "--tls-port"))
        for listen, port, option in wanted:
            if port_is_taken(listen, port):
                raise StepFailed(
                    f"TCP port {port} is in use",
                    f"another program listens on {listen or '0.0.0.0'}:{port}",
                    f"choose another with {option} N, or stop that program",
                )
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # tunnels and streams are descriptors
        if as_service:
            service.start()
        else:
            subprocess.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
                env={**os.environ, **instance.environment}, check=True, cwd=REPOSITORY, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        wait_until(lambda: instance.supervisor() is not None, 60, "The process manager does not answer", instance)
        return
    supervisor = instance.supervisor()
    added, changed, removed = supervisor.reloadConfig()[0]
    for name in (*removed, *changed):
        supervisor.stopProcessGroup(name)
        supervisor.removeProcessGroup(name)
    for name in (*changed, *added):
        supervisor.addProcessGroup(name)
    for program in supervisor.getAllProcessInfo():
        if program["name"] in PLANE_PROGRAMS and program["statename"] not in ("RUNNING", "STARTING"):
            supervisor.startProcess(program["name"], False)


def port_is_taken(listen: str, port: int) -> bool:
    """Whether something already listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1" if listen in ("", "0.0.0.0", "::") else listen, port)) == 0


def wait_until(condition: Callable[[], bool], limit_s: float, what: str, instance: Instance) -> None:
    """Wait for a condition, looking ten times a second."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise StepFailed(what, f"not within {limit_s:.0f} s", f"read the logs in {instance.log}")
        time.sleep(0.1)


def answers(path: Path, request: str = "/_ping") -> bool:
    """Whether an engine answers a GET on a unix socket with 200."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(str(path))
        client.sendall(f"GET {request} HTTP/1.1\r\nHost: mooring\r\nConnection: close\r\n\r\n".encode())
        return client.recv(64).startswith(b"HTTP/1.1 200")
    return False


def sources_fingerprint() -> str:
    """Changes when the programs' sources or the built dashboard do; what runs is then started anew by `up`."""
    digest = hashlib.sha256()
    for room in ("wire", "agent", "controlplane", "frontend/dist", "requirements.txt"):
        root = REPOSITORY / room
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file() and path.suffix != ".pyc":
                state = path.stat()
                digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def restart_all(instance: Instance) -> None:
    """Start every program but Valkey anew: their sources have changed. Containers keep running."""
    supervisor = instance.supervisor()
    running = [
        p["name"] for p in supervisor.getAllProcessInfo() if p["statename"] == "RUNNING" and p["name"] != "valkey"
    ]
    for name in running:
        supervisor.stopProcess(name)
    for name in running:
        supervisor.startProcess(name, False)


def join_elsewhere(arguments: argparse.Namespace) -> int:
    """Join this host to a control plane on another machine and keep only the agent here. Safe to repeat."""
    instance = Instance(Path(arguments.data).resolve(), 0, "", tuple(arguments.agent_flag or ()))
    for directory in (instance.run, instance.log):
        directory.mkdir(parents=True, exist_ok=True)
    instance.run.chmod(0o700)
    if not instance.is_joined:
        name = ["--name", arguments.name] if arguments.name else []
        command = [sys.executable, "-m", "agent", "join", arguments.url, "--token", arguments.token, *name]
        done = step(
            f"Join {arguments.url}",
            lambda: subprocess.run(
                [*command, "--data", str(instance.agent_data)],
                env={**os.environ, **instance.environment}, capture_output=True, text=True, check=False,
            ),
        )  # fmt: skip
        if done.returncode != 0:
            raise StepFailed("This host could not join", (done.stderr or done.stdout).strip()[-2000:], "see why above")
    step("Start the process manager", lambda: start_supervisor(instance, with_agent=True, with_plane=False, kept=True))
    step("Start the agent", lambda: start_agent(instance, with_plane=False))
    show(findings(instance))
    print(f"\nThis host has joined. Its own engine: unix://{instance.agent_socket}; logs: {instance.log}")
    return 0


def join(instance: Instance) -> None:
    """Enrol the local agent with a fresh single-use token; safe to repeat."""
    if instance.is_joined:
        return
    name = socket.gethostname().split(".")[0] or "local"
    token = manage(instance, "create_enrolment", "--name", name).splitlines()[-1]
    done = subprocess.run(
        [sys.executable, "-m", "agent", "join", instance.url, "--token", token, "--name", name,
         "--data", str(instance.agent_data)],
        env={**os.environ, **instance.environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise StepFailed(
            "The agent could not join", (done.stderr or done.stdout).strip()[-2000:], "run scripts/up again"
        )


def start_agent(instance: Instance, *, with_plane: bool = True) -> None:
    """Start the local agent and wait until its socket and, beside a plane, its tunnel are there."""
    if service.is_for(instance):
        start_supervisor(instance, with_agent=True, with_plane=with_plane)  # it has joined: see `at_once` there
    supervisor = instance.supervisor()
    if supervisor.getProcessInfo("agent")["statename"] not in ("RUNNING", "STARTING"):
        with contextlib.suppress(xmlrpc.client.Fault):  # it may just have been started
            supervisor.startProcess("agent", False)
    wait_until(lambda: answers(instance.agent_socket), 60, "The local agent does not answer", instance)
    if not with_plane:
        return
    wait_until(
        lambda: answers(instance.engine_socket, "/containers/json"), 60, "This host does not come online", instance
    )


def findings(instance: Instance) -> list[dict[str, str]]:
    """What the agent's doctor found wrong with this host; empty when containers can run."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", "doctor", "--json", "--data", str(instance.agent_data)],
        env={**os.environ, **instance.environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    with contextlib.suppress(ValueError):
        return [f for f in json.loads(done.stdout)["findings"] if f["severity"] in ("error", "warning")]
    return []


def tls_of(arguments: argparse.Namespace, remembered: Mapping[str, Any]) -> Tls | None:
    """The TLS port that was asked for, now or at the last start; None without one. Raises StepFailed when its
    certificate cannot be used."""
    told = {} if arguments.no_tls else dict(remembered.get("tls") or {})
    if arguments.tls_cert:
        told |= {"certificate": str(Path(arguments.tls_cert).resolve()), "key": str(Path(arguments.tls_key).resolve())}
    if not told:
        return None
    tls = Tls(told["certificate"], told["key"], arguments.tls_port or told.get("port", DEFAULT_TLS_PORT))
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tls.certificate, tls.key)
    except OSError as error:  # ssl.SSLError is one
        raise StepFailed(
            f"The certificate {tls.certificate} cannot be used", str(error),
            "give --tls-cert a chain and --tls-key its key, both PEM files without a password, or --no-tls",
        ) from None  # fmt: skip
    return tls


def up(arguments: argparse.Namespace) -> int:
    """Bring the instance up; in front unless --detach."""
    began = time.monotonic()
    data = Path(arguments.data).resolve()
    saved = data / "run" / "instance.json"
    remembered = json.loads(saved.read_text()) if saved.exists() else {}
    instance = Instance(
        data,
        arguments.port or remembered.get("port", DEFAULT_PORT),
        arguments.listen or remembered.get("listen", "127.0.0.1"),
        tuple(arguments.agent_flag or remembered.get("agent_flags", ())),
        tls_of(arguments, remembered),
    )
    for directory in (instance.run, instance.log, instance.data / "plane"):
        directory.mkdir(parents=True, exist_ok=True)
    data.chmod(0o755 if os.getuid() == 0 else 0o700)
    instance.run.chmod(0o700)
    fingerprint = sources_fingerprint()
    changed = instance.supervisor() is not None and remembered.get("sources") != fingerprint
    memory = {"port": instance.port, "listen": instance.listen, "agent_flags": instance.agent_flags}
    tls = dataclasses.asdict(instance.tls) if instance.tls is not None else None
    saved.write_text(json.dumps({**memory, "tls": tls, "sources": fingerprint}))

    step("Make secrets", lambda: manage(instance, "ensure_secrets"))
    step("Migrate the database", lambda: manage(instance, "migrate", "--noinput", "-v", "0"))
    if arguments.admin:
        step(
            f"Make the administrator {arguments.admin}",
            lambda: manage(
                instance, "create_admin", "--name", arguments.admin, "--password-file", arguments.admin_password_file
            ),
        )
    step(
        "Start the process manager",
        lambda: start_supervisor(instance, with_agent=not arguments.no_agent, kept=arguments.detach),
    )
    if changed:
        step("Start the new version of what runs", lambda: restart_all(instance))
    step("Wait until the control plane is healthy", lambda: manage(instance, "health", "--wait", "90"))
    problems: list[dict[str, str]] = []
    if not arguments.no_agent:
        step("Join this host", lambda: join(instance))
        step("Start the local agent", lambda: start_agent(instance))
        problems = findings(instance)
        if not any(f["severity"] == "error" for f in problems):
            step("Make the starter image", lambda: starter.ensure(instance.agent_socket))
    link = manage(instance, "setup_link")
    report(instance, link, problems, time.monotonic() - began, with_agent=not arguments.no_agent)
    if arguments.detach:
        return 0
    return in_front(instance)


def show(problems: list[dict[str, str]]) -> None:
    """Print what the doctor found: what, why, what to do."""
    for finding in problems:
        print(f"\n  {finding['severity']}: {finding['title']}")
        print(f"    why:  {finding['detail']}\n    next: {finding['next']}")


def report(instance: Instance, link: str, problems: list[dict[str, str]], took_s: float, *, with_agent: bool) -> None:
    """Print where everything is and what to do first."""
    print(f"\nMooring is up after {took_s:.1f} s.\n")
    print(f"  Dashboard   {instance.url}{link or '/'}")
    if link:
        print("              (this set-up link works once; scripts/up prints a new one until it is used)")
    print(f"  Docker      export DOCKER_HOST=unix://{instance.engine_socket}")
    if instance.tls is not None:
        print(f"  Elsewhere   https://{socket.getfqdn()}:{instance.tls.port}/ (docker clients: docs/control-plane.md)")
    if with_agent:
        who = "root only" if os.getuid() == 0 else "yours only"
        print(f"  This host   unix://{instance.agent_socket} (its own engine, {who})")
        if not problems:
            print("  Try         docker run --rm mooring/starter echo hi")
    print(f"  Logs        {instance.log}")
    show(problems)
    print(flush=True)


def in_front(instance: Instance, agents: tuple[str, ...] = ("agent",)) -> int:
    """Show the logs until Ctrl-C or SIGTERM, then stop everything but the containers."""
    stop = False

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    print("Ctrl-C stops it; containers keep running.\n", flush=True)
    follow(instance.log, (*PLANE_PROGRAMS, *agents), lambda: stop or instance.supervisor() is None)
    return stop_instance(instance)


def stop_instance(instance: Instance) -> int:
    """Stop everything that the process manager runs, then the process manager. Safe to repeat."""
    supervisor = instance.supervisor()
    if supervisor is None:
        if orphans.stop(instance.data):
            print("The process manager was gone; stopped what it had left behind.")
        else:
            print(f"Nothing runs in {instance.data}.")
        return 0
    pid = supervisor.getPID()
    step("Stop", lambda: supervisor.shutdown())
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 60, "The process manager does not stop", instance)
    print("Stopped. Containers keep running; data stay in", instance.data)
    return 0


def main() -> int:
    """Parse the command line of scripts/up or scripts/down."""
    parser = argparse.ArgumentParser(prog="scripts/up or scripts/down", add_help=False)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", add_help=False)
    start.add_argument("--data", default="/var/lib/mooring")
    start.add_argument("--port", type=int)
    start.add_argument("--listen")
    start.add_argument("--tls-cert", metavar="FILE")
    start.add_argument("--tls-key", metavar="FILE")
    start.add_argument("--tls-port", type=int)
    start.add_argument("--no-tls", action="store_true")
    start.add_argument("--detach", action="store_true")
    start.add_argument("--admin")
    start.add_argument("--admin-password-file")
    start.add_argument("--no-agent", action="store_true")
    start.add_argument("--agent-flag", action="append", metavar="FLAG")
    stop = commands.add_parser("down", add_help=False)
    stop.add_argument("--data", default="/var/lib/mooring")
    joining = commands.add_parser("join", add_help=False)
    joining.add_argument("url")
    joining.add_argument("--token", required=True)
    joining.add_argument("--name", default="")
    joining.add_argument("--data", default="/var/lib/mooring")
    joining.add_argument("--agent-flag", action="append", metavar="FLAG")
    arguments = parser.parse_args()
    if arguments.command == "down":
        data = Path(arguments.data).resolve()
        return stop_instance(Instance(data, 0, ""))
    if arguments.command == "up" and bool(arguments.admin) != bool(arguments.admin_password_file):
        start.error("--admin and --admin-password-file belong together")
    if arguments.command == "up" and bool(arguments.tls_cert) != bool(arguments.tls_key):
        start.error("--tls-cert and --tls-key belong together")
    try:
        return up(arguments) if arguments.command == "up" else join_elsewhere(arguments)
    except StepFailed as failure:
        print(f"\n{failure.what}\n  why:  {failure.why}\n  next: {failure.next_act}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
