"""The composition root: makes every room, starts them in order, serves until told to stop, lets go in reverse.

Order: lock, storage, runtime, images, networks, volumes, logs, engine (which takes up running containers), builder,
then the API's socket, then the link to the control plane. Stopping never stops a container, unless the machine itself
is going down.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from agent.api.app import Api
from agent.api.backends import Backends
from agent.build.builder import Builder
from agent.build.changes import apply_changes
from agent.config import Config
from agent.engine.engine import Engine
from agent.host import cgroups, doctor, mounts, power, spawn
from agent.host.facts import HostFacts
from agent.host.files import Lock, LockHeld
from agent.ports.network import Networking
from agent.ports.runtime import Runtime
from agent.ports.storage import Store
from agent.storage.sqlite import SqliteStore
from agent.tunnel.dial import dial
from agent.tunnel.enrolment import Credential, find_credential
from agent.tunnel.link import Link
from wire import errors
from wire.net.server import serve, unix_listener

__all__ = ["configure_logging", "report", "run"]

_log = logging.getLogger(__name__)

_STOP_GRACE_S = 5.0
_CONTAINERS_STOP_S = 60.0  # the process manager gives us 80, systemd gives it 120
_EXAMINE_EVERY_S = 60.0  # the plane asks every few seconds; what the doctor looks at changes rarely


async def run(config: Config) -> None:
    """Be the agent until SIGTERM or SIGINT. Raises Conflict when another agent has the data directory."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    began = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        engine, api = await _compose(config, stack)
        listener = unix_listener(config.socket, group=config.socket_group)
        stack.callback(config.socket.unlink, missing_ok=True)
        await stack.enter_async_context(serve(api, [listener], grace_s=_STOP_GRACE_S))
        credential = find_credential(config.plane_file)
        if credential is not None:
            await stack.enter_async_context(_linked(api, credential))
        _notify("READY=1")
        _log.info(
            "agent.ready instance=%s socket=%s joined=%s seconds=%.2f",
            config.instance, config.socket, bool(credential), time.monotonic() - began,
        )  # fmt: skip
        await stop.wait()
        _notify("STOPPING=1")
        _log.info("agent.stopping")
        if await power.is_host_going_down():
            _log.info("agent.containers_stopping reason='the host is going down'")
            await engine.stop_all(limit_s=_CONTAINERS_STOP_S)
    _log.info("agent.stopped")


async def _compose(config: Config, stack: contextlib.AsyncExitStack) -> tuple[Engine, Api]:
    """Make and start everything below the API; what was started is closed by `stack`."""
    for directory in (config.data, config.run):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        stack.enter_context(Lock(config.lock))
    except LockHeld:
        raise errors.Conflict(f"another agent runs on {config.data}") from None
    from agent.images.fake import FakeSnapshotter
    from agent.images.images import LocalImages
    from agent.logs.store import FileLogs
    from agent.volumes.local import LocalVolumes

    spawn.become_subreaper()
    with contextlib.suppress(OSError):
        if mounts.ensure_shared_root():
            _log.info("host.root_shared reason='mount propagation, as under systemd'")
    store = SqliteStore(config.journal)
    stack.push_async_callback(store.close)
    runtime = await _open_runtime(config)
    stack.push_async_callback(runtime.close)
    images = LocalImages(
        config.images,
        store,
        insecure_registries=config.insecure_registries,
        registry_mirrors=config.registry_mirrors,
        snapshots=FakeSnapshotter(config.images) if config.runtime == "fake" else None,
    )
    stack.push_async_callback(images.close)
    await images.start()
    networking = await _open_networking(config, store)
    stack.push_async_callback(networking.close)
    volumes = LocalVolumes(config, store)
    logs = FileLogs()
    stack.push_async_callback(logs.close)
    engine = Engine(
        config=config,
        store=store,
        runtime=runtime,
        images=images,
        networking=networking,
        volumes=volumes,
        logs=logs,
        apply_changes=apply_changes,
    )
    stack.push_async_callback(engine.close)
    await engine.start_up()
    builder = Builder(engine=engine, images=images, store=store, state=config.build_cache, run=config.build_run)
    stack.push_async_callback(builder.close)
    await builder.start()
    facts = HostFacts(config.data)

    examined: Mapping[str, Any] = {}
    examined_at = -math.inf

    async def examine() -> Mapping[str, Any]:
        if config.runtime == "fake":  # what this host cannot do does not matter: nothing here is real
            return {"ok": True, "findings": []}
        nonlocal examined, examined_at
        if time.monotonic() - examined_at > _EXAMINE_EVERY_S:
            of_runtime = map(msgspec.structs.asdict, runtime.findings())
            examined = await asyncio.to_thread(report, config, [*of_runtime, *networking.findings()])
            examined_at = time.monotonic()
        return examined

    return engine, Api(Backends(engine=engine, builder=builder, doctor=examine, facts=facts.read, scratch=config.tmp))


async def _open_runtime(config: Config) -> Runtime:
    if config.runtime == "fake":
        from agent.runtime.fake import FakeRuntime

        return FakeRuntime()
    from agent.runtime.absent import AbsentRuntime
    from agent.runtime.oci import OciRuntime

    try:
        return await OciRuntime.open(
            config.runtime,
            root=config.runtime_root,
            seccomp_cache=config.seccomp_cache,
            cgroup_parent=config.cgroup_parent,
        )
    except (errors.MooringError, OSError) as error:
        # The host is still worth seeing: the plane shows it as degraded, with this as the reason.
        _log.error("runtime.absent reason=%r", str(error))
        return AbsentRuntime(str(error), cgroup_version=cgroups.read_layout().version)


async def _open_networking(config: Config, store: Store) -> Networking:
    if config.runtime == "fake":
        from agent.network.fake import FakeNetworking

        fake = FakeNetworking(store)
        await fake.start()
        return fake
    from agent.network.absent import AbsentNetworking
    from agent.network.networking import LinuxNetworking

    networking = LinuxNetworking(config, store)
    try:
        await networking.start()
    except (errors.MooringError, OSError) as error:
        _log.error("network.absent reason=%r", str(error))
        await networking.close()
        return AbsentNetworking(str(error))
    return networking


@contextlib.asynccontextmanager
async def _linked(api: Api, credential: Credential) -> AsyncIterator[Link]:
    """Hold the link to the control plane inside the block."""
    link = Link(
        api,
        lambda on_stream: dial(
            credential.url, credential.credential, on_stream, authority_pem=credential.authority_pem
        ),
    )
    task = asyncio.create_task(link.run(), name="plane-link")
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def report(config: Config, more: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    """What the doctor says of this host, as `GET /mooring/v1/doctor` and `doctor --json` show it.

    `ok` is false when containers cannot run. `more` are findings of the running rooms. Takes a moment.
    """
    findings = [*map(msgspec.structs.asdict, doctor.examine(config.data)), *map(dict, more)]
    return {"ok": all(finding["severity"] != "error" for finding in findings), "findings": findings}


class _KeyValueFormatter(logging.Formatter):
    """`time=… level=… logger=… <message>`; under systemd the journal has the time, and the level is its `<N>`."""

    _PRIORITY = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if self._journal:
            number = next(number for level, number in self._PRIORITY if record.levelno >= level)
            return "\n".join(f"<{number}>logger={record.name} {line}" for line in text.splitlines())
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        milliseconds = int(record.msecs)
        return f"time={moment}.{milliseconds:03d}Z level={record.levelname.lower()} logger={record.name} {text}"


def configure_logging(level: str) -> None:
    """Log to standard error, one line each. Safe to repeat."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_KeyValueFormatter(journal=_logs_to_journal()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # The API answers for every failure itself; what uvicorn adds are streams that were cut on purpose.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)


def _logs_to_journal() -> bool:
    """systemd names the journal's stream by device and inode: whoever redirects our output inherits the variable."""
    with contextlib.suppress(OSError):
        stream = os.fstat(sys.stderr.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"
    return False


def _notify(state: str) -> None:
    """Tell the service manager, when there is one (sd_notify's protocol)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect("\0" + address[1:] if address.startswith("@") else address)
        client.sendall(state.encode())
