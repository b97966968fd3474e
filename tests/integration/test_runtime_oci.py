"""The real runtimes: the contract with crun and with runc, and what only real processes can show. Needs root."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import secrets
import shutil
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.host import mounts, pidfds, spawn
from agent.logs.store import FileLogs
from agent.ports.logs import LogQuery, LogRotation
from agent.ports.runtime import Device, ExecSpec, MountSpec, ProcessSpec, Resources, SandboxSpec
from agent.runtime.oci import OciRuntime
from tests.busybox_lab import busybox_spec, make_rootfs
from tests.contract.runtime_suite import Lab, RuntimeSuite, eventually, output_of
from tests.host_state import snapshot, wait_until_unchanged
from wire.errors import Exhausted, Invalid

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("conmon") is None, reason="needs root, conmon and a runtime"),
]


@pytest.fixture(params=["crun", "runc"])
def program(request: pytest.FixtureRequest) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    """A short directory: sockets' paths are limited. Whatever a test leaves on the host fails it."""
    directory = Path(f"/tmp/mooring-rt-{secrets.token_hex(4)}")
    directory.mkdir(mode=0o700)
    before = snapshot(directory.name)
    make_rootfs(directory / "rootfs")
    yield directory
    left = wait_until_unchanged(before, directory.name, limit_s=0.0)
    left.pop("links", None)  # the network room's, perhaps of another program
    shutil.rmtree(directory)
    assert left == {}


async def open_runtime(base: Path, program: str) -> OciRuntime:
    return await OciRuntime.open(
        program, root=base / "runtime", seccomp_cache=base / "seccomp", cgroup_parent=f"/{base.name}"
    )


@pytest.fixture
async def lab(base: Path, program: str) -> AsyncIterator[Lab]:
    runtime = await open_runtime(base, program)

    def template(container_id: str) -> SandboxSpec:
        return busybox_spec(container_id, base / "bundles" / container_id, base / "rootfs")

    yield Lab(runtime, template, base)
    for container_id in tuple(runtime._containers):
        await runtime.delete(container_id)
    await runtime.close()


class TestOciRuntime(RuntimeSuite):
    pass


def own(lab: Lab) -> OciRuntime:
    assert isinstance(lab.runtime, OciRuntime)
    return lab.runtime


async def run(lab: Lab, *args: str, **changes: Any) -> tuple[int, str]:
    """Run a container to its end: (code, both streams together)."""
    spec = lab.spec(*args, **changes)
    await lab.runtime.create(spec)
    session = await lab.runtime.attach(spec.id)
    await lab.runtime.start(spec.id)
    output = await output_of(session)
    status = await lab.runtime.wait(spec.id)
    await lab.runtime.delete(spec.id)
    return status.code, (output[1] + output[2]).decode()


# confinement


async def test_seccomp_holds_with_a_compiled_and_with_a_ready_filter(lab: Lab) -> None:
    script = "grep Seccomp: /proc/self/status; unshare -U true; mknod /tmp/n$$ b 7 0 && echo made"
    for _ in range(2):  # the second start uses what the first compiled
        _, text = await run(lab, "sh", "-c", script)
        assert "Seccomp:\t2" in text
        assert "unshare" in text
        assert "Operation not permitted" in text
    spec = await lab.running("sleep", "1000")
    _, output = await lab.runtime.run_probe(spec.id, lab.process("sh", "-c", script), 20, 4096)
    assert b"Seccomp:\t2" in output
    assert b"Operation not permitted" in output
    await lab.runtime.delete(spec.id)
    assert (await run(lab, "grep", "Seccomp:", "/proc/self/status", seccomp="unconfined")) == (0, "Seccomp:\t0\n")


async def test_a_profile_in_dockers_form_is_applied(lab: Lab) -> None:
    refused = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 42}
    without = {"excludes": {"caps": ["CAP_SYS_ADMIN"]}}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{**refused, **without}]}
    code, text = await run(lab, "sh", "-c", "mkdir /tmp/x || touch /tmp/made", seccomp=json.dumps(profile))
    assert (code, "mkdir" in text) == (0, True)
    with pytest.raises(Invalid, match="Decoding seccomp profile failed"):
        await lab.runtime.create(lab.spec("true", seccomp="{"))


async def test_capabilities_masks_and_devices_are_dockers(lab: Lab) -> None:
    script = (
        "grep -e CapBnd -e CapEff /proc/self/status; cat /proc/kcore | head -c 1 | wc -c; "
        "echo 1 > /proc/sys/kernel/hostname; echo x > /dev/null && echo null; mknod /dev/sda b 8 0; "
        "dd if=/dev/sda of=/dev/null count=1; hostname; readlink /proc/self/ns/net"
    )
    _, text = await run(lab, "sh", "-c", script)
    assert "CapBnd:\t00000000a80425fb" in text
    assert "CapEff:\t00000000a80425fb" in text
    assert "\n0\n" in text, "kcore is masked"
    assert "Read-only file system" in text
    assert "null" in text
    assert "can't open '/dev/sda': Operation not permitted" in text
    assert "lab" in text
    assert os.readlink("/proc/self/ns/net") not in text


async def test_a_device_is_shown_with_its_permissions(lab: Lab) -> None:
    device = Device(host_path="/dev/zero", container_path="/dev/mine", permissions="r")
    _, text = await run(lab, "sh", "-c", "head -c 3 /dev/mine | wc -c; echo x > /dev/mine", devices=(device,))
    assert text.startswith("3\n")
    with pytest.raises(Invalid, match="no such file or directory"):
        await lab.runtime.create(lab.spec("true", devices=(Device(host_path="/dev/nosuch", container_path="/dev/x"),)))


async def test_a_recursively_read_only_mount_is_so_for_what_is_mounted_below(lab: Lab, base: Path) -> None:
    source = base / "source"
    below = source / "below"
    below.mkdir(parents=True)
    assert lab.runtime.info().recursive_read_only
    mounts.mount("tmpfs", below, "tmpfs")
    try:
        results = {}
        for option in ("ro", "rro"):
            mount = MountSpec(
                destination="/shown", type="bind", source=str(source), options=("rbind", "rprivate", option)
            )
            spec = lab.spec("sh", "-c", "touch /shown/x; touch /shown/below/x")
            results[option] = await run(lab, *spec.process.args, mounts=(*spec.mounts, mount))
        assert (results["ro"][0], "/shown/x: Read-only" in results["ro"][1]) == (0, True)
        assert (results["rro"][0], "/shown/below/x: Read-only" in results["rro"][1]) == (1, True)
    finally:
        mounts.unmount(below)


async def test_an_image_whose_dev_is_a_link_writes_nothing_on_the_host(lab: Lab, base: Path) -> None:
    """Both packaged runtimes follow it; the engine's init layer, a real `dev` above the image, is what hides it."""
    target = base / "host-target"
    target.mkdir()
    image, init, upper, work, root = (base / name for name in ("image", "init", "upper", "work", "merged"))
    for directory in (upper, work, root):
        directory.mkdir()
    make_rootfs(image)
    os.rmdir(image / "dev")
    os.symlink(target, image / "dev")
    for name in ("dev", "proc", "sys"):
        (init / name).mkdir(parents=True)
    os.setxattr(init / "dev", "trusted.overlay.opaque", b"y")
    mounts.mount_overlay(root, [init, image], upper, work)
    try:
        spec = dataclasses.replace(lab.spec("true"), rootfs=root, mounts=tuple(
            m for m in lab.spec("true").mounts if not m.destination.startswith("/dev")
        ))  # fmt: skip
        await lab.runtime.create(spec)
        await lab.runtime.start(spec.id)
        await lab.runtime.wait(spec.id)
        await lab.runtime.delete(spec.id)
        assert list(target.iterdir()) == []
    finally:
        mounts.unmount(root)


# the end


async def test_a_lost_monitor_is_noticed_and_its_container_killed(lab: Lab) -> None:
    spec = await lab.running("sh", "-c", "sleep 1000 & sleep 1000")
    container = own(lab)._containers[spec.id]
    pids = await lab.runtime.pids(spec.id)
    os.kill(container.record.monitor_pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        status = await lab.runtime.wait(spec.id)
    assert (status.code, status.lost) == (255, True)
    assert await lab.runtime.pids(spec.id) == []
    await eventually(lambda: all(pidfds.start_time_ticks(pid) is None for pid in pids))  # the host's init reaps them
    await lab.runtime.delete(spec.id)


async def test_a_stuck_monitor_does_not_keep_a_dead_container_running(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.runtime.container._MONITOR_GRACE_S", 0.2)
    spec = await lab.running("sleep", "1000")
    record = own(lab)._containers[spec.id].record
    os.kill(record.monitor_pid, signal.SIGSTOP)
    os.kill(record.init_pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        assert (await lab.runtime.wait(spec.id)).lost
    await lab.runtime.delete(spec.id)


async def test_want_of_memory_is_told_from_a_kill(lab: Lab) -> None:
    limits = Resources(memory_bytes=16 << 20, memory_swap_bytes=16 << 20)
    hog = "sh -c 'x=$(yes | head -c 100000000); echo $x'; exec sleep 1000"
    spec = await lab.running("sh", "-c", hog, resources=limits)
    async with asyncio.timeout(60):
        await lab.runtime.oom(spec.id)  # while it goes on
        await lab.runtime.kill(spec.id, signal.SIGKILL)
        status = await lab.runtime.wait(spec.id)
    assert (status.code, status.oom_killed) == (137, True)
    await lab.runtime.delete(spec.id)


async def test_a_container_in_the_hosts_pid_namespace_leaves_no_process(lab: Lab) -> None:
    namespaces = {"network": None, "ipc": None, "uts": None}
    spec = await lab.running("sh", "-c", "sleep 1000 & sleep 1000 & wait", namespaces=namespaces)
    await eventually(lambda: len(own(lab)._containers[spec.id].cgroup.pids()) == 3)
    pids = await lab.runtime.pids(spec.id)
    await lab.runtime.delete(spec.id)
    for pid in pids:
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or b") Z" in state.read_bytes()


async def test_a_slow_latecomer_is_cut_and_the_container_goes_on(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.runtime.stdio.LIMIT_BYTES", 100_000)
    spec = await lab.running("sh", "-c", "cat; seq 200000; echo done >&2", open_stdin=True, stdin_once=True)
    slow = await lab.runtime.attach(spec.id)  # reads nothing
    await slow.close_stdin()
    assert (await lab.runtime.wait(spec.id)).code == 0
    with pytest.raises(Exhausted):
        async for _ in slow.output():
            pass
    await slow.close()
    await lab.runtime.delete(spec.id)


# restarts of the agent

_AGENT = """
    import asyncio, sys
    from pathlib import Path
    from agent.ports.runtime import ExecSpec
    from agent.runtime.oci import OciRuntime
    from tests.busybox_lab import busybox_spec
    from dataclasses import replace

    async def main():
        base, program, stop_at = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
        runtime = await OciRuntime.open(
            program, root=base / "runtime", seccomp_cache=base / "seccomp", cgroup_parent="/" + base.name
        )
        spec = busybox_spec("1" * 64, base / "bundles" / ("1" * 64), base / "rootfs")
        script = "trap 'echo got; exit 9' TERM; n=0; while :; do n=$((n+1)); echo $n; sleep 0.01; done"
        spec = replace(spec, process=replace(spec.process, args=("sh", "-c", script)), log_path=base / "log")
        await runtime.create(spec)
        if stop_at == "created":
            print("ready", flush=True)
            await asyncio.sleep(1000)
        session = await runtime.attach(spec.id)
        await runtime.start(spec.id)
        sleeper = replace(spec.process, args=("sleep", "77"))
        await runtime.exec_start(spec.id, ExecSpec(exec_id="e" * 64, process=sleeper))
        print("ready", flush=True)
        await asyncio.sleep(1000)

    asyncio.run(main())
"""


async def killed_agent(base: Path, program: str, stop_at: str) -> None:
    """Run an agent in a process of its own up to a point, then SIGKILL it."""
    script = base / "killed.py"
    script.write_text(textwrap.dedent(_AGENT))
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    env = {**spawn.CLEAN_ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = spawn.start([sys.executable, str(script), str(base), program, stop_at], env=env, fds={1: write_end, 2: 2})
    os.close(write_end)
    try:
        assert await asyncio.to_thread(os.read, read_end, 5) == b"ready"
    finally:
        os.close(read_end)
        child.kill()
        await child.wait()


async def test_a_running_container_survives_the_agent(base: Path, program: str) -> None:
    await killed_agent(base, program, "running")
    runtime = await open_runtime(base, program)
    container_id, bundle = "1" * 64, base / "bundles" / ("1" * 64)
    pid = await runtime.recover(container_id, bundle)
    assert pid is not None
    assert await runtime.recover(container_id, bundle) == pid
    before = (base / "log").stat().st_size
    await eventually(lambda: (base / "log").stat().st_size > before)
    session = await runtime.attach(container_id)
    async for stream, _ in session.output():
        assert stream == 1
        break
    await session.close()
    await eventually(lambda: not any(b"77" in arguments_of(p) for p in runtime._containers[container_id].cgroup.pids()))
    await runtime.kill(container_id, signal.SIGTERM)
    status = await runtime.wait(container_id)
    assert (status.code, status.lost) == (9, False)
    numbers = [line.rsplit(b" ", 1)[1] for line in (base / "log").read_bytes().splitlines()]
    assert numbers == [b"%d" % n for n in range(1, len(numbers))] + [b"got"], "no line lost, none twice"
    await runtime.delete(container_id)
    await runtime.close()


def arguments_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def test_a_created_container_can_still_be_started(base: Path, program: str) -> None:
    await killed_agent(base, program, "created")
    runtime = await open_runtime(base, program)
    container_id = "1" * 64
    assert await runtime.recover(container_id, base / "bundles" / container_id) is not None
    await runtime.start(container_id)
    await eventually(lambda: (base / "log").exists() and b" 3\n" in (base / "log").read_bytes())
    await runtime.delete(container_id)
    await runtime.close()


async def test_the_code_of_a_container_that_ended_meanwhile(base: Path, program: str) -> None:
    await killed_agent(base, program, "running")
    bundle = base / "bundles" / ("1" * 64)
    record = json.loads((bundle / "container.json").read_bytes())
    os.kill(record["init_pid"], signal.SIGTERM)
    await eventually(lambda: (bundle / ("1" * 64)).exists())
    runtime = await open_runtime(base, program)
    assert await runtime.recover("1" * 64, bundle) is None
    status = await runtime.wait("1" * 64)
    assert (status.code, status.lost) == (9, False)
    await runtime.delete("1" * 64)
    await runtime.close()


async def test_a_pid_of_another_boot_is_not_taken_for_ours(base: Path, program: str) -> None:
    await killed_agent(base, program, "running")
    bundle = base / "bundles" / ("1" * 64)
    record = json.loads((bundle / "container.json").read_bytes())
    (bundle / "container.json").write_text(json.dumps({**record, "boot_id": "another", "init_pid": os.getpid()}))
    runtime = await open_runtime(base, program)
    assert await runtime.recover("1" * 64, bundle) is None
    assert (await runtime.wait("1" * 64)).lost
    await runtime.delete("1" * 64)
    await runtime.close()


async def test_a_half_made_container_is_cleared_away(base: Path, program: str) -> None:
    await killed_agent(base, program, "running")
    bundle = base / "bundles" / ("1" * 64)
    (bundle / "container.json").unlink()  # as if killed before it was noted
    runtime = await open_runtime(base, program)
    assert await runtime.recover("1" * 64, bundle) is None
    assert list((base / "runtime").glob("1*")) == []
    await runtime.close()


async def test_a_cancelled_create_leaves_nothing(lab: Lab, base: Path) -> None:
    for delay_s in (0.0, 0.002, 0.006, 0.012):
        spec = lab.spec("sleep", "1000")
        creating = asyncio.create_task(lab.runtime.create(spec))
        await asyncio.sleep(delay_s)
        creating.cancel()
        await asyncio.gather(creating, return_exceptions=True)
        await lab.runtime.delete(spec.id)
    assert [p.name for p in (base / "runtime").iterdir() if len(p.name) == 64] == []


# logs, with a real monitor


async def test_rotation_loses_and_repeats_nothing(lab: Lab) -> None:
    spec = lab.spec("seq", "300000")
    assert spec.log_path is not None
    logs = FileLogs()
    await lab.runtime.create(spec)
    ended = asyncio.Event()

    async def follow() -> list[bytes]:
        query = LogQuery(follow=True, ended=ended)
        return [e.data async for batch in logs.entries(spec.log_path, query) for e in batch]  # type: ignore[arg-type]

    following = asyncio.create_task(follow())
    logs.watch(spec.log_path, spec.bundle / "ctl", LogRotation(max_bytes=200_000, max_files=1000))
    await lab.runtime.start(spec.id)
    await lab.runtime.wait(spec.id)
    ended.set()
    assert await following == [b"%d\n" % n for n in range(1, 300_001)]
    await logs.remove(spec.log_path)
    await logs.close()
    await lab.runtime.delete(spec.id)
    assert list(lab.logs.glob("*.log*")) == []


async def test_an_init_reaps_zombies_or_its_want_is_said(lab: Lab) -> None:
    if own(lab)._programs.init is None:
        with pytest.raises(Invalid, match="install the package tini"):
            await lab.runtime.create(lab.spec("true", init=True))
    else:
        _, text = await run(lab, "sh", "-c", "cat /proc/1/comm", init=True)
        assert text.strip() in ("docker-init", "tini-static", "catatonit")


async def test_an_exec_with_a_user_and_groups(lab: Lab) -> None:
    spec = await lab.running("sleep", "1000")
    process = lab.process("id", uid=1234, gid=55, additional_gids=(66,), cwd="/tmp")
    assert (await lab.runtime.run_probe(spec.id, process, 20, 999)) == (0, b"uid=1234 gid=55 groups=66\n")
    exec_spec = ExecSpec(
        exec_id="r" * 64, process=ProcessSpec(args=("sh",), env=("PATH=/bin",), tty=True), open_stdin=True
    )
    _, session = await lab.runtime.exec_start(spec.id, exec_spec)
    assert session is not None
    await lab.runtime.exec_resize(spec.id, "r" * 64, 31, 71)
    seen = b""
    while b"31 71" not in seen:
        await session.write(b"stty size\r")
        async for _, data in session.output():
            seen += data
            if seen.endswith((b"# ", b"\x1b[6n", b"\x1b[J")) or b"31 71" in seen:
                break
    await session.write(b"exit\r")
    await output_of(session)
    await lab.runtime.delete(spec.id)
