"""Corners where a comparison with Docker Engine 26.1 once found other words, fields or files; the answers are its."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conformance.conftest import IMAGE, Engine
from tests.conformance.test_bad_input import request

RUNC = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
)
REFUSED = {
    "--cpu-shares=-1": "Error response from daemon: shares: invalid argument",
    "--uts=host --domainname=d": f'{RUNC}sysctl "kernel.domainname" is not in a separate kernel namespace: unknown',
    "--ipc=host --sysctl=kernel.msgmax=1":
        f'{RUNC}sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace: unknown',
    "--sysctl=net.nosuch.thing=1":
        f"{RUNC}unable to start container process: error during container init: open /proc/sys/net/nosuch/thing: no "
        "such file or directory: unknown",
    "--volume=/tmp:/etc/passwd":
        ": not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the "
        "specified host path exists and is the expected type",
    "--log-opt=tag={{.Name": "failed to initialize logging driver: template: log-tag:1: unclosed action",
    "--device-read-bps=/dev/nosuch:1mb": "Error response from daemon: stat /dev/nosuch: no such file or directory",
    "--ip=abc": "invalid config for network bridge: invalid endpoint settings:",
}  # fmt: skip


@pytest.mark.parametrize("options", REFUSED)
def test_options_that_cannot_be_had(engine: Engine, options: str) -> None:
    if options.startswith("--device-read") and engine("version", "-f", "{{.Client.Version}}")[1].startswith("26.1"):
        pytest.skip("Docker's client 26.1 leaves this option out of its request")
    code, _, err = engine("run", "--rm", *options.split(), IMAGE, "true")
    missing = "no such file or directory" in err  # what makes the CLI take it for a missing command
    assert (code, REFUSED[options] in err) == (127 if missing else 125, True), err
    assert engine.ok("ps", "-aq") == ""


def test_a_link_tells_its_variables_to_every_process_and_needs_a_running_end(engine: Engine) -> None:
    engine.ok("run", "-d", "--name", "db", "--expose", "5432", IMAGE, "sleep", "600")
    engine.ok("run", "-d", "--name", "web", "--link", "db:store", IMAGE, "sleep", "600")
    address = engine.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "db")
    told = engine.ok("exec", "web", "env").splitlines()
    assert f"STORE_PORT_5432_TCP=tcp://{address}:5432" in told
    assert "STORE_NAME=/web/store" in told
    engine.ok("stop", "-t", "0", "db")
    code, _, err = engine("exec", "web", "true")
    assert (code, err) == (
        1, "Error response from daemon: Cannot link to a non running container: /db AS /web/store\n",
    )  # fmt: skip
    code, _, err = engine("run", "--name", "late", "--link", "db", IMAGE, "true")
    assert (code, "Cannot link to a non running container: /db AS /late/db" in err) == (125, True)


def test_the_state_of_what_nobody_probes_is_unhealthy(engine: Engine) -> None:
    engine.ok("run", "-d", "--name", "web", "--health-cmd", "true", "--health-interval", "1h", IMAGE, "sleep", "600")
    assert engine.ok("inspect", "-f", "{{.State.Health.Status}}", "web") == "starting"
    engine.ok("stop", "-t", "0", "web")
    assert engine.ok("inspect", "-f", "{{.State.Health.Status}}", "web") == "unhealthy"


def test_inspect_keeps_ids_of_peers_sandbox_and_mac_address(engine: Engine) -> None:
    mac = "02:42:ac:11:00:77"
    peer = engine.ok("run", "-d", "--name", "peer", "--mac-address", mac, IMAGE, "sleep", "600")
    engine.ok("create", "--name", "web", "--network", "container:peer", "--pid", "container:peer", IMAGE)
    document = json.loads(engine.ok("inspect", "web"))[0]["HostConfig"]
    assert (document["NetworkMode"], document["PidMode"]) == (f"container:{peer}", f"container:{peer}")
    running = json.loads(engine.ok("inspect", "peer"))[0]
    assert running["Config"]["MacAddress"] == mac
    engine.ok("stop", "-t", "0", "peer")
    ended = json.loads(engine.ok("inspect", "peer"))[0]
    assert running["NetworkSettings"]["SandboxID"]
    assert ended["NetworkSettings"]["SandboxID"] == running["NetworkSettings"]["SandboxID"]


def test_cp_leaves_the_kernels_files_out_and_owners_in(engine: Engine, tmp_path: Path) -> None:
    engine.ok("run", "-d", "--name", "web", IMAGE, "sleep", "600")
    assert engine("cp", "web:/proc/version", "-")[2] == (
        "Error response from daemon: Could not find the file /proc/version in container web\n"
    )
    engine.ok("cp", "web:/", str(tmp_path / "root"))
    assert (tmp_path / "root/etc/hostname").exists()
    assert [sorted((tmp_path / "root" / name).iterdir()) for name in ("proc", "sys")] == [[], []]
    given = tmp_path / "given"
    given.write_text("x")
    os.chown(given, 77, 88)
    engine.ok("cp", "-a", str(given), "web:/given")
    assert engine.ok("exec", "web", "stat", "-c", "%u:%g", "/given") == "77:88"


def test_a_refused_archive_is_told_with_dockers_status(engine: Engine) -> None:
    engine.ok("create", "--name", "web", IMAGE)
    tar = {"Content-Type": "application/x-tar"}
    answer = request(engine, "PUT", "/v1.45/containers/web/archive?path=/etc/passwd", bytes(1024), tar)
    assert answer == (500, {"message": "extraction point is not a directory"})
    engine.ok("create", "--name", "sealed", "--read-only", IMAGE)
    answer = request(engine, "PUT", "/v1.45/containers/sealed/archive?path=/", bytes(1024), tar)
    assert answer == (500, {"message": "container rootfs is marked read-only"})
    assert request(engine, "POST", "/v1.45/containers/web/update", b"{}") == (200, {"Warnings": None})
    status, body = request(
        engine, "POST", "/v1.43/containers/create",
        json.dumps({"Image": IMAGE, "NetworkingConfig": {"EndpointsConfig": {"a": {}, "b": {}}}}).encode(),
    )  # fmt: skip
    assert (status, body) == (400, {"message": "Container cannot be created with multiple network endpoints: a, b"})


def test_a_tail_of_nothing_is_nothing(engine: Engine) -> None:
    engine.ok("run", "--name", "web", IMAGE, "printf", "whole\\nhalf")
    assert engine.ok("logs", "--tail", "0", "web") == ""
    assert engine("logs", "--tail", "1", "web")[1] == "half"
