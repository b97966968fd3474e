"""From a record and its prepared surroundings to the `SandboxSpec` the runtime makes."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from agent.engine.capabilities import capabilities_for
from agent.engine.container import Container
from agent.engine.context import Context
from agent.engine.environment import build_environment
from agent.engine.etc_files import files_of
from agent.engine.limits import build_resources, build_rlimits
from agent.engine.links import link_environment
from agent.engine.security import confinement_for
from agent.engine.spec_mounts import build_mounts, rootfs_propagation
from agent.engine.users import resolve_user
from agent.engine.validate_config import container_of
from agent.ports.runtime import Device, ProcessSpec, SandboxSpec
from wire.engine.containers import HostConfig
from wire.errors import Conflict, Internal, Invalid

__all__ = ["build_spec", "shm_source"]


def build_spec(
    ctx: Context, container: Container, *, rootfs: Path, netns: Path | None, sources: Mapping[str, str]
) -> SandboxSpec:
    """Everything the runtime needs. Reads the passwd and group files of the mounted root; touches nothing else.

    Raises with Docker's texts for users, namespaces, devices and profiles that cannot be had here.
    """
    record = container.record
    config, host = record.config, record.host
    user = resolve_user(rootfs, config.user, host.group_add or ())
    info = ctx.runtime.info()
    confined = confinement_for(host.security_opt or (), privileged=host.privileged, apparmor_here=info.apparmor)
    if host.device_requests:
        _refuse_device_requests(host)
    if host.uts_mode == "host" and config.domainname:
        raise Internal(
            "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create "
            'failed: sysctl "kernel.domainname" is not in a separate kernel namespace: unknown'
        )
    size = host.console_size if len(host.console_size) == 2 else [0, 0]
    process = ProcessSpec(
        args=(record.path, *record.args),
        env=build_environment(
            config.hostname,
            config.env or (),
            tty=config.tty,
            home=user.home,
            linked=link_environment(ctx, container) if host.links else (),
        ),
        cwd=config.working_dir or "/",
        uid=user.uid,
        gid=user.gid,
        additional_gids=user.groups,
        tty=config.tty,
        console_rows=size[0],
        console_columns=size[1],
        capabilities=capabilities_for(_names(host.cap_add), _names(host.cap_drop), privileged=host.privileged),
        no_new_privileges=confined.no_new_privileges,
        rlimits=build_rlimits(host.ulimits),
        oom_score_adj=host.oom_score_adj,
        apparmor_profile=confined.apparmor,
    )
    sysctls = host.sysctls if isinstance(host.sysctls, dict) else {}
    namespaces = _namespaces(ctx, host, netns)
    return SandboxSpec(
        id=record.id,
        bundle=ctx.config.bundle(record.id),
        rootfs=rootfs,
        process=process,
        hostname=config.hostname if host.uts_mode != "host" else "",
        domainname=config.domainname,
        readonly_rootfs=host.readonly_rootfs,
        mounts=build_mounts(
            record,
            rootfs=rootfs,
            etc_files=files_of(ctx, container),
            sources=sources,
            shm_source=shm_source(ctx, container),
            runtime=info,
        ),
        namespaces=namespaces,
        resources=build_resources(host),
        devices=tuple(
            Device(
                host_path=item.path_on_host,
                container_path=item.path_in_container or item.path_on_host,
                permissions=item.cgroup_permissions or "rwm",
            )
            for item in host.devices or ()
        ),
        device_cgroup_rules=tuple(host.device_cgroup_rules or ()),
        all_devices=host.privileged,
        cgroup_parent=_cgroup_parent(host.cgroup_parent) or ctx.config.cgroup_parent,
        seccomp=confined.seccomp,
        masked_paths=() if host.privileged else tuple(host.masked_paths or ()),
        readonly_paths=() if host.privileged else tuple(host.readonly_paths or ()),
        sysctls={name: value for name, value in sysctls.items() if not name.startswith("net.") or not netns},
        annotations=_annotations(host),
        rootfs_propagation=rootfs_propagation(record),
        open_stdin=config.open_stdin,
        stdin_once=config.stdin_once,
        log_path=ctx.config.container_log(record.id) if host.log_config.type != "none" else None,
        init=bool(host.init),
    )


def _cgroup_parent(asked: str) -> str:
    """Without steps upwards: the runtimes take the path as it is."""
    return posixpath.normpath(f"/{asked}").lstrip("/") if ".." in asked else asked


def _names(value: list[str] | str | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _annotations(host: HostConfig) -> dict[str, str]:
    """A user's annotations without those the runtime would obey (`run.oci.*` can load filters and run handlers)."""
    given = host.annotations if isinstance(host.annotations, dict) else {}
    return {name: value for name, value in given.items() if not name.startswith("run.oci.")}


def _namespaces(ctx: Context, host: HostConfig, netns: Path | None) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    if netns is not None:
        found["network"] = str(netns)
    if host.uts_mode != "host":
        found["uts"] = None
    if host.pid_mode != "host":
        peer = container_of(host.pid_mode)
        found["pid"] = f"/proc/{_peer(ctx, peer).record.state.pid}/ns/pid" if peer else None
    if host.ipc_mode != "host":
        peer = container_of(host.ipc_mode)
        found["ipc"] = f"/proc/{_ipc_peer(ctx, peer).record.state.pid}/ns/ipc" if peer is not None else None
    if host.cgroupns_mode == "private":
        found["cgroup"] = None
    return found


def _peer(ctx: Context, ref: str) -> Container:
    other = ctx.containers.resolve(ref)
    if not other.has_process:
        raise Conflict(f"failed to join PID namespace: container {other.id} is not running")
    return other


def _ipc_peer(ctx: Context, ref: str) -> Container:
    try:
        other = ctx.containers.resolve(ref)
    except Invalid as error:
        raise Invalid(f"failed to join IPC namespace: {error.message}") from error
    if not other.has_process:
        raise Conflict(f"failed to join IPC namespace: container {other.id} is not running")
    if other.record.host.ipc_mode not in ("shareable", "host") and container_of(other.record.host.ipc_mode) is None:
        raise Invalid(
            f"failed to join IPC namespace: container {other.id}: non-shareable IPC "
            "(hint: use IpcMode:shareable for the donor container)"
        )
    return other


def shm_source(ctx: Context, container: Container) -> str | None:
    """Host path to bind on /dev/shm; "" for a tmpfs of its own inside, None for no /dev/shm."""
    mode = container.record.host.ipc_mode
    if mode == "none":
        return None
    if mode == "host":
        return "/dev/shm"
    if mode == "shareable":
        return str(ctx.config.shm(container.id))
    peer = container_of(mode)
    if peer is not None:
        other = _ipc_peer(ctx, peer)
        return "/dev/shm" if other.record.host.ipc_mode == "host" else shm_source(ctx, other)
    return ""


def _refuse_device_requests(host: HostConfig) -> None:
    request = (host.device_requests or [])[0]
    words = " ".join("[" + " ".join(group) + "]" for group in request.capabilities or [])
    raise Invalid(f'could not select device driver "{request.driver}" with capabilities: [{words}]')
