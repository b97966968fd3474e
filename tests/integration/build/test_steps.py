"""What steps do to files, to the cache and to the host: cases that a transcript cannot show."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import re
import subprocess
import tarfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from agent.build.builder import Builder
from agent.build.options import BuildOptions
from agent.host import mounts
from agent.images.images import LocalImages
from tests.fakes.chroot_engine import ChrootEngine
from tests.fakes.store import MemoryStore
from tests.integration.build.busybox_root import busybox_tar
from tests.integration.build.transcripts import context_of
from wire.errors import Internal

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="overlayfs and chroot need root"),
]


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


class Bench:
    """A builder over real images."""

    def __init__(self, directory: Path) -> None:
        self.store = MemoryStore()
        self.images = LocalImages(directory / "images", self.store)
        self.engine = ChrootEngine(self.images)
        self.builder = Builder(
            engine=self.engine,  # type: ignore[arg-type]
            images=self.images,
            store=self.store,
            state=directory / "build",
            run=directory / "run",
        )

    async def build(self, dockerfile: str, files: dict[str, Any] | None = None, **options: Any) -> str:
        """Build; returns everything shown, errors included."""
        context = context_of({"dockerfile": dockerfile, "files": files or {}})
        shown = []
        async with aclosing(self.builder.build(BuildOptions(**options), pieces(context))) as messages:
            async for message in messages:
                shown.append(str(message.get("stream") or message.get("error") or ""))
        return "".join(shown)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.images.start()
    await bench.images.import_tar(pieces(busybox_tar()), repo="busybox", changes={"Cmd": ["sh"]})
    await bench.builder.start()
    try:
        yield bench
        await bench.builder.close()
    finally:
        mounts.unmount_below(tmp_path)
        await bench.images.close()


async def test_steps_are_held_until_the_build_ends(bench: Bench) -> None:
    """A prune at any moment must leave what the next step is made of."""
    context = context_of({"dockerfile": "FROM busybox\nENV a=1\nRUN true\nENV b=2\n", "files": {}})
    made: list[str] = []
    async with aclosing(bench.builder.build(BuildOptions(), pieces(context))) as messages:
        async for message in messages:
            text = str(message.get("stream") or "")
            if re.fullmatch(r" ---> [0-9a-f]{12}\n", text):
                made.append(bench.images.resolve(text.split()[1]).id)
                assert all(image_id in bench.engine.image_holds for image_id in made)
    assert len(made) == 4
    assert not any(image_id in bench.engine.image_holds for image_id in made)


async def test_nothing_is_copied_from_or_to_outside(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("host's")
    shown = await bench.build(
        f"FROM busybox AS bad\nRUN ln -s {outside} /up; ln -s /../../../../{outside} /dots\n"
        "FROM bad\nCOPY a /up/\nCOPY a /dots/b\nWORKDIR /up/made\nCOPY --from=bad /up/secret /stolen\n",
        {"a": "1"},
    )
    assert "COPY failed: stat up/secret: file does not exist" in shown
    assert sorted(os.listdir(outside)) == ["secret"]


async def test_a_context_cannot_reach_the_host(bench: Bench) -> None:
    shown = await bench.build("FROM busybox\nCOPY passwd /p\n", {"passwd": ["/etc/passwd"]})
    assert "file not found in build context" in shown
    shown = await bench.build("FROM busybox\nCOPY d /p\nRUN cat /p/x; ls -l /p\n", {"d": None, "d/x": ["/etc/group"]})
    assert "root:x:0:" in shown  # the link itself was copied and now means the image's own file


async def test_modes_owners_and_hard_links_survive_copying_between_stages(bench: Bench) -> None:
    shown = await bench.build(
        "FROM busybox AS a\nRUN mkdir /d; echo 1>/d/s; chown 5:6 /d/s; chmod 4755 /d/s; ln /d/s /d/t; ln -s s /d/l; "
        "mkfifo /d/p; mkdir -m 1777 /d/w\nFROM busybox\nCOPY --from=a /d /e\nRUN cd /e; stat -c '%n %a %u %g %h %F' *\n"
    )
    assert (
        "l 777 0 0 1 symbolic link\np 644 0 0 1 fifo\ns 4755 5 6 2 regular file\nt 4755 5 6 2 regular file\n" in shown
    )
    assert "w 1777 0 0 2 directory" in shown


async def test_a_file_given_to_somebody_loses_its_setuid_bit(bench: Bench) -> None:
    dockerfile = "FROM busybox\nCOPY a /a\nCOPY --chmod=4711 a /b\nRUN stat -c '%n %a' /a /b\n"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, content, mode in (("Dockerfile", dockerfile.encode(), 0o644), ("a", b"", 0o4755)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
    shown = [message.get("stream") async for message in bench.builder.build(BuildOptions(), pieces(context.getvalue()))]
    assert "/a 755\n/b 4711\n" in shown


async def test_copying_replaces_what_is_in_the_way(bench: Bench) -> None:
    shown = await bench.build(
        "FROM busybox\nRUN mkdir -p /x/f /x/d; echo old >/x/f/in; ln -s /bin /x/l; echo old >/x/d/keep\n"
        "COPY t /x\nRUN cat /x/f /x/l/new; ls /x/d; ls /bin/new\n",
        {"t": None, "t/f": "file\n", "t/l": None, "t/l/new": "new\n", "t/d": None, "t/d/more": ""},
    )
    assert "file\nnew\nkeep\nmore\n" in shown
    assert "ls: /bin/new: No such file or directory" in shown


async def test_a_step_is_known_by_what_it_reads(bench: Bench) -> None:
    dockerfile = "FROM busybox\nARG v\nCOPY a /a\nRUN echo $v\n"
    await bench.build(dockerfile, {"a": "1", "b": "1"}, build_args={"v": "1"})
    again = await bench.build(dockerfile, {"a": "1", "b": "2"}, build_args={"v": "1"})
    assert again.count("Using cache") == 3
    assert (await bench.build(dockerfile, {"a": "1"}, build_args={"v": "2"})).count("Using cache") == 2
    assert (await bench.build(dockerfile, {"a": "2"}, build_args={"v": "1"})).count("Using cache") == 1
    assert "Using cache" not in await bench.build(dockerfile, {"a": "1"}, build_args={"v": "1"}, no_cache=True)


async def test_a_deleted_image_is_no_longer_known(bench: Bench) -> None:
    await bench.build("FROM busybox\nRUN echo 1\n", tags=("made",))
    await bench.images.untag("made")
    await bench.images.delete(max(bench.images.list(), key=lambda image: image.created_at).id)
    assert "Using cache" not in await bench.build("FROM busybox\nRUN echo 1\n")


async def test_bound_files_decide_a_run_and_leave_nothing(bench: Bench) -> None:
    dockerfile = "FROM busybox\nRUN --mount=source=d,target=/m/n cat /m/n/x\nRUN ls /m || echo gone\n"
    assert "one\n" in await bench.build(dockerfile, {"d": None, "d/x": "one\n"})
    assert (await bench.build(dockerfile, {"d": None, "d/x": "one\n"})).count("Using cache") == 2
    shown = await bench.build(dockerfile, {"d": None, "d/x": "two\n"})
    assert "two\n" in shown
    assert "gone\n" in shown


async def test_a_cache_mount_outlives_the_build_until_it_is_pruned(bench: Bench) -> None:
    dockerfile = "FROM busybox\nRUN --mount=type=cache,target=/c echo x >>/c/f; wc -l </c/f\n"
    assert "1\n" in await bench.build(dockerfile)
    assert "2\n" in await bench.build(dockerfile, no_cache=True)
    (record,) = await bench.builder.usage()
    assert (record.Type, record.Size, record.UsageCount, record.InUse) == ("exec.cachemount", 4, 2, False)
    report = await bench.builder.prune()
    assert report.CachesDeleted == [record.ID]
    assert report.SpaceReclaimed == 4
    assert await bench.builder.usage() == []
    assert (await bench.builder.prune()).CachesDeleted is None


async def test_a_secret_that_no_client_offers(bench: Bench) -> None:
    shown = await bench.build("FROM busybox\nRUN --mount=type=secret,id=key,required cat /run/secrets/key\n")
    assert shown.endswith("secret key: not found")
    assert "Successfully built" in await bench.build("FROM busybox\nRUN --mount=type=secret,id=key true\n")


async def test_scripts_and_documents(bench: Bench) -> None:
    shown = await bench.build(
        "FROM busybox\nRUN <<EOF\nx=3\necho $x-$0\nEOF\nRUN cat <<A && cat <<'B'\n$HOME.\nA\n$x\nB\n"
        "RUN <<EOF\n#!/bin/cat\nas a file\nEOF\nENV v=1\n"
        "COPY <<one <<'two' /d/\n$v\none\n$v\ntwo\nRUN cat /d/one /d/two\n"
    )
    assert "3-/bin/sh\n" in shown
    assert "#!/bin/cat\nas a file\n" in shown
    assert "1\n$v\n" in shown


async def test_stages_run_together_and_are_told_in_order(bench: Bench) -> None:
    # Each waits for the other through a cache directory that both see: one after the other would never end.
    wait = "echo x >/c/{0}; until [ -e /c/{1} ]; do sleep 0.05; done; echo {0} is done"
    mount = "--mount=type=cache,id=meet,target=/c"
    shown = await bench.build(
        f"FROM busybox AS a\nRUN {mount} {wait.format('a', 'b')}\n"
        f"FROM busybox AS b\nRUN {mount} {wait.format('b', 'a')}\n"
        "FROM busybox\nCOPY --from=a /bin/sh /a\nCOPY --from=b /bin/sh /b\n"
    )
    assert shown.index("a is done") < shown.index("Step 3/7") < shown.index("b is done") < shown.index("Step 5/7")


async def test_the_first_failure_in_the_files_order_is_told_and_the_rest_stopped(bench: Bench) -> None:
    shown = await bench.build(
        "FROM busybox AS a\nRUN sleep 0.2; exit 3\nFROM busybox AS b\nRUN exit 4\n"
        "FROM busybox\nCOPY --from=a /x /\nCOPY --from=b /x /\n",
        force_remove=True,
    )
    assert shown.endswith("returned a non-zero code: 3")
    assert "Step 3" not in shown
    assert not bench.engine.containers


async def test_closing_the_stream_stops_the_step_and_removes_its_container(bench: Bench, tmp_path: Path) -> None:
    context = context_of({"dockerfile": "FROM busybox\nRUN echo begun; sleep 600\n"})
    messages = bench.builder.build(BuildOptions(), pieces(context))
    async for message in messages:
        if message.get("stream") == "begun\n":
            break
    (container,) = bench.engine.containers
    await messages.aclose()
    assert not bench.engine.containers
    assert container not in os.listdir(tmp_path / "images" / "roots")
    assert not os.listdir(tmp_path / "build" / "tmp")


async def test_a_failed_container_stays_for_its_user(bench: Bench) -> None:
    await bench.build("FROM busybox\nRUN exit 3\n")
    (kept,) = bench.engine.containers
    await bench.engine.remove(kept)
    await bench.build("FROM busybox\nRUN exit 3\n", force_remove=True)
    assert not bench.engine.containers


async def test_containers_of_a_killed_agent_are_removed_at_the_next_start(bench: Bench) -> None:
    context = context_of({"dockerfile": "FROM busybox\nRUN echo begun; sleep 600\n"})
    messages = bench.builder.build(BuildOptions(), pieces(context))
    async for message in messages:
        if message.get("stream") == "begun\n":
            break
    await bench.builder.start()  # what the next agent would do first
    assert not bench.engine.containers
    assert not len(bench.store.table("build.containers"))
    await messages.aclose()


async def test_add_from_a_git_repository(bench: Bench, tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    await asyncio.to_thread(_make_repository, origin)
    server = await asyncio.start_server(lambda r, w: _serve(r, w, origin / ".git"), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        shown = await bench.build(
            f"FROM busybox\nADD http://127.0.0.1:{port}/origin.git#:sub /x/\nADD http://127.0.0.1:{port}/HEAD /h/\n"
            "RUN cat /x/file; ls -a /x; cat /h/HEAD; stat -c %a /h/HEAD\n"
        )
    assert "Using cache" not in shown
    assert "from git\n" in shown
    assert "ref: refs/heads/" in shown
    assert "600\n" in shown


def _make_repository(origin: Path) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(origin)]
    (origin / "sub").mkdir(parents=True)
    (origin / "sub/file").write_text("from git\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["update-server-info"]):
        subprocess.run([*git, *words], check=True)


async def test_a_build_gets_none_of_the_hosts_keys(bench: Bench) -> None:
    shown = await bench.build("FROM busybox\nADD git@127.0.0.1:x.git /x\n")
    assert "ssh needs a key, and a build is given none" in shown


async def test_what_the_disk_says_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("agent.build.context.os.write", full)
    with pytest.raises(Internal, match="no space left on device"):
        await bench.build("FROM busybox\n")


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, directory: Path) -> None:
    """A file server, enough for git's plain transport."""
    line = (await reader.readline()).decode()
    while (await reader.readline()).strip():
        pass
    path = line.split()[1].partition("?")[0].removeprefix("/origin.git").lstrip("/")
    file = directory / path
    body = file.read_bytes() if file.is_file() else None
    status = "200 OK" if body is not None else "404 Not Found"
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body or b'')}\r\nConnection: close\r\n\r\n".encode())
    writer.write(body or b"")
    await writer.drain()
    writer.close()
