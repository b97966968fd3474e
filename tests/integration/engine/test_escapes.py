"""Hostile archives, images, contexts and containers against a real agent: nothing outside a root is written, changed or
read. A tree of canaries on the host is compared after every test."""

from __future__ import annotations

import bz2
import gzip
import http.client
import io
import lzma
import os
import shutil
import socket
import struct
import tarfile
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agents import IMAGE, Agent, run_agent
from tests.instances import wait_until
from tests.integration.build.busybox_root import busybox_tar

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers need root"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="driven by the docker CLI"),
]

SECRET = "the host's secret"
_PROGRAMS = ("xz", "gzip", "gunzip", "unpigz", "bzip2", "zstd", "tar", "git", "unxz")


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with run_agent(tmp_path_factory.mktemp("escapes")) as running:
        yield running


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What must not change: a directory of the host that hostile links lead to."""
    made = tmp_path_factory.mktemp("canary")
    (made / "secret").write_text(SECRET)
    (made / "dir").mkdir()
    (made / "dir/more").write_text("more")
    return made


@pytest.fixture(autouse=True)
def untouched(agent: Agent, canary: Path) -> Iterator[None]:
    before, traces = _facts(canary), agent.settled_traces()
    yield
    ids = agent.ok("ps", "-aq").split()
    if ids:
        agent.ok("rm", "-fv", *ids)
    agent.docker("volume", "prune", "-af")
    assert _facts(canary) == before
    left = {trace for trace in agent.traces() - traces if trace.startswith(("mounts", "processes"))}
    assert not left


def _facts(tree: Path) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for path in [tree, *sorted(tree.rglob("*"))]:
        facts = path.lstat()
        found.append((str(path), facts.st_mode, facts.st_uid, facts.st_nlink, facts.st_mtime_ns, facts.st_ctime_ns))
    return found


@pytest.fixture(scope="module")
def evil(agent: Agent, canary: Path) -> str:
    """An image whose links lead to the canaries, and whose unpackers leave a mark when they are run."""
    buffer = io.BytesIO(busybox_tar())
    with tarfile.open(fileobj=buffer, mode="a") as image:
        for name, target in (
            ("link", str(canary)), ("dots", f"../../../../../../../..{canary}"), ("file", f"{canary}/secret"),
            ("proc-link", f"/proc/self/root{canary}"), ("etc/hosts", f"{canary}/secret"),
            ("etc/resolv.conf", f"{canary}/new"), ("dev", str(canary)), ("volume", str(canary)),
        ):  # fmt: skip
            image.addfile(_entry(name, tarfile.SYMTYPE, target))
        mark = f"#!/bin/sh\necho run >>/marker; echo run >>{canary}/marker\n".encode()
        for name in _PROGRAMS:
            program = _entry(f"usr/bin/{name}", size=len(mark), mode=0o755)
            image.addfile(program, io.BytesIO(mark))
        pipe = _entry("pipe", tarfile.FIFOTYPE)
        image.addfile(pipe)
    agent.ok("import", "-c", 'CMD ["sleep", "1000"]', "-", "evil", data=buffer.getvalue())
    return "evil"


def _entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0, mode: int = 0o644
) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size, entry.mode = kind, link, size, mode
    return entry


def _tar(*entries: tuple[str, str] | str) -> bytes:
    """`name` is a file, `(name, target)` a symbolic link, `(name, "=target")` a hard link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, str):
                archive.addfile(_entry(entry, size=4, mode=0o4777), io.BytesIO(b"evil"))
            elif entry[1].startswith("="):
                archive.addfile(_entry(entry[0], tarfile.LNKTYPE, entry[1][1:]))
            else:
                archive.addfile(_entry(entry[0], tarfile.SYMTYPE, entry[1]))
    return buffer.getvalue()


def _hostile(canary: Path) -> list[bytes]:
    """T01 to T03: names, links and whiteouts that would lead out."""
    away = str(canary)
    return [
        _tar("../../../../../../../../../../.." + away + "/secret"),
        _tar(away + "/secret"),
        _tar("a/../../../../../../../.." + away + "/secret"),
        _tar(("l", away), "l/secret", "l/new"),
        _tar(("l", away + "/secret"), "l"),
        _tar(("a", away), ("b", "a"), "b/secret"),
        _tar(("d/l", "../../../../../../../.." + away), "d/l/secret"),
        _tar(("h", "=" + away + "/secret"), "h"),
        _tar(("l", away), ("h", "=l/secret"), "h"),
        _tar("d/x", ("d", away), "d/secret"),
        _tar(("l", away), "l/.wh.secret"),
        _tar(("l", away), "l/.wh..wh..opq"),
        _tar(".wh..", ".wh...", ".wh."),
        _tar("link/secret", "dots/new", "file", "proc-link/secret", "volume/new"),
        _tar(("l", "/proc/self/root" + away), "l/secret"),
    ]  # fmt: skip


def _archive(agent: Agent, method: str, name: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """The archive call with exactly this path."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(agent.socket))
        connection = http.client.HTTPConnection("agent")
        connection.sock = client
        connection.request(method, f"/v1.45/containers/{name}/archive?path={path}", body)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("running", [False, True])
def test_archives_put_into_a_container(agent: Agent, evil: str, canary: Path, running: bool) -> None:
    agent.ok("run" if running else "create", *(["-d"] if running else []), "--name", "victim", evil)
    for body in _hostile(canary):
        assert _archive(agent, "PUT", "victim", "/", body)[0] in (200, 400, 500)
    for path in ("/link", "/dots", "/link/dir", "..%2f..%2f..%2f.." + str(canary), "%2e%2e%2f%2e%2e" + str(canary),
                 "//link//", "/proc-link", "/%00", "/link/../dots", "/volume/dir"):  # fmt: skip
        assert _archive(agent, "PUT", "victim", path, _tar("secret", "new"))[0] in (200, 400, 404)
    agent.ok("cp", "/etc/hostname", "victim:/tmp/file")
    for target in ("/link/secret", "/link/new", "/dots/secret", "/file", "/../../../../.." + str(canary) + "/secret"):
        agent.docker("cp", "/etc/hostname", f"victim:{target}")


@pytest.mark.parametrize("running", [False, True])
def test_archives_got_from_a_container(agent: Agent, evil: str, canary: Path, running: bool, tmp_path: Path) -> None:
    agent.ok("run" if running else "create", *(["-d"] if running else []), "--name", "victim", evil)
    for path in ("/link/secret", "/dots/secret", "/file", "/link/", "/file/", "/link/.", "/proc-link/secret",
                 "/volume/", "/dots/dir/..", "/dev/secret", "..%2f..%2f..%2f.." + str(canary) + "%2fsecret",
                 urllib.parse.quote(f"{canary}/secret")):  # fmt: skip
        status, body = _archive(agent, "GET", "victim", path)
        assert status in (200, 404)
        assert SECRET.encode() not in body
    agent.docker("cp", "-L", "victim:/file", str(tmp_path / "got"))
    assert not (tmp_path / "got").exists()
    status, body = _archive(agent, "GET", "victim", "/pipe")  # nobody writes into it: it is not opened
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert [(entry.name, entry.isfifo()) for entry in archive] == [("pipe", True)]


def test_a_container_that_swaps_directories_for_links_meanwhile(agent: Agent, evil: str, canary: Path) -> None:
    swap = f"mkdir /r; while :; do mv /r /d; mv /d /r; ln -s {canary} /d; rm /d; done 2>/dev/null"
    agent.ok("run", "-d", "--name", "victim", evil, "sh", "-c", swap)
    wait_until(lambda: agent.docker("exec", "victim", "test", "-e", "/r")[0] == 0, 60, "it swaps")
    body = _tar("secret", "new", ("more", "x"))
    for _ in range(150):
        assert _archive(agent, "PUT", "victim", "/d", body)[0] in (200, 400, 404, 500)
        _, got = _archive(agent, "GET", "victim", "/d/secret")
        assert SECRET.encode() not in got
        _, got = _archive(agent, "GET", "victim", "/d/")
        assert SECRET.encode() not in got


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_no_program_of_a_container_unpacks(agent: Agent, evil: str, compress: Callable[[bytes], bytes]) -> None:
    agent.ok("run", "-d", "--name", "victim", evil)
    assert _archive(agent, "PUT", "victim", "/tmp", compress(_tar("fine")))[0] == 200
    assert agent.ok("exec", "victim", "cat", "/tmp/fine") == "evil"
    assert agent.docker("exec", "victim", "ls", "/marker")[0] == 1


def test_images_whose_directories_are_links(agent: Agent, evil: str, canary: Path) -> None:
    """`dev`, `etc/hosts` and mount points that lead to the host; volumes and working directories behind links."""
    agent.ok("run", "--rm", "--network", "none", evil, "true")
    for flags in (
        ["-v", "/volume"], ["-v", "named:/volume"], ["-v", "named:/link/dir"], ["-w", "/link/made"],
        ["-w", "/dots/made"], ["-v", "/etc:/link/etc:ro"], ["--tmpfs", "/link/tmp"],
        ["--mount", "type=volume,src=s,dst=/x,volume-subpath=../.."],
        ["--mount", f"type=volume,src=s,dst=/x,volume-subpath=../../../../../../../..{canary}"], ["-v", "../x:/x"],
        ["--read-only", "-v", "/link/dir"],
    ):  # fmt: skip
        code, said = agent.docker("run", "--rm", *flags, evil, "sh", "-c", "cat /x/secret /volume/secret /link/secret")
        assert code != 0
        assert SECRET not in said
    for body in _hostile(canary):
        code, said = agent.docker("import", "-", "hostile", data=body)
        if code == 0:
            agent.docker("run", "--rm", "hostile", "true")
            agent.ok("rmi", "-f", "hostile")


def test_builds(agent: Agent, evil: str, canary: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("from the context")
    (tmp_path / "out").symlink_to(canary / "secret")
    (tmp_path / "outdir").symlink_to(canary)
    for number, body in enumerate(_hostile(canary)):
        (tmp_path / f"{number}.tar").write_bytes(body)
    lines = [
        "COPY plain /link/new", "COPY plain /dots/secret", "COPY plain /file", "ADD plain /link/", "COPY out /x",
        "COPY outdir/secret /x", f"COPY ../../../../../../..{canary}/secret /x", f"COPY {canary}/secret /x",
        f"COPY --from={evil} /link/secret /x", f"COPY --from={evil} /file /x", "WORKDIR /link/made",
        "RUN --mount=type=bind,source=outdir,target=/m cat /m/secret", "WORKDIR /dots/made",
        "RUN --mount=type=bind,source=../..,target=/m ls /m",
        "RUN --mount=type=cache,target=/link/cache touch /link/cache/new",
        "RUN --mount=type=tmpfs,target=/link/tmp touch /link/tmp/new", "VOLUME /link/dir",
        *(f"ADD {number}.tar /\nADD {number}.tar /link/" for number in range(len(_hostile(canary)))),
    ]  # fmt: skip
    for line in lines:
        (tmp_path / "Dockerfile").write_text(f"FROM {evil}\n{line}\nRUN cat /x /link/secret /file 2>/dev/null; true\n")
        _, said = agent.docker("build", "-t", "built", str(tmp_path))
        assert SECRET not in said, line
        agent.docker("rmi", "-f", "built")
    (tmp_path / "Dockerfile").unlink()
    (tmp_path / "Dockerfile").symlink_to(canary / "secret")
    with tarfile.open(tmp_path.with_suffix(".tar"), "w") as context:
        context.add(tmp_path, ".")
    code, said = agent.docker("build", "-", data=tmp_path.with_suffix(".tar").read_bytes())
    assert code == 1
    assert SECRET not in said


def _special(before: bytes = bytes(tarfile.RECORDSIZE)) -> bytes:
    """T04 and T05, after the entries of another archive: device nodes, a pipe, modes and attributes that give power,
    and on every one of them what overlayfs would take for a note of its own."""
    busybox = Path(shutil.which("busybox") or "").read_bytes()
    may_chown = struct.pack("<5I", 0x02000001, 1, 0, 0, 0).decode()  # permitted and effective, as setcap(8) writes it
    notes = {"opaque": "y", "redirect": "/etc", "metacopy": "", "whiteout": "y", "origin": ""}
    buffer = io.BytesIO(before)
    with tarfile.open(fileobj=buffer, mode="a", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, mode, device, content in (
            ("s", tarfile.DIRTYPE, 0o3777, 0, b""), ("s/suid", tarfile.REGTYPE, 0o6755, 0, b"evil"),
            ("s/busybox", tarfile.REGTYPE, 0o755, 0, busybox), ("s/pipe", tarfile.FIFOTYPE, 0o622, 0, b""),
            ("s/null", tarfile.CHRTYPE, 0o666, os.makedev(1, 3), b""),
            ("s/disk", tarfile.BLKTYPE, 0o666, os.stat("/").st_dev, b""),
        ):  # fmt: skip
            entry = _entry(name, kind, size=len(content), mode=mode)
            entry.devmajor, entry.devminor = os.major(device), os.minor(device)
            entry.pax_headers = {f"SCHILY.xattr.trusted.overlay.{key}": value for key, value in notes.items()}
            if name == "s/busybox":
                entry.pax_headers["SCHILY.xattr.security.capability"] = may_chown
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


_LOOK = """cd /s; stat -c '%n %F %a' *; cat below; head -c 1 null && echo opened; head -c 1 disk 2>&1
touch /tmp/a; busybox chown 1 /tmp/a 2>&1; ./busybox chown 1 /tmp/a 2>/dev/null; stat -c %u /tmp/a"""
_SEEN = """\
below regular file 644
busybox regular file 755
disk block special file 666
null character special file 666
pipe fifo 622
suid regular file 6755
in the layer below
opened
head: disk: Operation not permitted
chown: /tmp/a: Operation not permitted
1"""


def test_devices_and_attributes_of_archives(agent: Agent, tmp_path: Path) -> None:
    """By whichever door: a device is one, though no container may open what it was not given; setuid and capabilities
    are kept; nothing speaks to overlayfs, which would hide or show what the archive does not have."""
    special = _special()
    dockerfile = f"FROM {IMAGE}\nRUN mkdir /s && echo in the layer below >/s/below"
    agent.ok("build", "-t", "below", "-", data=dockerfile.encode())
    agent.ok("create", "--name", "put", "below")
    assert _archive(agent, "PUT", "put", "/", special)[0] == 200
    agent.ok("commit", "put", "put")
    (tmp_path / "special.tar").write_bytes(special)
    (tmp_path / "Dockerfile").write_text("FROM below\nADD special.tar /\n")
    agent.ok("build", "-t", "added", str(tmp_path))
    text = b"FROM below\nCOPY s /s\n".ljust(tarfile.BLOCKSIZE, b"\n")
    context = _entry("Dockerfile", size=len(text)).tobuf() + text + special
    agent.ok("build", "-t", "copied", "-", data=context)
    agent.ok("import", "-", "imported", data=_special(busybox_tar()))
    kept = {name for path in agent.data.rglob("suid") for name in os.listxattr(path)}
    assert not {name for name in kept if name.startswith("trusted.overlay.")}
    for image in ("put", "added", "copied"):
        seen = _SEEN
        if image == "copied":  # to root, which takes the power away, as in Docker
            seen = seen.replace("6755", "755").removesuffix("1") + "65534"
        assert agent.ok("run", "--rm", "-u", "65534", image, "sh", "-c", _LOOK) == seen, image
    whiteout = _entry("s/below", tarfile.CHRTYPE).tobuf() + bytes(2 * tarfile.BLOCKSIZE)  # 0:0: overlayfs would hide it
    assert _archive(agent, "PUT", "put", "/", whiteout)[0] == 500
    code, said = agent.docker("import", "-", "hostile", data=whiteout)
    assert (code, "character device 0:0 is not allowed" in said) == (1, True), said


def test_the_canaries_sing(agent: Agent, tmp_path: Path) -> None:
    """These tests can fail: what a container may really do to a directory is seen."""
    before = _facts(tmp_path)
    agent.ok("run", "--rm", "-v", f"{tmp_path}:/given", IMAGE, "touch", "/given/new")
    assert _facts(tmp_path) != before
