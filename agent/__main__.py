"""The agent's command line: `python -m agent run | join URL | doctor | purge`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.config import DEFAULT_DATA, Config
from wire import errors

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. What goes wrong is said in one line on standard error."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except errors.MooringError as error:
        print(f"agent: {error.message}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agent", description="Mooring's agent: the engine of one host.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", type=Path, default=DEFAULT_DATA, help="directory of everything durable")

    run = commands.add_parser("run", parents=[data], help="be the agent, until SIGTERM; containers outlive it")
    run.add_argument("--socket", type=Path, default=Path(), help="unix socket of the Engine API")
    run.add_argument("--socket-group", default="", help="group that may use the socket (default: only root)")
    run.add_argument("--run", type=Path, default=Path(), dest="run_directory", help="directory that a reboot may empty")
    run.add_argument("--instance", default="", help="short id that keeps agents of one host apart")
    run.add_argument("--runtime", default="auto", choices=("auto", "crun", "runc", "fake"))
    run.add_argument("--bridge-subnet", default="", metavar="CIDR", help="subnet of the default bridge")
    run.add_argument("--insecure-registry", action="append", default=[], metavar="HOST[:PORT]|CIDR")
    run.add_argument("--registry-mirror", action="append", default=[], metavar="URL")
    run.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    run.set_defaults(command=_run)

    join = commands.add_parser("join", parents=[data], help="join a control plane with a single-use token")
    join.add_argument("url", metavar="URL")
    join.add_argument("--token", default="", help="the token (default: the environment's MOORING_TOKEN)")
    join.add_argument("--name", default="", help="name of this host (default: its host name)")
    join.add_argument("--ca", type=Path, metavar="FILE", help="certificate authority of the control plane, PEM")
    join.set_defaults(command=_join)

    doctor = commands.add_parser("doctor", parents=[data], help="examine this host; exit code 1 if it cannot run any")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(command=_doctor)

    purge = commands.add_parser("purge", parents=[data], help="take everything of a stopped agent off this host")
    purge.add_argument("--run", type=Path, default=Path(), dest="run_directory", help="as given to `run`")
    purge.add_argument("--instance", default="", help="as given to `run`")
    purge.add_argument("--yes", action="store_true", help="really: containers, images and volumes are deleted")
    purge.set_defaults(command=_purge)
    return parser


def _run(options: argparse.Namespace) -> int:
    config = Config(
        data=options.data,
        instance=options.instance,
        run=options.run_directory,
        socket=options.socket,
        socket_group=options.socket_group,
        bridge_subnet=options.bridge_subnet,
        insecure_registries=tuple(options.insecure_registry),
        registry_mirrors=tuple(options.registry_mirror),
        runtime=options.runtime,
        log_level=options.log_level,
    )
    import uvloop

    from agent import daemon

    daemon.configure_logging(config.log_level)
    uvloop.run(daemon.run(config))
    return 0


def _join(options: argparse.Namespace) -> int:
    from agent.host.facts import HostFacts
    from agent.tunnel.enrolment import enrol

    token = options.token or os.environ.get("MOORING_TOKEN", "")
    if not token:
        raise errors.Invalid("a token is needed: --token or MOORING_TOKEN")
    config = Config(data=options.data)
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = options.name or os.uname().nodename.partition(".")[0]
    authority = options.ca.read_text() if options.ca else ""
    credential = enrol(
        options.url, token, name, HostFacts(config.data).read(), config.plane_file, authority_pem=authority
    )
    print(f"Joined {credential.url} as {credential.name}. The agent links to it when it starts.")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from agent.daemon import report

    found = report(Config(data=options.data))
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        for finding in found["findings"]:
            print(f"{finding['severity']:<8} {finding['title']}")
            for line in filter(None, (finding["detail"], finding["next"] and f"→ {finding['next']}")):
                print(f"{'':<8} {line}")
        print("This host can run containers." if found["ok"] else "This host cannot run containers.")
    return 0 if found["ok"] else 1


def _purge(options: argparse.Namespace) -> int:
    if not options.yes:
        raise errors.Invalid(f"this deletes every container, image and volume in {options.data}: say --yes")
    import asyncio

    from agent.purge import purge

    left = asyncio.run(purge(Config(data=options.data, run=options.run_directory, instance=options.instance)))
    for what in left:
        print(f"left: {what}", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
