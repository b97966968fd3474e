"""What a doctor should say about the runtime of this host, as findings."""

from __future__ import annotations

from collections.abc import Iterator

from agent.host import kernel
from agent.host.cgroups import Layout
from agent.host.findings import Finding
from agent.runtime.binaries import INIT_PACKAGE, Programs, known_faults

__all__ = ["find_findings"]

_MITIGATIONS = (
    "The agent puts real dev, proc and sys directories above every image, resolves users itself and runs containers "
    "with a numeric user, a resolved working directory and close-on-exec descriptors."
)


def find_findings(
    programs: Programs, layout: Layout, *, mounted: tuple[str, ...] = (), confined: bool = False
) -> list[Finding]:
    """Everything worth telling, in no order. `mounted` are cgroup controllers the agent mounted for crun; `confined`
    says that the default AppArmor profile is loaded."""
    found = [*_versions(programs), *_choice(programs), *_cgroups(layout, mounted), *_seccomp(programs)]
    return [*found, *_apparmor(confined)]


def _versions(programs: Programs) -> Iterator[Finding]:
    runtime, monitor = programs.runtime, programs.monitor
    yield Finding(
        code="runtime-version",
        severity="info",
        title=f"{runtime.name} {runtime.version} under conmon {monitor.version}",
        detail=runtime.path,
    )
    for advisory, what in known_faults(runtime):
        yield Finding(
            code=advisory.lower(),
            severity="warning",
            title=f"{runtime.name} {runtime.version} may be open to {advisory}",
            detail=f"{what}. Judged by the version number: distributions repair without changing it. {_MITIGATIONS}",
            next=f"install a newer {runtime.name}, or check your distribution's advisory for {advisory}",
        )
    if monitor.number < (2, 0, 24):
        yield Finding(
            code="old-conmon",
            severity="warning",
            title=f"conmon {monitor.version} is older than what is tested (2.1.6)",
            next="install a newer conmon",
        )


def _choice(programs: Programs) -> Iterator[Finding]:
    if programs.init is None:
        yield Finding(
            code="no-init",
            severity="info",
            title="No init program for `docker run --init`",
            detail="such containers are refused; all others run",
            next=f"install the package {INIT_PACKAGE}",
        )
    if programs.runtime.name == "runc":
        yield Finding(
            code="runc-in-use",
            severity="info",
            title="Containers run with runc",
            detail="seccomp filters are compiled anew for each container; with crun a start takes about a third",
            next="install the package crun",
        )


def _cgroups(layout: Layout, mounted: tuple[str, ...]) -> Iterator[Finding]:
    if mounted:
        yield Finding(
            code="cgroup-mounted",
            severity="info",
            title=f"The agent mounted cgroup v1 controllers: {', '.join(mounted)}",
            detail="they were left on the unused v2 tree of this hybrid host, and crun refuses to run then",
        )
    if layout.kind == "v2":
        return
    yield Finding(
        code="cgroup-v1",
        severity="info",
        title="This host uses control groups v1",
        detail="limits work; starting a container takes some milliseconds longer than with v2",
        next="boot with systemd.unified_cgroup_hierarchy=1",
    )


def _apparmor(confined: bool) -> Iterator[Finding]:
    if kernel.apparmor_enabled() and not confined:
        yield Finding(
            code="apparmor-unused",
            severity="warning",
            title="AppArmor is on, but containers run without a profile",
            detail="the default profile could not be loaded; namespaces, capabilities and seccomp confine them still",
            next="install the package apparmor and restart the agent",
        )


def _seccomp(programs: Programs) -> Iterator[Finding]:
    if programs.runtime.name == "crun" and programs.runtime.features and "SECCOMP" not in programs.runtime.features:
        yield Finding(
            code="runtime-without-seccomp",
            severity="error",
            title="This crun was built without seccomp",
            detail="containers that ask for the default profile cannot be started",
            next="install a crun with seccomp",
        )
