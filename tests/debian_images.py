"""Root file systems of real programs, put together from Debian's packages without installing them."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

__all__ = ["nginx_rootfs", "tar_of"]

_SKIPPED = {"cdebconf", "debconf", "dpkg", "install-info", "iproute2", "tar", "libnewt0.52", "libslang2"}


def _closure(package: str) -> list[str]:
    """The package and all it depends on, by name."""
    listing = subprocess.run(
        ["apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks",
         "--no-replaces", "--no-enhances", package],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = {line for line in listing.splitlines() if re.match(r"[a-z]", line)}
    return sorted(names - _SKIPPED - {"libdebian-installer4", "libtextwrap1"})


def unpack(packages: Iterable[str], cache: Path, root: Path) -> None:
    """Download the packages into `cache` (kept) and unpack their files into `root`."""
    cache.mkdir(parents=True, exist_ok=True)
    have = {path.name.split("_")[0]: path for path in cache.glob("*.deb")}
    missing = [name for name in packages if name not in have]
    if missing:
        subprocess.run(["apt-get", "download", "-q", *missing], cwd=cache, check=True, capture_output=True)
        have = {path.name.split("_")[0]: path for path in cache.glob("*.deb")}
    root.mkdir(parents=True, exist_ok=True)
    for name in packages:
        subprocess.run(["dpkg-deb", "-x", str(have[name]), str(root)], check=True, capture_output=True)


def nginx_rootfs(cache: Path, root: Path) -> Path:
    """A root with Debian's nginx, its libraries, busybox as shell, and one page. Returns `root`."""
    unpack([*_closure("nginx"), "busybox-static"], cache, root)
    for directory in ("tmp", "run", "var/log/nginx", "var/lib/nginx", "var/www/html", "proc", "sys", "dev"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for applet in ("sh", "cat", "ls", "sleep"):
        link = next(root / d / "busybox" for d in ("bin", "usr/bin") if (root / d / "busybox").exists()).parent / applet
        if not link.exists() and not link.is_symlink():
            link.symlink_to("busybox")
    for name in ("lib64", "lib"):  # merged-usr roots get these links from base-files
        if not (root / name).exists() and (root / "usr" / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\nwww-data:x:33:\n")
    (root / "etc/nginx/nginx.conf").write_text(
        "user www-data; worker_processes 1; pid /run/nginx.pid; error_log /dev/stderr;\n"
        "events {}\nhttp { access_log /dev/stdout; server { listen 80; root /var/www/html; } }\n"
    )
    (root / "var/www/html/index.html").write_text("served by nginx from Debian\n")
    return root


def tar_of(root: Path, target: Path) -> Path:
    """Pack the root owned by root, as an image layer would be."""
    with tarfile.open(target, "w") as tar:
        for entry in sorted(root.rglob("*")):
            info = tar.gettarinfo(entry, str(entry.relative_to(root)))
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            if info.isreg():
                with entry.open("rb") as source:
                    tar.addfile(info, source)
            else:
                tar.addfile(info)
    return target
