"""Runs docker-py's own integration tests, from its source distribution, against an engine of ours.

The distribution 7.0.0 is the last that carries the tests; they run against the library that the test environment pins.
The images they expect are stand-ins made from busybox and, for the tests that pull, pushed to a registry that the
engine under test uses as the mirror of its default registry.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import docker
import docker.errors

__all__ = ["prepare_tests", "run"]

API_VERSION = "1.41"
TESTS_VERSION = "7.0.0"
IDS = Path(__file__).with_name("docker_py_ids.txt")
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DIRECTORIES = (
    "bin dev etc home lib mnt opt proc root run sbin srv sys usr usr/bin usr/local usr/local/bin usr/sbin var var/lib "
    "var/opt var/spool var/spool/mail var/www"
).split()
_USERS = (
    ("root", 0, "/root"), ("daemon", 1, "/usr/sbin"), ("bin", 2, "/bin"), ("mail", 8, "/var/spool/mail"),
    ("www-data", 33, "/var/www"), ("operator", 37, "/var"), ("postgres", 70, "/var/lib"), ("nobody", 65534, "/home"),
)  # fmt: skip

_PLUGIN = '''"""One line per test: passed or failed, and its node id."""
import os

bad, good = set(), set()


def pytest_runtest_logreport(report):
    if report.failed:
        bad.add(report.nodeid)
    elif report.when == "call" and report.passed:
        good.add(report.nodeid)
    if report.when == "teardown":
        with open(os.environ["OUTCOMES"], "a") as out:
            ok = report.nodeid in good and report.nodeid not in bad
            print("passed" if ok else "failed", report.nodeid, file=out)
'''


def prepare_tests(work: Path) -> Path:
    """Download and unpack the tests below `work`; returns the directory to run pytest in. Safe to repeat."""
    tree = work / "run"
    if (tree / "tests/integration").is_dir():
        return tree
    work.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-binary", "docker", "--no-deps",
         "-d", str(work), f"docker=={TESTS_VERSION}"],
        capture_output=True, check=False,
    )  # fmt: skip
    archive = next(work.glob("docker-*.tar.gz"))
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(work)], check=True)
    unpacked = next(work.glob("docker-*/"))
    tree.mkdir(exist_ok=True)
    shutil.copytree(unpacked / "tests", tree / "tests", dirs_exist_ok=True)
    (tree / "outcomes.py").write_text(_PLUGIN)
    return tree


def _root_tar(extra: tuple[tuple[str, bytes], ...] = ()) -> bytes:
    busybox = shutil.which("busybox")
    assert busybox, "busybox-static is not installed"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:

        def add(name: str, kind: bytes, mode: int = 0o755, data: bytes = b"", link: str = "") -> None:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), link
            tar.addfile(entry, io.BytesIO(data))

        for directory in _DIRECTORIES:
            add(directory, tarfile.DIRTYPE)
        for directory in ("tmp", "var/tmp"):
            add(directory, tarfile.DIRTYPE, 0o1777)
        add("bin/busybox", tarfile.REGTYPE, data=Path(busybox).read_bytes())
        for applet in subprocess.check_output([busybox, "--list"], text=True).split():
            if applet != "busybox":
                add(f"bin/{applet}", tarfile.SYMTYPE, link="busybox")
        add("usr/bin/env", tarfile.SYMTYPE, link="/bin/busybox")
        shells = {"root": "/bin/sh", "postgres": "/bin/sh"}
        passwd = "".join(f"{n}:x:{i}:{i}:{n}:{home}:{shells.get(n, '/bin/false')}\n" for n, i, home in _USERS)
        groups = "".join(f"{n}:x:{i}:\n" for n, i, _home in _USERS) + "users:x:100:\n"
        add("etc/passwd", tarfile.REGTYPE, 0o644, passwd.encode())
        add("etc/group", tarfile.REGTYPE, 0o644, groups.encode())
        for name, data in extra:
            add(name, tarfile.REGTYPE, 0o755, data)
    return out.getvalue()


def _prepare_images(host: str, mirror: str) -> None:
    """Import the stand-ins into the engine and push them to `mirror` (host:port). Safe to repeat."""
    client = docker.APIClient(base_url=host, version=API_VERSION, timeout=120)
    hello = (("hello", b'#!/bin/sh\necho "Hello from Docker!"\n'),)
    for repository, tag, extra, command in (
        ("busybox", "latest", (), "sh"), ("alpine", "3.10", (), "/bin/sh"), ("alpine", "latest", (), "/bin/sh"),
        ("hello-world", "latest", hello, "/hello"),
    ):  # fmt: skip
        try:
            client.inspect_image(f"{repository}:{tag}")
        except docker.errors.NotFound:
            client.import_image_from_data(
                _root_tar(extra), repository=repository, tag=tag, changes=[f'CMD ["{command}"]', _PATH]
            )
        there = f"{mirror}/library/{repository}"
        client.tag(f"{repository}:{tag}", there, tag)
        for line in client.push(there, tag=tag, stream=True, decode=True):
            assert "error" not in line, line
        client.remove_image(f"{there}:{tag}")
    client.close()


def run(host: str, tree: Path, mirror: str, directory: Path) -> dict[str, str]:
    """Run the tests with what they leave in `directory`; returns node id -> `passed`, `failed` or `not run`."""
    ids = [line for line in IDS.read_text().splitlines() if line and not line.startswith("#")]
    _prepare_images(host, mirror)
    (directory / "ids.txt").write_text("\n".join(ids) + "\n")
    home, temporary, outcomes = directory / "home", directory / "tmp", directory / "outcomes.txt"
    home.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:django", "-p", "no:asyncio",
         "-p", "outcomes", "-q", "--tb=short", "-c", os.devnull, "--rootdir", str(tree), "--timeout=90",
         "--timeout-method=signal", f"@{directory}/ids.txt"],
        cwd=tree, capture_output=True, text=True, check=False, timeout=1500,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "DOCKER_HOST": host, "OUTCOMES": str(outcomes),
             "DOCKER_TEST_API_VERSION": API_VERSION, "PYTHONPATH": str(tree), "LC_ALL": "C.UTF-8",
             "TMPDIR": str(temporary)},
    )  # fmt: skip
    (directory / "pytest.log").write_text(done.stdout + done.stderr)
    result = dict.fromkeys(ids, "not run")
    if outcomes.exists():
        for line in outcomes.read_text().splitlines():
            outcome, _, node = line.partition(" ")
            result[node] = outcome
    return result
