"""The systemd unit that keeps an instance across reboots, on hosts whose first process is systemd.

Only the instance in the default data directory becomes one: a machine has one Mooring that should come back by itself,
and instances beside it (tests, trials) come and go with their scripts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orphans
from programs import REPOSITORY, Instance

DEFAULT_DATA = Path("/var/lib/mooring")
NAME = "mooring.service"
_UNIT = Path("/etc/systemd/system") / NAME
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")

_TEXT = """\
[Unit]
Description=Mooring
Wants=network-online.target
After=network-online.target nftables.service firewalld.service

[Service]
Type=exec
ExecStartPre="{python}" "{orphans}" "{data}"
ExecStart="{python}" -m supervisor.supervisord --nodaemon --silent --configuration "{configuration}"
WorkingDirectory={repository}
EnvironmentFile={environment}
Restart=on-failure
TimeoutStopSec=120
# Containers' monitors are in this unit's control group and must outlive it; containers are in groups of their own.
KillMode=process
Delegate=yes
OOMPolicy=continue
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""


def is_for(instance: Instance) -> bool:
    """Whether systemd is to keep this instance."""
    return os.getuid() == 0 and Path("/run/systemd/system").is_dir() and instance.data == DEFAULT_DATA


def install(instance: Instance, configuration: Path) -> None:
    """Write the unit and have it started at boot; safe to repeat. Raises CalledProcessError."""
    environment = instance.run / "environment"
    environment.touch(mode=0o600)  # a database's password may be in it
    environment.write_text(_environment(instance))
    unit = _TEXT.format(
        python=_escaped(sys.executable), configuration=_escaped(configuration), repository=_escaped(REPOSITORY),
        environment=_escaped(environment), orphans=_escaped(Path(orphans.__file__)), data=_escaped(instance.data),
    )  # fmt: skip
    if not _UNIT.exists() or _UNIT.read_text() != unit:
        _UNIT.write_text(unit)
        _systemctl("daemon-reload")
    _systemctl("enable", "--quiet", NAME)


def start() -> None:
    """Start the process manager as the unit. Raises CalledProcessError."""
    _systemctl("start", NAME)


def _systemctl(*arguments: str) -> None:
    subprocess.run(["systemctl", *arguments], check=True, stdin=subprocess.DEVNULL)


def _escaped(path: Path | str) -> str:
    """systemd takes `%` for the start of a specifier."""
    return str(path).replace("%", "%%")


def _environment(instance: Instance) -> str:
    """What a start by hand would pass on: our own settings, and the way out to registries."""
    passed = {
        name: value for name, value in os.environ.items() if name.startswith("MOORING_") or name.lower() in _PROXIES
    }
    values = {**passed, **instance.environment}
    return "".join(f'{name}="{_quoted(value)}"\n' for name, value in sorted(values.items()))


def _quoted(value: str) -> str:
    return "".join(f"\\{character}" if character in '\\"`$' else character for character in value)
