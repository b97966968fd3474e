"""`mooring/starter:latest`: a small image made on the spot from the host's static busybox, so that the first container
needs no registry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from agent.host import spawn
from agent.images import tar_reader
from agent.images.streams import stream_blocking
from agent.images.tar_reader import TarEntry
from agent.images.tar_writer import END_OF_ARCHIVE, header
from agent.ports.images import Images
from wire.errors import NotFound, PreconditionFailed

__all__ = ["STARTER", "ensure_starter"]

STARTER: Final = "mooring/starter"
_BUSYBOX: Final = (Path("/bin/busybox"), Path("/usr/bin/busybox"))
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DIRECTORIES: Final = {
    "bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "proc": 0o755, "root": 0o700, "sys": 0o755,
    "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755, "sbin": 0o755, "var": 0o755, "var/tmp": 0o1777,
    "var/www": 0o755,
}  # fmt: skip
_FILES: Final = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
    b"www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": b"root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n",
    "etc/shadow": b"root:*:::::::\ndaemon:*:::::::\nwww-data:*:::::::\nnobody:*:::::::\n",
    "etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files dns\n",
    "var/www/index.html": b"<!doctype html><title>Mooring</title><h1>It works</h1>\n",
}


async def ensure_starter(images: Images) -> str:
    """Return the starter image's id, importing it when it is missing. PreconditionFailed without a static busybox."""
    try:
        return images.resolve(STARTER).id
    except NotFound:
        pass
    busybox = next((path for path in _BUSYBOX if path.exists()), None)
    if busybox is None:
        raise PreconditionFailed("no busybox on this host: install the package busybox-static")
    listed = (await spawn.run([str(busybox), "--list"])).check().stdout.decode().split()
    return await images.import_tar(
        stream_blocking(_archive(busybox.read_bytes(), [name for name in listed if name != "busybox"])),
        repo=STARTER,
        tag="latest",
        changes={"Env": [_PATH], "Cmd": ["sh"]},
        message="Made from this host's busybox",
    )


def _archive(program: bytes, applets: Sequence[str]) -> Iterator[bytes]:
    if b"ld-linux" in program[:4096]:
        raise PreconditionFailed("the host's busybox is not static: install the package busybox-static")
    for name, mode in sorted(_DIRECTORIES.items()):
        yield header(TarEntry(f"{name}/", tar_reader.DIRECTORY, mode=mode))
    for name, data in _FILES.items():
        mode = 0o640 if name == "etc/shadow" else 0o644
        yield header(TarEntry(name, tar_reader.REGULAR, mode=mode, size_bytes=len(data))) + _padded(data)
    yield header(TarEntry("bin/busybox", tar_reader.REGULAR, mode=0o755, size_bytes=len(program))) + _padded(program)
    for applet in applets:
        yield header(TarEntry(f"bin/{applet}", tar_reader.HARDLINK, mode=0o755, link="bin/busybox"))
    yield header(TarEntry("usr/bin/env", tar_reader.HARDLINK, mode=0o755, link="bin/busybox"))
    yield END_OF_ARCHIVE


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)
