"""The AppArmor profile containers get when nobody asks for another, where the host has AppArmor.

It grants what Docker's default grants: files, network and capabilities as the other confinements leave them, no mount,
no writing to the dangerous parts of /proc and /sys, signals and traces only within the profile (and from the host). The
kernel takes a compiled profile, which only `apparmor_parser` makes: without it containers run unconfined by AppArmor,
and the doctor says so.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.host import kernel, spawn
from wire.errors import MooringError

__all__ = ["DEFAULT_PROFILE", "DOCKER_PROFILE", "ensure_default_profile"]

_log = logging.getLogger(__name__)

DEFAULT_PROFILE: Final = "mooring-default"
DOCKER_PROFILE: Final = "docker-default"
"""Docker's name for what it gives; who asks for it gets ours, which grants the same."""

_LOADED: Final = Path("/sys/kernel/security/apparmor/profiles")
_PARSERS: Final = ("/usr/sbin/apparmor_parser", "/sbin/apparmor_parser")

_TEXT: Final = f"""
profile {DEFAULT_PROFILE} flags=(attach_disconnected,mediate_deleted) {{
  network,
  capability,
  file,
  umount,

  # From the host, and from the runtimes where they are confined themselves.
  signal (receive) peer=unconfined,
  signal (receive) peer=crun,
  signal (receive) peer=runc,
  signal (send,receive) peer={DEFAULT_PROFILE},
  ptrace (trace,read,tracedby,readby) peer={DEFAULT_PROFILE},

  # Of /proc only a process's own files may be written, and the sysctls of its namespaces.
  deny /proc/* w,
  deny /proc/{{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}}/** w,
  deny /proc/sys/[^kn]** w,
  deny /proc/sys/kernel/{{?,??,[^s][^h][^m]**}} w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,

  deny mount,

  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}}
"""


async def ensure_default_profile() -> bool:
    """Load the profile (replacing an older text of it); False when this host cannot. Safe to repeat."""
    if not kernel.apparmor_enabled():
        return False
    parser = next((path for path in _PARSERS if os.access(path, os.X_OK)), None)
    if parser is None:
        return _is_loaded()
    try:
        (await spawn.run([parser, "--replace", "--skip-cache"], input=_TEXT.encode(), timeout_s=30)).check()
    except MooringError as error:
        _log.warning("apparmor.profile_refused reason=%r", error.message)
        return _is_loaded()
    return True


def _is_loaded() -> bool:
    with suppress(OSError):
        return any(line.startswith(f"{DEFAULT_PROFILE} (") for line in _LOADED.read_text().splitlines())
    return False
