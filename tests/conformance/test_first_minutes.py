"""What a new user does in the first five minutes, with the real docker CLI, on both sockets."""

from __future__ import annotations

import os
import socket
import urllib.request

import pexpect
import pytest

from tests.conformance.conftest import IMAGE, Engine
from tests.instances import free_port, wait_until


def test_run_prints_output_and_removes_the_container(engine: Engine) -> None:
    assert engine.ok("run", "--rm", IMAGE, "echo", "hi") == "hi"
    assert engine.ok("ps", "-aq") == ""


@pytest.mark.parametrize("code", [0, 3, 137])
def test_exit_codes_pass_through(engine: Engine, code: int) -> None:
    assert engine("run", "--rm", IMAGE, "sh", "-c", f"exit {code}")[0] == code


def test_stdin_reaches_the_process_and_ends(engine: Engine) -> None:
    assert engine.ok("run", "-i", "--rm", IMAGE, "cat", input_="one\ntwo\n") == "one\ntwo"


def test_stderr_is_kept_apart(engine: Engine) -> None:
    code, out, err = engine("run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 4")
    assert (code, out, err) == (4, "out\n", "err\n")


def test_detached_container_serves_http_on_a_published_port(engine: Engine) -> None:
    port = free_port()
    engine.ok(
        "run", "-d", "--name", "web", "-p", f"{port}:80", IMAGE,
        "sh", "-c", "echo hello from mooring > /var/www/index.html; exec httpd -f -p 80 -h /var/www",
    )  # fmt: skip

    def page() -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    wait_until(page, 60, "the page is served")
    assert page() == "hello from mooring\n"
    assert f"0.0.0.0:{port}->80/tcp" in engine.ok("ps", "--format", "{{.Ports}}")
    assert engine.ok("port", "web", "80/tcp").splitlines()[0] == f"0.0.0.0:{port}"
    engine.ok("stop", "-t", "1", "web")
    assert page() is None
    assert engine.ok("ps", "-a", "--format", "{{.State}}") == "exited"
    engine.ok("rm", "web")


def test_udp_port_is_published(engine: Engine) -> None:
    port = free_port()
    echo = (
        "use Socket; socket(S, PF_INET, SOCK_DGRAM, 17); bind(S, sockaddr_in(9999, INADDR_ANY));"
        "while ($from = recv(S, $data, 99, 0)) { send(S, $data, 0, $from) }"
    )
    # busybox cannot listen on UDP; every Debian has a perl that can
    engine.ok("run", "-d", "-p", f"{port}:9999/udp", "-v", "/:/host:ro", IMAGE, "chroot", "/host", "perl", "-e", echo)

    def echoes() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            client.sendto(b"ping", ("127.0.0.1", port))
            try:
                return client.recv(16) == b"ping"
            except OSError:
                return False

    wait_until(echoes, 60, "the datagram comes back")


def test_logs_tail_follow_and_timestamps(engine: Engine) -> None:
    engine.ok("run", "--name", "talker", IMAGE, "sh", "-c", "for i in 1 2 3; do echo line $i; done; echo bad >&2")
    assert engine.ok("logs", "--tail", "2", "talker").splitlines()[-1] == "line 3"
    code, out, err = engine("logs", "talker")
    assert (code, out.splitlines(), err) == (0, ["line 1", "line 2", "line 3"], "bad\n")
    stamped = engine.ok("logs", "-t", "--tail", "1", "talker") or engine("logs", "-t", "--tail", "1", "talker")[2]
    assert stamped[4] == "-"
    assert "T" in stamped.split()[0]


def test_logs_follow_until_the_end(engine: Engine) -> None:
    engine.ok("run", "-d", "--name", "counter", IMAGE, "sh", "-c", "for i in $(seq 1 20); do echo $i; sleep 0.05; done")
    assert engine.ok("logs", "-f", "counter").split() == [str(i) for i in range(1, 21)]


def test_exec_with_exit_code_and_input(engine: Engine) -> None:
    engine.ok("run", "-d", "--name", "box", IMAGE, "sleep", "600")
    assert engine.ok("exec", "box", "echo", "inside") == "inside"
    assert engine("exec", "box", "sh", "-c", "exit 5")[0] == 5
    assert engine.ok("exec", "-i", "box", "sort", input_="b\na\n") == "a\nb"
    assert (
        engine.ok("exec", "-e", "A=1", "-w", "/tmp", "-u", "33", "box", "sh", "-c", "echo $A $PWD $(id -u)")
        == "1 /tmp 33"
    )


def _spawn(engine: Engine, *arguments: str) -> pexpect.spawn:
    return pexpect.spawn(
        "docker", list(arguments), timeout=60, dimensions=(31, 97), encoding="utf-8",
        env={**os.environ, "DOCKER_HOST": engine.host, "HOME": str(engine.instance.data / "home")},
    )  # fmt: skip


def test_exec_terminal(engine: Engine) -> None:
    engine.ok("run", "-d", "--name", "box", IMAGE, "sleep", "600")
    child = _spawn(engine, "exec", "-it", "box", "sh")
    child.sendline("echo ready $((40 + 2))")
    child.expect("ready 42")
    child.sendline("stty size")
    child.expect("31 97")
    child.sendline("exit 7")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 7


def test_run_terminal(engine: Engine) -> None:
    child = _spawn(engine, "run", "-it", "--rm", IMAGE, "sh")
    child.sendline("tty; exit 3")
    child.expect("/dev/pts/0")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_attach_sees_output_and_detaches_by_keys(engine: Engine) -> None:
    engine.ok("run", "-dit", "--name", "shell", IMAGE, "sh")
    child = _spawn(engine, "attach", "shell")
    child.sendline("echo attached $((1 + 1))")
    child.expect("attached 2")
    child.send("\x10\x11")
    child.expect(pexpect.EOF)
    child.close()
    assert engine.ok("inspect", "-f", "{{.State.Status}}", "shell") == "running"


def test_attach_passes_output_and_exit_code(engine: Engine) -> None:
    engine.ok("create", "--name", "waiting", IMAGE, "sh", "-c", "echo from attach; exit 6")
    code, out, _ = engine("start", "-a", "waiting")
    assert (code, out) == (6, "from attach\n")


def test_stop_kills_what_is_deaf_to_sigterm(engine: Engine) -> None:
    engine.ok("run", "-d", "--name", "deaf", IMAGE, "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    engine.ok("stop", "-t", "1", "deaf")
    assert engine.ok("inspect", "-f", "{{.State.ExitCode}} {{.State.Running}}", "deaf") == "137 false"


def test_volumes_and_binds_keep_data(engine: Engine) -> None:
    engine.ok("volume", "create", "keep")
    engine.ok("run", "--rm", "-v", "keep:/data", IMAGE, "sh", "-c", "echo kept > /data/file")
    assert engine.ok("run", "--rm", "-v", "keep:/data:ro", IMAGE, "cat", "/data/file") == "kept"
    folder = engine.instance.data / "bind"
    folder.mkdir(exist_ok=True)
    engine.ok("run", "--rm", "-v", f"{folder}:/host", IMAGE, "sh", "-c", "echo bound > /host/file")
    assert (folder / "file").read_text() == "bound\n"


def test_limits_and_confinement_are_real(engine: Engine) -> None:
    script = "grep -E '^(Seccomp|CapEff)' /proc/self/status; cat /proc/sys/kernel/hostname; mount -t tmpfs x /mnt"
    code, out, err = engine(
        "run", "--rm", "--hostname", "inside", "--memory", "64m", "--pids-limit", "20", IMAGE, "sh", "-c", script
    )
    assert code != 0
    assert "Seccomp:\t2" in out
    assert "CapEff:\t00000000a80425fb" in out
    assert "inside" in out
    assert "denied" in err or "not permitted" in err
    assert engine("run", "--rm", "--memory", "32m", IMAGE, "sh", "-c", "head -c 100m /dev/zero | tail")[0] == 137


def test_names_resolve_on_a_user_network(engine: Engine) -> None:
    engine.ok("network", "create", "team")
    engine.ok("run", "-d", "--name", "db", "--network", "team", IMAGE, "sleep", "600")
    assert "db" in engine.ok("run", "--rm", "--network", "team", IMAGE, "ping", "-c", "1", "-w", "5", "db")


def test_events_tell_the_life_of_a_container(engine: Engine) -> None:
    # by its id: both sockets lead to one host, where the other's container of the same name has just lived
    told = engine.ok("create", IMAGE, "true").strip()
    engine.ok("start", "-a", told)
    engine.ok("rm", told)

    def history() -> list[str]:
        # the client asks for whole seconds: what happened in the present one is not told yet
        which = ("--since", "5m", "--until", "0s", "--filter", f"container={told}", "--format", "{{.Action}}")
        actions = engine.ok("events", *which).split()
        return [action for action in actions if action in ("create", "start", "die", "destroy")]

    wait_until(lambda: "destroy" in history(), 60, "the events are told")
    assert history() == ["create", "start", "die", "destroy"]
