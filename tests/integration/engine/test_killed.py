"""kill -9 of the agent at each named line of create, start, exit, stop, rm, pull, build, commit and rmi.

A real agent with a data directory of its own, driven by the docker CLI. It is killed, started, killed again where its
recovery passes the same line, and started. Acknowledged work is never lost; work that was cut off has either happened
or not; one more command always brings it where it was to be; and once that is removed, host, journal and files are what
they were before, with a container that ran all the while untouched.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents import IMAGE, Agent, run_agent
from tests.instances import REPOSITORY, wait_until
from tests.integration.build.busybox_root import busybox_tar
from tests.registries import run_registry

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers need root"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="driven by the docker CLI"),
]

_ROOT = ["images.after_root_row", "images.before_root_rename"]
CREATE = [
    *_ROOT, "create.after_rootfs", "volumes.after_directory", "create.after_volumes", "volumes.after_mount",
    "volumes.before_copy_renamed", "create.before_row", "create.after_row",
]  # fmt: skip
START = [
    "start.after_journal", "network.after_netns", "network.after_veth", "network.before_sandbox_file",
    "network.after_port_rule", "start.after_network", "start.before_runtime_create", "start.after_runtime_create",
    "start.after_runtime_start", "start.before_ack",
]  # fmt: skip
EXIT = ["exit.before_lock", "network.after_netns_dropped", "exit.after_release"]
STOP = ["stop.after_journal", "stop.after_signal", "stop.during_grace", "stop.after_kill"]
REMOVE = [
    "rm.after_journal", "volumes.after_set_aside", "volumes.after_row_removed", "rm.after_volumes",
    "images.after_unmount", "images.before_root_row_removed", "rm.after_root", "rm.after_files", "rm.after_row",
]  # fmt: skip
PULL = [
    "pull.after_manifest", "pull.mid_blob", "images.before_blob_rename", "pull.after_blob_fsync", "images.mid_extract",
    "images.before_layer_rename", "pull.after_extract", "pull.before_tag", "images.before_image_row",
]  # fmt: skip
IMPORT = ["images.before_blob_rename", "images.before_image_row"]
BUILD = [
    "build.mid_context", *_ROOT, "images.before_blob_rename", "images.before_image_row", "build.after_step_commit",
    "create.after_row", "start.after_runtime_start", "exit.before_lock", "build.mid_step", "build.before_tag",
]  # fmt: skip
COMMIT = ["images.before_blob_rename", "images.before_layer_rename", "images.before_image_row"]
DELETE = ["images.after_image_row_removed", "images.after_layer_rows"]
NETWORK = ["network.after_bridge", "network.after_bridge_removed"]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with run_agent(tmp_path_factory.mktemp("killed")) as running:
        count = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"
        running.ok(
            "run", "-d", "--init", "--name", "bystander", "-p", "80", "-v", "kept:/kept", IMAGE, "sh", "-c", count
        )
        yield running


@pytest.fixture(scope="module")
def remote(agent: Agent) -> Iterator[str]:
    """An image of three layers that only a registry has."""
    with run_registry() as address:
        name = f"{address}/app"
        dockerfile = f"FROM {IMAGE}\nRUN head -c 3000000 /dev/urandom >/one; touch /more\nRUN echo 2 >/two"
        agent.ok("build", "-t", name, "-", data=dockerfile.encode())
        agent.ok("push", name)
        agent.ok("rmi", name)
        agent.ok("builder", "prune", "-f")
        yield name


@pytest.fixture
def before(agent: Agent, remote: str) -> Iterator[None]:
    """What there was before is what there is afterwards; the bystander is untouched and nothing of its log is lost."""
    facts = "{{.Id}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}} {{.NetworkSettings.IPAddress}}"
    bystander, traces = agent.ok("inspect", "-f", facts, "bystander"), agent.settled_traces()
    yield
    agent.disarm()
    if not agent.running:
        agent.start()
    agent.docker("rm", "-fv", "victim")
    names = agent.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    agent.docker("rmi", "-f", *(name for name in names if name != f"{IMAGE}:latest"))
    agent.docker("builder", "prune", "-f")
    assert agent.ok("inspect", "-f", facts, "bystander") == bystander
    numbers = agent.ok("logs", "bystander").split()
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    agent.wait_traces(traces)


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", CREATE)
def test_create(agent: Agent, point: str) -> None:
    agent.kill_at(point, "create", "--name", "victim", "-v", "/etc", IMAGE, "grep", "root", "/etc/passwd")
    if point == "create.after_row":
        assert agent.status("victim") == "created"
        agent.ok("start", "-a", "victim")
    else:
        assert agent.status("victim") == ""
        agent.ok("run", "--rm", "--name", "victim", "-v", "/etc", IMAGE, "grep", "root", "/etc/passwd")


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", START)
def test_start(agent: Agent, point: str) -> None:
    agent.ok("create", "--name", "victim", "-p", "80", "-v", "/data", "--ipc", "shareable", IMAGE, "sleep", "1000")
    agent.kill_at(point, "start", "victim")
    late = point in ("start.after_runtime_create", "start.after_runtime_start", "start.before_ack")
    assert agent.status("victim") == ("running" if late else "created")
    agent.ok("start", "victim")
    assert agent.status("victim") == "running"
    assert agent.ok("exec", "victim", "echo", "works") == "works"
    assert len(agent.ok("top", "victim").splitlines()) == 2


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", EXIT)
@pytest.mark.parametrize("auto_remove", [False, True])
def test_exit(agent: Agent, point: str, auto_remove: bool) -> None:
    flags = ["--rm"] if auto_remove else []
    command = ["run", "-d", *flags, "--name", "victim", "-v", "/data", IMAGE, "sh", "-c", "exit 7"]
    agent.kill_at(point, *command, may_succeed=True)
    if auto_remove:
        wait_until(lambda: not agent.status("victim"), 60, "it is removed")
    else:
        assert agent.ok("wait", "victim") == "7"
        assert agent.status("victim") == "exited"


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", STOP)
def test_stop(agent: Agent, point: str) -> None:
    agent.ok("run", "-d", "--restart", "always", "--name", "victim", IMAGE, "sh", "-c", "trap '' TERM; sleep 1000")
    agent.kill_at(point, "stop", "-t", "1", "victim")
    agent.ok("stop", "-t", "0", "victim")
    assert agent.status("victim") == "exited"


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", REMOVE)
def test_rm(agent: Agent, point: str) -> None:
    agent.ok("run", "-d", "--name", "victim", "-v", "/data", "-p", "80", IMAGE, "sleep", "1000")
    agent.kill_at(point, "rm", "-fv", "victim")
    assert agent.status("victim") == ""
    agent.ok("run", "--rm", "--name", "victim", IMAGE, "true")


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", PULL)
def test_pull(agent: Agent, remote: str, point: str, tmp_path: Path) -> None:
    agent.kill_at(point, "pull", remote)
    assert agent.ok("images", "-q", remote) == ""
    agent.ok("pull", remote)
    assert agent.ok("run", "--rm", remote, "stat", "-c", "%s", "/one", "/two").split() == ["3000000", "2"]
    agent.ok("save", "-o", str(tmp_path / "app.tar"), remote)  # which checks every byte


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", IMPORT)
def test_import(agent: Agent, point: str) -> None:
    data = busybox_tar() + b"\0" * 512  # another layer than BusyBox's, of the same files
    agent.kill_at(point, "import", "-", "app", data=data)
    assert agent.ok("images", "-q", "app") == ""
    agent.ok("import", "-", "app", data=data)
    agent.ok("run", "--rm", "app", "true")


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", BUILD)
def test_build(agent: Agent, point: str) -> None:
    dockerfile = f"FROM {IMAGE}\nCOPY Dockerfile /a\nRUN grep -c ^RUN /a >/b\n".encode()
    agent.kill_at(point, "build", "-t", "app", "-", data=dockerfile)
    assert agent.ok("ps", "-a", "--format", "{{.Names}}") == "bystander"
    assert agent.ok("images", "-q", "app") == ""
    agent.ok("build", "-t", "app", "-", data=dockerfile)
    assert agent.ok("run", "--rm", "app", "cat", "/b") == "1"


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", COMMIT)
def test_commit(agent: Agent, point: str) -> None:
    agent.ok("run", "--name", "victim", IMAGE, "sh", "-c", "echo kept >/new")
    agent.kill_at(point, "commit", "victim", "app")
    assert agent.ok("images", "-q", "app") == ""
    agent.ok("commit", "victim", "app")
    assert agent.ok("run", "--rm", "app", "cat", "/new") == "kept"


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", DELETE)
def test_rmi(agent: Agent, point: str) -> None:
    agent.ok("run", "--name", "victim", IMAGE, "touch", "/new")
    agent.ok("commit", "victim", "app")
    agent.kill_at(point, "rmi", "app")
    assert agent.ok("images", "-q", "app") == ""


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("point", NETWORK)
def test_network(agent: Agent, point: str) -> None:
    if point == "network.after_bridge":
        agent.kill_at(point, "network", "create", "net")
    else:
        agent.ok("network", "create", "net")
        agent.kill_at(point, "network", "rm", "net")
    agent.docker("network", "rm", "net")
    agent.ok("network", "create", "net")
    agent.ok("run", "--rm", "--network", "net", IMAGE, "true")
    agent.ok("network", "rm", "net")


def test_every_failpoint_is_exercised() -> None:
    named = {
        name
        for path in (REPOSITORY / "agent").rglob("*.py")
        for name in re.findall(r'failpoints\.hit\("([^"]+)"\)', path.read_text())
    }
    exercised = {*CREATE, *START, *EXIT, *STOP, *REMOVE, *PULL, *IMPORT, *BUILD, *COMMIT, *DELETE, *NETWORK}
    assert named == exercised
