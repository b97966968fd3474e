"""Moving and building images beside another engine: push, pull, save, load, classic build cold and cached.

    bench/image_work.py --agent unix:///… --registry 127.0.0.1:5001 \\
        --reference unix:///run/docker.sock --reference-registry 127.0.0.1:5000 [--megabytes 300] [--rounds 3]

The image has five layers of files that compress about as programs do. Both registries must be plain HTTP on the
respective engine's loopback. A pull is followed by `sync`, which counts.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from arms import REFERENCE, docker, engines, parser, report, take_turns, timed_s


def write_files(directory: Path, megabytes: int, seed: int) -> None:
    """Files of 4 to 256 KiB, half random and half repeated words, so that gzip roughly halves them."""
    chance = random.Random(seed)
    left = megabytes << 20
    number = 0
    while left > 0:
        size = min(left, chance.randrange(4 << 10, 256 << 10))
        folder = directory / f"d{number % 40}"
        folder.mkdir(parents=True, exist_ok=True)
        words = f"{chance.random()} mooring line {number} ".encode()
        (folder / f"f{number}").write_bytes(
            chance.randbytes(size // 2) + (words * (size // len(words) + 1))[: size // 2]
        )
        left -= size
        number += 1


def context(dockerfile: str, directory: Path) -> bytes:
    """A build context as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile.encode()))
        tar.add(directory, "files")
    return out.getvalue()


def main() -> int:
    """Prepare the image on every engine, measure, remove it."""
    options = parser((__doc__ or "").split("\n")[0], rounds=3)
    options.add_argument("--registry", required=True)
    options.add_argument("--reference-registry", required=True)
    options.add_argument("--megabytes", type=int, default=600, help="of files, before compression")
    options.add_argument("--push-megabytes", type=int, default=100)
    options.add_argument("--context-megabytes", type=int, default=134)
    arguments = options.parse_args()
    hosts = engines(arguments)
    mark = f"bench/image{os.getpid()}"
    registry = {name: arguments.reference_registry if name == REFERENCE else arguments.registry for name in hosts}
    numbers = iter(range(1_000_000))

    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        work = Path(temporary)
        for layer in range(5):
            write_files(work / "image" / f"l{layer}", arguments.megabytes // 5, layer)
        copies = "".join(f"COPY files/l{layer} /data/l{layer}\n" for layer in range(5))
        image_context = context(f"FROM busybox\n{copies}", work / "image")
        write_files(work / "context", arguments.context_megabytes, 99)
        tars: dict[str, Path] = {}
        for name, host in hosts.items():
            docker(host, "build", "-q", "-t", f"{registry[name]}/{mark}:pull", "-", data=image_context)
            docker(host, "push", "-q", f"{registry[name]}/{mark}:pull")
            tars[name] = work / f"{name}.tar"

        def push(name: str) -> float:
            # content that no registry has seen: an engine mounts or skips a blob that is there already
            number = next(numbers)
            target = f"{registry[name]}/bench/push{os.getpid()}-{number}"
            fresh = work / f"push{number}"
            write_files(fresh, arguments.push_megabytes, 1000 + number)
            tree = subprocess.run(["tar", "-C", str(fresh), "-c", "."], stdout=subprocess.PIPE, check=True).stdout
            docker(hosts[name], "import", "-", target, data=tree)
            shutil.rmtree(fresh)
            took = timed_s(lambda: docker(hosts[name], "push", "-q", target))
            docker(hosts[name], "rmi", target)
            return took

        def pull(name: str) -> float:
            reference = f"{registry[name]}/{mark}:pull"
            docker(hosts[name], "rmi", "-f", reference)
            os.sync()
            return timed_s(lambda: (docker(hosts[name], "pull", "-q", reference), os.sync()))

        def save(name: str) -> float:
            return timed_s(lambda: docker(hosts[name], "save", "-o", str(tars[name]), f"{registry[name]}/{mark}:pull"))

        def load(name: str) -> float:
            if not tars[name].exists():
                save(name)
            docker(hosts[name], "rmi", "-f", f"{registry[name]}/{mark}:pull")
            os.sync()
            return timed_s(lambda: (docker(hosts[name], "load", "-q", "-i", str(tars[name])), os.sync()))

        def build(name: str, *, cached: bool) -> float:
            text = (
                "FROM busybox AS first\nCOPY files /files\nRUN ls -R /files | wc -l > /count\n"
                f"FROM busybox\nCOPY --from=first /count /count\n"
                f"LABEL n={0 if cached else next(numbers)}\nRUN cat /count\n"
            )
            data = context(text, work / "context")
            flags = [] if cached else ["--no-cache"]
            return timed_s(lambda: docker(hosts[name], "build", "-q", *flags, "-t", f"{mark}:built", "-", data=data))

        for name in hosts:
            build(name, cached=True)
        try:
            figures = take_turns(
                {
                    "push": push, "pull": pull, "save": save, "load": load,
                    "build cold": lambda name: build(name, cached=False),
                    "build cached": lambda name: build(name, cached=True),
                },
                list(hosts), arguments.rounds,
            )  # fmt: skip
        finally:
            for name, host in hosts.items():
                for reference in (f"{registry[name]}/{mark}:pull", f"{mark}:built"):
                    subprocess.run(
                        ["docker", "-H", host, "rmi", "-f", reference], stdout=subprocess.DEVNULL, check=False
                    )
    report(figures, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
