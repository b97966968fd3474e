"""Images of real programs, built by an engine's own builder from Debian's packages: see tests/real_images.

The packages come from this machine's package archive and are kept below `.venv`. The base is what the essential
packages unpack to; the programs are installed on it by apt, maintainer scripts and all, in the builder's containers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.instances import REPOSITORY

__all__ = ["RECIPES", "contexts"]

RECIPES = REPOSITORY / "tests/real_images"
_CACHE = REPOSITORY / ".venv/packages"
_PACKAGES = {
    "postgresql": ["postgresql"],
    "redis": ["redis-server"],
    "nginx": ["nginx-light"],
    "guestbook": ["python3-flask", "gunicorn", "python3-psycopg2", "python3-redis"],
}
_BASE = ["?essential", "usr-is-merged", "adduser"]


def contexts(directory: Path) -> dict[str, Path]:
    """Make a build context for each image below `directory`, `debian` (the others' base) first."""
    shutil.copytree(RECIPES, directory, dirs_exist_ok=True)
    empty = directory / "nothing-installed"
    empty.touch()
    _fetch(empty, [*_BASE, *(name for names in _PACKAGES.values() for name in names)])
    base = _closure(empty, _BASE)
    _base_tar(base, directory / "root", directory / "debian/root.tar")
    for image, wanted in _PACKAGES.items():
        packages = directory / image / "packages"
        packages.mkdir()
        for name, file in _closure(empty, [*_BASE, *wanted]).items():
            if name not in base:
                (packages / file.name.replace("%3a", "_")).write_bytes(file.read_bytes())
    return {name: directory / name for name in ("debian", *_PACKAGES)}


def _apt(status: Path, *arguments: str) -> str:
    """Run apt-get as on a machine that has no package yet."""
    (_CACHE / "partial").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["apt-get", "-qq", "-y", "--no-install-recommends", "-o", f"Dir::State::status={status}", "-o",
         f"Dir::Cache::archives={_CACHE}", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1", "-o",
         "Acquire::Retries=3", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"apt-get {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _fetch(status: Path, packages: list[str]) -> None:
    """Into the cache, if they are not there. An archive that has moved on since this machine's lists is asked anew."""
    try:
        _apt(status, "--download-only", "install", *packages)
    except AssertionError:
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
        _apt(status, "--download-only", "install", *packages)


def _closure(status: Path, packages: list[str]) -> dict[str, Path]:
    """The packages and all they need: name → its file in the cache, of the version that apt would install."""
    found = {}
    for name, version in re.findall(r"^Inst (\S+) \((\S+) ", _apt(status, "-s", "install", *packages), re.MULTILINE):
        (found[name],) = _CACHE.glob(f"{name}_{version.replace(':', '%3a')}_*.deb")
    return found


def _base_tar(packages: dict[str, Path], root: Path, target: Path) -> None:
    """Unpack into `root` and pack it: a system whose packages wait for `dpkg --configure`."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    database = root / "var/lib/dpkg"
    for name in ("info", "updates"):
        (database / name).mkdir(parents=True)
    status = []
    for name, file in packages.items():
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE) as files:
            unpack = ["tar", "-xv", "--keep-directory-symlink", "-C", str(root)]
            listing = subprocess.run(unpack, stdin=files.stdout, check=True, capture_output=True, text=True).stdout
        subprocess.run(["dpkg-deb", "--control", str(file), str(root / "control")], check=True)
        control = (root / "control/control").read_text()
        status.append(control.rstrip() + "\nStatus: install ok unpacked\n")
        qualified = f"{name}:{file.stem.rpartition('_')[2]}" if "\nMulti-Arch: same" in control else name
        for script in (root / "control").iterdir():
            if script.name not in ("control", "md5sums"):
                script.rename(database / "info" / f"{qualified}.{script.name}")
        paths = (line.removeprefix(".").rstrip("/") or "/." for line in listing.splitlines())
        (database / "info" / f"{qualified}.list").write_text("".join(f"{path}\n" for path in paths))
        shutil.rmtree(root / "control")
    (database / "status").write_text("\n".join(status))
    subprocess.run(["tar", "-cf", str(target), "--exclude=./usr/share/doc", "-C", str(root), "."], check=True)
    shutil.rmtree(root)
