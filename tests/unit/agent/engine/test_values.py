"""The pure parts: users, mounts, environment, detach keys, signals, capabilities, durations, changes."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from msgspec import UNSET

from agent.engine.capabilities import DEFAULT, capabilities_for
from agent.engine.clock import parse_timestamp, rfc3339_nano
from agent.engine.detach import DetachKeys, parse_keys
from agent.engine.environment import build_environment, override
from agent.engine.merge import merge_config
from agent.engine.mounts import parse_bind, valid_mode
from agent.engine.record import MountPoint
from agent.engine.signals import parse_signal
from agent.engine.spec_mounts import read_only_option
from agent.engine.sysinfo import read_sysinfo
from agent.engine.tmpfs import tmpfs_options
from agent.engine.users import resolve_user
from agent.engine.validate_resources import check_resources
from agent.runtime.fake import FakeRuntime
from wire.engine.containers import ContainerConfig, HostConfig
from wire.errors import Internal, Invalid


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n# c\nbad line\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nwheel:x:10:root,web\ndocker:x:99:\n")
    return tmp_path


def test_users_resolve_in_the_containers_own_files(root: Path) -> None:
    web = resolve_user(root, "web", ["docker", "7"])
    assert (web.uid, web.gid, web.groups, web.home) == (33, 34, (34, 10, 99, 7), "/srv")
    assert resolve_user(root, "33:docker").gid == 99
    assert resolve_user(root, "1234").groups == (0,)
    with pytest.raises(Internal, match="unable to find user nosuch: no matching entries in passwd file"):
        resolve_user(root, "nosuch")
    with pytest.raises(Internal, match="uids and gids must be in range 0-2147483647"):
        resolve_user(root, "99999999999")


def test_a_passwd_that_is_no_regular_file_neither_hangs_nor_leads_out(root: Path, tmp_path: Path) -> None:
    (root / "etc/passwd").unlink()
    os.mkfifo(root / "etc/passwd")
    assert resolve_user(root, "0").home == "/"
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to("/etc/passwd")
    with pytest.raises(Internal):
        resolve_user(root, "daemon")
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").write_bytes(b"x:x:5:5::/:/bin/sh\n" + b"#" * (1 << 20))
    with pytest.raises(Internal):
        resolve_user(root, "x")


def test_environment_is_in_dockers_order() -> None:
    env = build_environment("h", ["A=b", "PATH=/x", "HOME="], tty=True, home="/root")
    assert env == ("PATH=/x", "HOSTNAME=h", "TERM=xterm", "A=b", "HOME=/root")
    assert override(["A=1", "B=2"], ["A", "C=3", "B=4"]) == ["B=4", "C=3"]


@pytest.mark.parametrize(
    ("mode", "valid"),
    [("", True), ("ro,z", True), ("ro,rw", False), ("rshared,rslave", False), ("nocopy", True), ("x", False)],
)
def test_mount_modes(mode: str, valid: bool) -> None:
    assert valid_mode(mode) is valid


def test_binds_are_told_apart() -> None:
    assert parse_bind("/a:/b:ro").type == "bind"
    named = parse_bind("data:/b")
    assert (named.type, named.name, named.anonymous, named.rw) == ("volume", "data", False, True)
    assert parse_bind("/b").anonymous


def test_detach_keys_are_found_over_chunk_borders_and_given_back_when_they_fail() -> None:
    keys = DetachKeys(parse_keys(""))
    assert keys.feed(b"ab\x10") == (b"ab", False)
    assert keys.feed(b"c") == (b"\x10c", False)
    assert keys.feed(b"d\x10") == (b"d", False)
    assert keys.feed(b"\x11rest") == (b"", True)
    assert parse_keys("ctrl-a,b,DEL") == b"\x01b\x7f"
    with pytest.raises(Invalid):
        parse_keys("ctrl-")


def test_signals() -> None:
    assert [parse_signal(text) for text in ("TERM", "SIGterm", "9", "RTMIN+3", "RTMAX-1")] == [15, 15, 9, 37, 63]
    with pytest.raises(Invalid, match="invalid signal: FOO"):
        parse_signal("FOO")


def test_capabilities_follow_dockers_sums() -> None:
    assert capabilities_for([], [], privileged=False) == DEFAULT
    assert capabilities_for(["NET_RAW"], ["ALL"], privileged=False) == ("CAP_NET_RAW",)
    assert "CAP_MKNOD" not in capabilities_for([], ["mknod"], privileged=False)
    assert "CAP_KILL" not in capabilities_for(["ALL"], ["kill"], privileged=False)


def test_times() -> None:
    assert rfc3339_nano(0) == "0001-01-01T00:00:00Z"
    assert rfc3339_nano(1_500_000_000_120_000_000) == "2017-07-14T02:40:00.12Z"
    assert parse_timestamp("1.5") == 1_500_000_000
    for text in ("1.²", "²", "99999999999999999999", "soon"):
        with pytest.raises(Invalid):
            parse_timestamp(text)
    assert parse_timestamp("1970-01-01T00:00:01Z") == 1_000_000_000


def test_tmpfs_options_keep_what_is_said_last() -> None:
    assert tmpfs_options("exec,size=1m") == ["nosuid", "nodev", "rprivate", "exec", "size=1m"]
    with pytest.raises(Invalid, match='invalid tmpfs option "foo"'):
        tmpfs_options("foo")


def test_the_shell_of_an_image_is_not_its_containers() -> None:
    user, image = ContainerConfig(), ContainerConfig(cmd=["x"], shell=["/bin/sh", "-e"])
    merge_config(user, image)
    assert (user.cmd, user.shell) == (["x"], UNSET)


def test_limits_that_cgroup_v2_lacks_are_dropped_or_refused_as_dockers() -> None:
    v2 = dataclasses.replace(read_sysinfo(), cgroup_version=2, memory_swappiness=False, cpu_realtime=False)
    from_docker_run = HostConfig(memory_swappiness=-1)
    assert check_resources(from_docker_run, update=False, info=v2) == []
    assert from_docker_run.memory_swappiness is None
    (warning,) = check_resources(HostConfig(memory_swappiness=3), update=False, info=v2)
    assert warning.endswith("Memory swappiness discarded.")
    with pytest.raises(Invalid, match="Your kernel does not support CPU real-time scheduler"):
        check_resources(HostConfig(cpu_realtime_runtime=1000), update=False, info=v2)


def test_read_only_binds_are_recursive_where_the_host_can() -> None:
    runtime = FakeRuntime().info()
    able = dataclasses.replace(runtime, recursive_read_only=True)
    assert read_only_option(MountPoint(type="bind", target="/x", rw=False), able) == "rro"
    assert read_only_option(MountPoint(type="bind", target="/x", rw=False), runtime) == "ro"
    assert read_only_option(MountPoint(type="bind", target="/x", rw=False, read_only_non_recursive=True), able) == "ro"
    forced = MountPoint(type="bind", target="/x", rw=False, read_only_force_recursive=True)
    assert read_only_option(forced, able) == "rro"
    with pytest.raises(Invalid, match='rro is not supported by runtime "fake"'):
        read_only_option(forced, runtime)
