"""The runtime of a host that cannot run containers: everything is refused with the reason.

The agent comes up all the same, so that its host is seen, with the doctor's word on why.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from agent.host.findings import Finding
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
from wire.errors import Unavailable

__all__ = ["AbsentRuntime"]


class AbsentRuntime:
    """See `agent.ports.runtime.Runtime`. Nothing runs here, so what would take something up finds nothing."""

    def __init__(self, reason: str, *, cgroup_version: int) -> None:
        self._reason = reason
        self._cgroup_version = cgroup_version

    def info(self) -> RuntimeInfo:
        return RuntimeInfo(
            name="none",
            path="",
            version="",
            commit="",
            conmon_version="",
            cgroup_version=self._cgroup_version,
            cgroup_driver="none",
            seccomp=False,
            apparmor=False,
            problems=(self._reason,),
        )

    def findings(self) -> list[Finding]:
        return [Finding(code="no-runtime", severity="error", title="Containers cannot run", detail=self._reason)]

    def _refuse(self) -> NoReturn:
        raise Unavailable(f"this host cannot run containers: {self._reason}")

    async def create(self, spec: SandboxSpec) -> int:
        self._refuse()

    async def start(self, container_id: str) -> None:
        self._refuse()

    async def recover(self, container_id: str, bundle: Path) -> int | None:
        return None

    async def wait(self, container_id: str) -> ExitStatus:
        self._refuse()

    async def oom(self, container_id: str) -> None:
        self._refuse()

    async def kill(self, container_id: str, signal: int) -> None:
        self._refuse()

    async def pause(self, container_id: str) -> None:
        self._refuse()

    async def resume(self, container_id: str) -> None:
        self._refuse()

    async def update(self, container_id: str, resources: Resources) -> None:
        self._refuse()

    async def delete(self, container_id: str) -> None:
        return

    async def attach(self, container_id: str) -> StdioSession:
        self._refuse()

    async def resize(self, container_id: str, rows: int, columns: int) -> None:
        self._refuse()

    async def exec_start(self, container_id: str, spec: ExecSpec) -> tuple[int, StdioSession | None]:
        self._refuse()

    async def exec_wait(self, container_id: str, exec_id: str) -> ExitStatus:
        self._refuse()

    async def exec_resize(self, container_id: str, exec_id: str, rows: int, columns: int) -> None:
        self._refuse()

    async def exec_kill(self, container_id: str, exec_id: str, signal: int) -> None:
        self._refuse()

    async def run_probe(
        self, container_id: str, process: ProcessSpec, timeout_s: float, limit_bytes: int
    ) -> tuple[int, bytes]:
        self._refuse()

    async def pids(self, container_id: str) -> list[int]:
        return []

    async def stats(self, container_id: str) -> StatsSample:
        self._refuse()

    async def close(self) -> None:
        return
