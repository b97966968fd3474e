"""`top`: the host's `ps`, cut to the container's processes."""

from __future__ import annotations

import shutil
from typing import Any

from agent.engine.context import Context
from agent.host import spawn
from wire.errors import Conflict, Internal, MooringError

__all__ = ["parse_ps", "top"]


async def top(ctx: Context, ref: str, ps_args: str = "") -> dict[str, Any]:
    """Titles and Processes. Conflict when it does not run; Internal with ps's own words when ps refuses."""
    container = ctx.containers.resolve(ref)
    if not container.running:
        raise Conflict(f"container {container.id} is not running")
    if container.record.state.status == "restarting":
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    arguments = (ps_args or "-ef").split(" ")
    if "\0" in ps_args:
        raise Internal("error running ps: fork/exec: invalid argument")
    program = shutil.which("ps")
    if program is None:
        raise Internal("error running ps: this host has no ps (install procps)")
    pids = await ctx.runtime.pids(container.id)
    done = await spawn.run([program, *arguments], timeout_s=20)
    if done.code != 0:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise Internal(f"ps: {said}" if said else f"error running ps: exit status {done.code}")
    document = parse_ps(done.stdout.decode(errors="replace"), set(pids))
    ctx.events.publish("container", "top", container.id, container.attributes())
    return document


def parse_ps(output: str, pids: set[int]) -> dict[str, Any]:
    """Docker's reading of ps: words by the titles, the last title takes the rest of the line."""
    lines = output.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise _no_pid()
    column = titles.index("PID")
    processes: list[list[str]] = []
    follows = False
    for line in lines[1:]:
        words = line.split()
        if not words:
            continue
        if words[0] == "-":  # threads follow their process (ps m)
            if follows:
                processes.append(_row(words, len(titles)))
            continue
        if len(words) <= column or not words[column].isdigit():
            raise Internal(f"Unexpected pid '{words[column] if len(words) > column else ''}'")
        follows = int(words[column]) in pids
        if follows:
            processes.append(_row(words, len(titles)))
    return {"Processes": processes, "Titles": titles}


def _row(words: list[str], width: int) -> list[str]:
    return [*words[: width - 1], " ".join(words[width - 1 :])]


def _no_pid() -> MooringError:
    return Internal("Couldn't find PID field in ps output")
