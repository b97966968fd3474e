"""`OciRuntime`: containers by crun (or runc) under conmon. Implements `ports.runtime.Runtime`.

How a container is made: config.json into the bundle, conmon starts and runs `create`, we note the pids, `start` lets
the process go. crun's `start` and `delete` are done by us on crun's own files, each saving a process: `start` writes
one byte into `exec.fifo` and unlinks it, as crun 1.8 to 1.28 do themselves; `delete` removes the state directory and
the cgroup directories once everything in them is dead. Anything unexpected there falls back to crun's own command. With
runc the commands are always run.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import hashlib
import logging
import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from agent.host import cgroups, files, kernel, pidfds, spawn
from agent.host.findings import Finding
from agent.host.inotify import DirectoryWatcher
from agent.ports.runtime import (
    ExecSpec,
    ExitStatus,
    ProcessSpec,
    Resources,
    RuntimeInfo,
    SandboxSpec,
    StatsSample,
    StdioSession,
)  # fmt: skip
from agent.runtime import seccomp
from agent.runtime.apparmor import DEFAULT_PROFILE, DOCKER_PROFILE, ensure_default_profile
from agent.runtime.binaries import Programs, find_programs, takes_rro
from agent.runtime.container import Container, Record, own_directories
from agent.runtime.execs import Exec, kill_leftovers
from agent.runtime.failures import create_error, in_runcs_words, said
from agent.runtime.monitor import BundleFiles, CreateFailed, Started, monitor_argv, run_create
from agent.runtime.report import find_findings
from agent.runtime.spec import build_config, build_resources
from agent.runtime.stats import read_stats
from wire.errors import Conflict, Internal, NotFound, Timeout

__all__ = ["OciRuntime"]

_log = logging.getLogger(__name__)

_CREATE_TIMEOUT_S: Final = 120.0
_COMMAND_TIMEOUT_S: Final = 60.0
_SOCKET_DIRECTORY_LIMIT: Final = 80


class OciRuntime:
    """See the module docstring. Made by `open`; `close` lets go and leaves containers running."""

    def __init__(
        self, programs: Programs, layout: cgroups.Layout, *, root: Path, seccomp_cache: Path, cgroup_parent: str,
        mounted: tuple[str, ...] = (), apparmor_profile: str | None = None,
    ) -> None:  # fmt: skip
        self._programs = programs
        self._layout = layout
        self._root = root
        self._cgroup_parent = cgroup_parent
        self._containers: dict[str, Container] = {}
        self._execs: dict[str, dict[str, Exec]] = {}
        self._lost: dict[str, ExitStatus] = {}
        self._watcher: DirectoryWatcher | None = None
        self._architecture = kernel.oci_architecture()
        self._kernel = kernel.kernel_version()
        self._boot_id = kernel.boot_id()
        self._is_crun = "crun" in programs.runtime.name
        self._argv = (programs.runtime.path, "--root", str(root))
        self._filters = seccomp.FilterCache(seccomp_cache, _toolchain(programs))
        self._sections: dict[tuple[str, tuple[str, ...]], tuple[seccomp.Section | None, str]] = {}
        self._mounted = mounted
        self._apparmor_profile = apparmor_profile
        # conmon makes a terminal's console socket there: the path must fit a socket address.
        self._socket_directory = str(root) if len(str(root)) < _SOCKET_DIRECTORY_LIMIT else "/run"
        memory = layout.directory("memory", "/")
        self._swap_accounting = layout.version == 2 or os.path.exists(f"{memory}/memory.memsw.limit_in_bytes")

    @classmethod
    async def open(cls, choice: str, *, root: Path, seccomp_cache: Path, cgroup_parent: str) -> Self:
        """Find the programs and bring the host to where they can run. `choice` is auto, crun, runc or a path.

        Mounts controllers left on the v2 tree of a hybrid host when crun is to be used (and says so in `info`).
        Raises PreconditionFailed when something needed is missing.
        """
        spawn.become_subreaper()
        layout = cgroups.read_layout()
        mounted: tuple[str, ...] = ()
        usable = True
        if choice in ("auto", "crun") and cgroups.leftover_controllers(layout):
            mounted, refused = cgroups.mount_leftovers(layout)
            layout = cgroups.read_layout()
            usable = not refused
        programs = await find_programs(choice, crun_usable=usable)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(
            programs, layout, root=root, seccomp_cache=seccomp_cache, cgroup_parent=cgroup_parent,
            mounted=mounted,
            apparmor_profile=DEFAULT_PROFILE if await ensure_default_profile() else None,
        )  # fmt: skip

    def info(self) -> RuntimeInfo:
        """See the port."""
        runtime = self._programs.runtime
        return RuntimeInfo(
            name=runtime.name,
            path=runtime.path,
            version=runtime.version,
            commit=runtime.commit,
            conmon_version=self._programs.monitor.version,
            cgroup_version=self._layout.version,
            cgroup_driver="cgroupfs",
            seccomp=kernel.seccomp_filter_available(),
            apparmor=kernel.apparmor_enabled(),
            apparmor_profile=self._apparmor_profile or "",
            recursive_read_only=self._kernel >= (5, 12) and takes_rro(self._programs.runtime),
            features=self._programs.features,
            problems=self._programs.problems,
        )

    def findings(self) -> list[Finding]:
        """See the port."""
        return find_findings(
            self._programs, self._layout, mounted=self._mounted, confined=self._apparmor_profile is not None
        )

    # making

    async def create(self, spec: SandboxSpec) -> int:
        """See the port."""
        self._lost.pop(spec.id, None)
        if spec.id in self._containers:
            raise Conflict(f"container {spec.id} already exists")
        bundle = BundleFiles(spec.bundle, spec.id)
        spec.bundle.mkdir(mode=0o700, parents=True, exist_ok=True)
        bundle.remove()
        if spec.process.apparmor_profile in (None, DOCKER_PROFILE) and self._apparmor_profile is not None:
            confined = dataclasses.replace(spec.process, apparmor_profile=self._apparmor_profile)
            spec = dataclasses.replace(spec, process=confined)
        section, key = self._section(spec.seccomp, spec.process.capabilities)
        annotations: dict[str, str] = {}
        program = self._filters.find(key) if section is not None and self._is_crun else None
        if program is not None:
            section, annotations = seccomp.closed_section(), {seccomp.BPF_ANNOTATION: program}
        config = build_config(
            spec,
            cgroups_path=f"{(spec.cgroup_parent or self._cgroup_parent).rstrip('/')}/{spec.id}",
            cgroup_version=self._layout.version,
            seccomp=section,
            annotations=annotations,
            init_binary=self._programs.init,
            swap_accounting=self._swap_accounting,
        )
        files.write_file(bundle.config, msgspec.json.encode(config))
        argv = monitor_argv(
            self._programs.monitor.path, self._programs.runtime.path, ("--root", str(self._root)), bundle,
            tty=spec.process.tty, stdin=spec.open_stdin,
            leave_stdin_open=spec.open_stdin and (spec.process.tty or not spec.stdin_once), log_path=spec.log_path,
        )  # fmt: skip
        started: Started | None = None
        try:
            started = await run_create(
                argv, bundle, socket_directory=self._socket_directory, timeout_s=_CREATE_TIMEOUT_S
            )
            container = self._adopt_started(spec, bundle, started)
        except BaseException as error:
            # Nothing of it may be left, also when the caller was cancelled.
            await asyncio.shield(self._clean_up_failed(spec, bundle, started))
            if isinstance(error, CreateFailed):
                raise create_error(str(error), spec.process.args[0], spec.rootfs) from None
            raise
        self._containers[spec.id] = container
        if section is not None and program is None and self._is_crun:
            with suppress(OSError):
                self._filters.keep(key, (self._root / spec.id / "seccomp.bpf").read_bytes())
        return started.init_pid

    def _section(self, profile: str, capabilities: tuple[str, ...]) -> tuple[seccomp.Section | None, str]:
        """The seccomp section and its filter's key, built once per profile and capability set."""
        memo = (profile, capabilities)
        if memo not in self._sections:
            if len(self._sections) > 64:
                self._sections.clear()
            section = seccomp.build_section(profile, capabilities, architecture=self._architecture, kernel=self._kernel)
            self._sections[memo] = (section, "" if section is None else self._filters.key(section))
        return self._sections[memo]

    def _adopt_started(self, spec: SandboxSpec, bundle: BundleFiles, started: Started) -> Container:
        ticks = pidfds.start_time_ticks(started.init_pid)
        try:
            directories = dict(self._layout.cgroup_of(started.init_pid).directories)
        except (FileNotFoundError, ProcessLookupError):
            ticks = None
            directories = {}
        if ticks is None:
            raise CreateFailed("the container's init ended before it was started")
        record = Record(
            boot_id=self._boot_id,
            runtime=self._programs.runtime.name,
            init_pid=started.init_pid,
            init_ticks=ticks,
            monitor_pid=started.monitor.pid,
            monitor_ticks=pidfds.start_time_ticks(started.monitor.pid) or 0,
            tty=spec.process.tty,
            open_stdin=spec.open_stdin,
            stdin_once=spec.stdin_once,
            apparmor_profile=spec.process.apparmor_profile,
            cgroup=own_directories(directories, spec.id),
        )
        record.write(bundle.record)
        return Container(spec.id, spec.bundle, record, started.monitor)

    async def _clean_up_failed(self, spec: SandboxSpec, bundle: BundleFiles, started: Started | None) -> None:
        if started is not None:
            started.monitor.kill()
            await started.monitor.wait()
        parent = spec.cgroup_parent or self._cgroup_parent
        await self._remove_state(spec.id, self._expected_cgroup(parent, spec.id))
        bundle.remove()

    def _expected_cgroup(self, parent: str, container_id: str) -> cgroups.Cgroup:
        """Where the runtime was told to put the container, for when nothing was noted yet."""
        keys = [key for h in self._layout.hierarchies for key in (h.controllers or (cgroups.UNIFIED,))]
        path = f"{parent.rstrip('/')}/{container_id}"
        return cgroups.Cgroup({key: d for key in keys if (d := self._layout.directory(key, path)) is not None})

    async def start(self, container_id: str) -> None:
        """See the port."""
        container = self._get(container_id)
        if container.started:
            return
        fifo = self._root / container_id / "exec.fifo"
        if self._is_crun:
            if not _open_gate(fifo) and fifo.exists():
                await self._command("start", container_id)
        elif fifo.exists():
            await self._command("start", container_id)
        container.started = True

    async def recover(self, container_id: str, bundle: Path) -> int | None:
        """See the port."""
        known = self._containers.get(container_id)
        if known is not None:
            return known.record.init_pid if known.alive else None
        await asyncio.to_thread(kill_leftovers, bundle)
        record = Record.find(bundle / "container.json")
        if record is None:
            # We died while creating it, or the machine was restarted: what there is of it was never acknowledged.
            await self._remove_unrecorded(container_id)
            BundleFiles(bundle, container_id).remove()
            self._lost[container_id] = ExitStatus(code=255, exited_at=time.time(), lost=True)
            return None
        container = Container(container_id, bundle, record, None)
        container.started = not (self._root / container_id / "exec.fifo").exists()
        self._containers[container_id] = container
        if container.init_pidfd is not None and not _has_ended(container.init_pidfd):
            return record.init_pid
        await container.ended.wait()
        return None

    # living

    async def wait(self, container_id: str) -> ExitStatus:
        """See the port. A container that nothing was recorded about counts as lost."""
        if container_id in self._lost:
            return self._lost[container_id]
        container = self._get(container_id)
        await container.ended.wait()
        assert container.status is not None
        return container.status

    async def oom(self, container_id: str) -> None:
        """See the port. The monitor makes a file when the kernel tells it."""
        told = self._get(container_id).files.oom
        if self._watcher is None:
            self._watcher = DirectoryWatcher()
        changed = asyncio.Event()
        try:
            key = self._watcher.watch(told.parent, changed)
        except OSError as error:
            raise NotFound(f"No such container: {container_id}") from error
        try:
            while not told.exists():
                await changed.wait()
                changed.clear()
        finally:
            self._watcher.unwatch(key, changed)

    async def kill(self, container_id: str, signal: int) -> None:
        """See the port. Goes to the init; the rest of the container follows it as its kernel namespaces say."""
        self._get(container_id).signal(signal)

    async def pause(self, container_id: str) -> None:
        """See the port."""
        if not await self._get(container_id).cgroup.set_frozen(True):
            raise Timeout(f"cannot pause container {container_id}: it did not freeze in time")

    async def resume(self, container_id: str) -> None:
        """See the port."""
        await self._get(container_id).cgroup.set_frozen(False)

    async def update(self, container_id: str, resources: Resources) -> None:
        """See the port."""
        self._get(container_id)
        document = build_resources(resources, self._layout.version, swap_accounting=self._swap_accounting)
        result = await spawn.run(
            [*self._argv, "update", "--resources", "/proc/self/fd/0", container_id],
            input=msgspec.json.encode(document),
            timeout_s=_COMMAND_TIMEOUT_S,
        )
        if result.code:
            why = in_runcs_words(said(result.stderr))
            raise Internal(f"runc did not terminate successfully: exit status {result.code}: {why}\n: unknown")
        if (resources.pids_limit or 0) < 0:
            self._get(container_id).cgroup.write("pids", "pids.max", "max")

    async def delete(self, container_id: str) -> None:
        """See the port."""
        self._lost.pop(container_id, None)
        container = self._containers.get(container_id)
        if container is None:
            await self._remove_unrecorded(container_id)
            return
        for process in tuple(self._execs.pop(container_id, {}).values()):
            await process.close(kill=True)
        if container.alive:
            if container.cgroup.is_frozen():
                await container.cgroup.set_frozen(False)
            await container.kill_all()
        await self._remove_state(container_id, container.cgroup)
        container.files.remove()
        await container.close()
        self._containers.pop(container_id, None)

    async def _remove_state(self, container_id: str, cgroup: cgroups.Cgroup) -> None:
        """Every trace in the runtime's root and in the cgroup trees, of a container whose init is dead or doomed."""
        state = self._root / container_id
        if not self._is_crun and state.exists():
            await self._command("delete", "--force", container_id, check=False)
        await cgroup.empty()
        stuck = cgroup.remove()
        if stuck:
            # A just-killed process may still be leaving its group.
            await asyncio.sleep(0.05)
            stuck = cgroup.remove()
        if stuck or (self._is_crun and _is_alive_in(state)):
            await self._command("delete", "--force", container_id, check=False)
            stuck = cgroup.remove()
        if stuck:
            _log.warning("cgroup.stuck", extra={"container": container_id, "directories": stuck})
        with suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.rmtree, state) if _is_large(state) else shutil.rmtree(state)

    async def _remove_unrecorded(self, container_id: str) -> None:
        """Remove a container only the runtime knows of. Cheap when there is none."""
        cgroup = self._expected_cgroup(self._cgroup_parent, container_id)
        if (self._root / container_id).exists():
            await self._command("delete", "--force", container_id, check=False)
        if any(os.path.exists(directory) for directory in cgroup.directories.values()):
            await self._remove_state(container_id, cgroup)

    async def _command(self, *arguments: str, check: bool = True) -> None:
        result = await spawn.run([*self._argv, *arguments], timeout_s=_COMMAND_TIMEOUT_S)
        if check and result.code:
            raise Internal(f"{self._programs.runtime.name} {arguments[0]} failed: {said(result.stderr)}")

    # streams

    async def attach(self, container_id: str) -> StdioSession:
        """See the port."""
        return self._get(container_id).attach()

    async def resize(self, container_id: str, rows: int, columns: int) -> None:
        """See the port."""
        self._get(container_id).resize(rows, columns)

    # execs

    async def exec_start(self, container_id: str, spec: ExecSpec) -> tuple[int, StdioSession | None]:
        """See the port."""
        container = self._get(container_id)
        if not container.alive:
            raise Conflict(f"container {container_id} is not running")
        profile = container.record.apparmor_profile
        if (
            spec.process.apparmor_profile in (None, DOCKER_PROFILE) and profile is not None
        ):  # crun would see to it, runc does not
            confined = dataclasses.replace(spec.process, apparmor_profile=profile)
            spec = dataclasses.replace(spec, process=confined)
        process = Exec(spec, container.files.bundle / f"exec-{spec.exec_id[:32]}.pid")
        session = process.hub.open(patient=True) if spec.attach else None
        await process.start(self._argv, container_id, container.files.bundle, is_crun=self._is_crun)
        self._execs.setdefault(container_id, {})[spec.exec_id] = process
        return process.pid, session

    def _get_exec(self, container_id: str, exec_id: str) -> Exec:
        try:
            return self._execs[container_id][exec_id]
        except KeyError:
            raise NotFound(f"No such exec instance: {exec_id}") from None

    async def exec_wait(self, container_id: str, exec_id: str) -> ExitStatus:
        """See the port. Forgets the exec once its status was given."""
        process = self._get_exec(container_id, exec_id)
        await process.ended.wait()
        assert process.status is not None
        await process.close(kill=False)
        self._execs.get(container_id, {}).pop(exec_id, None)
        return process.status

    async def exec_resize(self, container_id: str, exec_id: str, rows: int, columns: int) -> None:
        """See the port."""
        self._get_exec(container_id, exec_id).resize(rows, columns)

    async def exec_kill(self, container_id: str, exec_id: str, signal: int) -> None:
        """See the port."""
        self._get_exec(container_id, exec_id).signal(signal)

    async def run_probe(
        self, container_id: str, process: ProcessSpec, timeout_s: float, limit_bytes: int
    ) -> tuple[int, bytes]:
        """See the port."""
        exec_id = os.urandom(16).hex()
        _, session = await self.exec_start(container_id, ExecSpec(exec_id=exec_id, process=process))
        probe = self._get_exec(container_id, exec_id)
        assert session is not None
        collected = bytearray()
        try:
            async with asyncio.timeout(timeout_s):
                async for _, data in session.output():
                    collected += data[: limit_bytes - len(collected)]
                await probe.ended.wait()
        except TimeoutError:
            raise Timeout(f"probe did not end within {timeout_s:g} s", output=bytes(collected)) from None
        finally:
            await session.close()
            await probe.close(kill=True)
            self._execs.get(container_id, {}).pop(exec_id, None)
        assert probe.status is not None
        return probe.status.code, bytes(collected)

    # observation

    async def pids(self, container_id: str) -> list[int]:
        """See the port."""
        return self._get(container_id).cgroup.pids()

    async def stats(self, container_id: str) -> StatsSample:
        """See the port."""
        return read_stats(self._get(container_id).cgroup)

    async def close(self) -> None:
        """See the port."""
        for processes in self._execs.values():
            for process in tuple(processes.values()):
                await process.close(kill=process.spec.attach)
        for container in self._containers.values():
            await container.close()
        self._execs.clear()
        self._containers.clear()
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        # The parent group goes with its last container; while one runs the kernel refuses.
        for hierarchy in self._layout.hierarchies:
            for key in hierarchy.controllers or (cgroups.UNIFIED,):
                directory = self._layout.directory(key, self._cgroup_parent)
                if directory is not None:
                    with suppress(OSError):
                        os.rmdir(directory)

    def _get(self, container_id: str) -> Container:
        try:
            return self._containers[container_id]
        except KeyError:
            raise NotFound(f"No such container: {container_id}") from None


def _open_gate(fifo: Path) -> bool:
    """Do what `crun start` does: one byte into the gate its init waits at. False when it is not as expected there."""
    try:
        if not stat.S_ISFIFO(os.lstat(fifo).st_mode):
            return False
        descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO):  # started already; nobody waits any more
            return error.errno == errno.ENOENT
        raise
    try:
        os.unlink(fifo)
        os.write(descriptor, b"\0")
    finally:
        os.close(descriptor)
    return True


def _has_ended(pidfd: int) -> bool:
    return not pidfds.send_signal(pidfd, 0)


def _is_alive_in(state: Path) -> bool:
    """Whether the runtime's state names a process that still runs."""
    try:
        document: dict[str, Any] = msgspec.json.decode((state / "status").read_bytes())
        pid = int(document["pid"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return False
    ticks = pidfds.start_time_ticks(pid)
    return ticks is not None and ticks == document.get("process-start-time")


def _is_large(directory: Path) -> bool:
    """A runtime's state is a handful of files; anything else is removed off the loop."""
    try:
        return sum(1 for _ in os.scandir(directory)) > 16
    except FileNotFoundError:
        return False


def _toolchain(programs: Programs) -> str:
    """What the compiled filters depend on: runtime and libseccomp, by version and by file."""
    parts = [programs.runtime.name, programs.runtime.version, programs.runtime.commit]
    paths = [Path(programs.runtime.path), *sorted(Path("/usr/lib").glob("*/libseccomp.so.2"))]
    for path in paths:
        with suppress(OSError):
            facts = path.stat()
            parts.append(f"{path}:{facts.st_size}:{facts.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
